//! Every defect is noticed, nothing is noticed where there is none, and `docs/results/defects.*` tells the truth.
//!
//! One test a defect, one for each correct server, and some for the judge of them. `LOCKPROOF_BLESS=1 cargo test -p lockproof-conformance --test
//! defects` writes the matrix; a run of all of them compares it.

mod judge;
mod matrix;
mod planted;
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use judge::{Notice, is_special, noticed};
use libtest_mimic::{Arguments, Failed, Trial};
use lockproof_conformance::replay::Delivery;
use lockproof_conformance::session::Level;
use lockproof_conformance::suite::{self, Case};
use lockproof_defects::{KINDS, Kind};

/// Real time for one case; the longest takes a second or two on a busy machine.
const LIMIT: Duration = Duration::from_mins(2);

/// Tests shown at the end, the slowest first.
const SLOWEST: usize = 5;

/// Who noticed what, by protocol and defect (empty for the correct server), and how long that took.
type Found = Arc<Mutex<BTreeMap<(&'static str, &'static str), (Vec<Notice>, Duration)>>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let all = suite::all().expect("every session parses");
    let found = Found::default();
    let mut trials: Vec<Trial> = KINDS
        .into_iter()
        .flat_map(|kind| {
            let cases = cases_of(kind, &all);
            let defects = kind.defects.iter().map(|defect| Some(defect.name));
            let servers: Vec<_> = std::iter::once(None).chain(defects).collect();
            let found = found.clone();
            servers.into_iter().map(move |defect| trial(kind, defect, cases.clone(), found.clone()))
        })
        .collect();
    let wanted = trials.len();
    trials.extend(planted::trials(&all));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.list {
        return conclusion.exit_code();
    }
    let found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    tell_times(&found);
    if conclusion.has_failed() || found.len() < wanted {
        println!("the matrix was not looked at: {} of {wanted} servers were judged", found.len());
        return conclusion.exit_code();
    }
    settle(found, &all)
}

/// The cases that judge a server of this kind. Info judges nobody.
fn cases_of(kind: Kind, all: &[Arc<Case>]) -> Vec<Arc<Case>> {
    all.iter()
        .filter(|case| case.protocol().name() == kind.protocol && case.level() != Level::Info)
        .cloned()
        .collect()
}

fn trial(kind: Kind, defect: Option<&'static str>, cases: Vec<Arc<Case>>, found: Found) -> Trial {
    let name = format!("{}::{}", kind.protocol, defect.unwrap_or("no-defect"));
    Trial::test(name, move || {
        let begun = Instant::now();
        let notices = match defect {
            None => nothing_noticed(kind, &cases)?,
            Some(defect) => something_noticed(kind, defect, &cases)?,
        };
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (kind.protocol, defect.unwrap_or_default());
        found.insert(key, (notices, begun.elapsed()));
        Ok(())
    })
}

fn nothing_noticed(kind: Kind, cases: &[Arc<Case>]) -> Result<Vec<Notice>, Failed> {
    let mut notices = Vec::new();
    for delivery in Delivery::ALL {
        notices.extend(noticed(kind, None, cases, delivery, LIMIT)?);
    }
    if notices.is_empty() {
        return Ok(notices);
    }
    let lines = notices
        .iter()
        .map(|notice| format!("{} ({}): {}", notice.case, notice.delivery.name(), notice.what));
    let lines: Vec<_> = lines.collect();
    Err(format!("the server without a defect fails:\n{}", lines.join("\n")).into())
}

fn something_noticed(
    kind: Kind,
    defect: &'static str,
    cases: &[Arc<Case>],
) -> Result<Vec<Notice>, Failed> {
    let (plain, special): (Vec<_>, Vec<_>) =
        cases.iter().cloned().partition(|case| !is_special(case));
    for delivery in Delivery::ALL {
        for cases in [&plain, &special] {
            let notices = noticed(kind, Some(defect), cases, delivery, LIMIT)?;
            if !notices.is_empty() {
                return Ok(notices);
            }
        }
    }
    Err(format!("no case of {} notices {defect}", kind.protocol).into())
}

fn tell_times(found: &BTreeMap<(&str, &str), (Vec<Notice>, Duration)>) {
    let total: Duration = found.values().map(|(_, took)| *took).sum();
    println!("{} servers judged in {total:.1?}, added up; the slowest:", found.len());
    let mut times: Vec<_> = found.iter().map(|(name, (_, took))| (*took, *name)).collect();
    times.sort_by(|a, b| b.cmp(a));
    for (took, (protocol, defect)) in times.into_iter().take(SLOWEST) {
        println!("  {took:>8.1?}  {protocol} {defect}");
    }
}

/// Holds the matrix against the committed one, or writes it.
fn settle(
    mut found: BTreeMap<(&'static str, &'static str), (Vec<Notice>, Duration)>,
    all: &[Arc<Case>],
) -> ExitCode {
    let protocols = KINDS.map(|kind| {
        let cases = cases_of(kind, all);
        let notices = kind.defects.iter().map(|defect| {
            let (notices, _) = found.remove(&(kind.protocol, defect.name)).unwrap_or_default();
            (defect.name, notices)
        });
        matrix::Protocol { kind, cases, notices: notices.collect() }
    });
    let files =
        [("defects.md", matrix::markdown(&protocols)), ("defects.csv", matrix::csv(&protocols))];
    let bless = std::env::var_os("LOCKPROOF_BLESS").is_some();
    let mut stale = false;
    for (name, text) in files {
        let path = results().join(name);
        if std::fs::read_to_string(&path).is_ok_and(|committed| committed == text) {
            continue;
        }
        if bless {
            std::fs::write(&path, text).expect("the file can be written");
            println!("docs/results/{name}: written");
        } else {
            stale = true;
            println!("docs/results/{name} differs from what the suite notices now");
        }
    }
    if stale {
        println!(
            "to write what is true now: LOCKPROOF_BLESS=1 cargo test -p lockproof-conformance --test defects"
        );
        return ExitCode::from(101);
    }
    ExitCode::SUCCESS
}

fn results() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/results")
}
