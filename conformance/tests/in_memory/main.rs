//! The whole suite against the reference server in memory and in paused time: no socket, no wait, no other clock.
//!
//! A test for each protocol and delivery; every case has a new server. Seconds of processor time for hours of
//! expiry, so this is what mutation tests of the pure rooms run (`ci/mutants`). Left out: real sockets
//! (`tests/conformance.rs`).

mod server;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use lockproof_conformance::replay::{Delivery, Options};
use lockproof_conformance::session::Level;
use lockproof_conformance::stage::Stage;
use lockproof_conformance::suite::{self, Case};
use lockproof_conformance::target::Target;
use lockproof_conformance::wire::Protocol;
use tokio::runtime::{Builder, RngSeed};
use tokio::task::LocalSet;

use server::Memory;

/// Virtual time.
const TIMEOUT: Duration = Duration::from_secs(20);

const SEED: u64 = 7;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let all = suite::all().expect("every session parses");
    let (told, judging): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|case| case.level() == Level::Info);
    let mut trials = trials(&judging, &Delivery::ALL, Delivery::name);
    // Info judges no stranger's server; ours passes it too.
    trials.extend(self::trials(&told, &[Delivery::Whole], |_| "info"));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials(
    cases: &[Arc<Case>],
    deliveries: &[Delivery],
    name: fn(Delivery) -> &'static str,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for protocol in Protocol::ALL {
        let own = cases.iter().filter(|case| case.protocol() == protocol);
        let cases: Vec<Arc<Case>> = own.cloned().collect();
        for &delivery in deliveries {
            let cases = cases.clone();
            let name = format!("{}::{}", protocol.name(), name(delivery));
            trials.push(Trial::test(name, move || all_pass(&cases, delivery)));
        }
    }
    trials
}

/// Ends with the first case that fails: who mutates the server needs no more.
fn all_pass(cases: &[Arc<Case>], delivery: Delivery) -> Result<(), Failed> {
    for case in cases {
        plays(case, delivery).map_err(|problem| format!("{}: {problem}", case.id()))?;
    }
    Ok(())
}

fn plays(case: &Case, delivery: Delivery) -> Result<(), String> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .rng_seed(RngSeed::from_bytes(&SEED.to_be_bytes()))
        .build()
        .map_err(|error| error.to_string())?;
    LocalSet::new().block_on(&runtime, async {
        let world = Memory::start(case);
        // The world knows where the server is.
        let url = format!("{}://127.0.0.1:0?fresh=yes", case.protocol().server().name());
        let target = Target::parse(&url).map_err(|error| error.to_string())?;
        let stage = Stage::on(world, target, TIMEOUT).await.map_err(|error| error.to_string())?;
        let options = Options { delivery, timeout: TIMEOUT, seed: SEED };
        match stage.play(&case.session, options).await.failure {
            None => Ok(()),
            Some(failure) => Err(format!(
                "line {}: {}: {} {:?}",
                failure.line, failure.step, failure.problem, failure.differences
            )),
        }
    })
}
