//! The judge of the defects, judged: echo servers that do what no defect may, and that it must name.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use lockproof_conformance::replay::Delivery;
use lockproof_conformance::suite::Case;
use lockproof_defects::{Defect, Kind, Server, Serving, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::judge::{GREETING, noticed};

/// Of real time; the server that spins does so for longer.
const LIMIT: Duration = Duration::from_millis(500);
const SPINS_FOR: Duration = Duration::from_secs(2);

const PLANTED: Kind = Kind {
    protocol: "echo",
    defects: &[
        Defect { name: "none", about: "Echoes." },
        Defect { name: "mute", about: "Never answers." },
        Defect { name: "panics", about: "Panics at once." },
        Defect { name: "spins", about: "Never waits, so that paused time stands still." },
        Defect { name: "shouts", about: "Answers in capitals, but a greeting as it should." },
    ],
    start: |defect, _clock, _setup| Rc::new(Planted(defect.unwrap_or("none"))),
};

struct Planted(&'static str);

impl Server for Planted {
    fn serve(self: Rc<Self>, stream: Box<dyn Stream>) -> Serving {
        Box::pin(echo(self.0, stream))
    }
}

async fn echo(defect: &'static str, mut stream: Box<dyn Stream>) -> io::Result<()> {
    let spinning = Instant::now();
    while defect == "spins" && spinning.elapsed() < SPINS_FOR {
        tokio::task::yield_now().await;
    }
    if defect == "panics" {
        // Without the message that would look like a fault among the tests' output.
        std::panic::resume_unwind(Box::new("asked for"));
    }
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).await?;
        let bytes = &mut chunk[..count];
        if defect == "shouts" && !bytes.starts_with(b"hello from lockproof") {
            bytes.make_ascii_uppercase();
        }
        match defect {
            _ if count == 0 => return Ok(()),
            "mute" => {}
            _ => stream.write_all(bytes).await?,
        }
    }
}

/// What the judge makes of each of them, by one plain case.
pub(crate) fn trials(all: &[Arc<Case>]) -> Vec<Trial> {
    let case = all.iter().find(|case| case.id() == "echo/strings/one").cloned();
    let test = |name: &str, defect, holds: fn(Judged) -> bool| {
        let case = case.clone();
        Trial::test(format!("judge::{name}"), move || judged(defect, case, holds))
    };
    vec![
        test("a_harmless_defect_is_not_noticed", "none", |judged| judged == Ok(vec![])),
        test("a_defect_is_noticed", "shouts", |judged| {
            judged == Ok(vec!["echo/strings/one".to_owned()])
        }),
        test("a_server_that_is_mute_fails_the_greeting", "mute", |judged| {
            judged == Ok(vec![GREETING.to_owned()])
        }),
        test("a_panic_is_no_defect", "panics", |judged| {
            judged.is_err_and(|why| why.contains("echo/strings/one") && why.contains("panicked"))
        }),
        test("a_server_that_spins_is_told_of", "spins", |judged| {
            judged.is_err_and(|why| why.contains("echo/strings/one") && why.contains("it spins"))
        }),
    ]
}

type Judged = Result<Vec<String>, String>;

fn judged(
    defect: &'static str,
    case: Option<Arc<Case>>,
    holds: fn(Judged) -> bool,
) -> Result<(), Failed> {
    let case = case.ok_or("the suite has no such case any more: take another one")?;
    let limit = if defect == "spins" { LIMIT } else { super::LIMIT };
    let judged = noticed(PLANTED, Some(defect), &[case], Delivery::Whole, limit)
        .map(|notices| notices.into_iter().map(|notice| notice.case).collect());
    if holds(Judged::clone(&judged)) { Ok(()) } else { Err(format!("{judged:?}").into()) }
}
