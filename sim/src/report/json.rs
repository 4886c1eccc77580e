//! The report for programs: an object about a range of seeds.
//!
//! Objects about neighbouring ranges merge: counts add up, lists of seeds are joined, and a hash is the exclusive or of
//! its parts, so that shards run anywhere and come to what one run would have come to.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Failure, Report, Swept, reached};
use crate::provenance;
use crate::run::{Outcome, Run};

/// What a report of seeds calls itself.
pub(super) const SCHEMA: &str = "lockproof.sim/1";

pub(super) fn report(report: &Report) -> Value {
    let scenarios: Vec<Value> = report.swept.iter().map(|swept| of(report, swept)).collect();
    json!({
        "schema": SCHEMA,
        "outcome": report.counts().outcome(),
        "server": report.server.to_string(),
        "seeds": { "from": report.seeds.start, "to": report.seeds.end },
        "scenarios": scenarios,
        "build": provenance::json(),
        "millis": millis(report.took),
    })
}

fn of(report: &Report, swept: &Swept) -> Value {
    let failures: Vec<Value> =
        swept.failures.iter().map(|failure| failed(report, swept, failure)).collect();
    json!({
        "name": swept.name,
        "ok": swept.found.ok,
        "wasted": swept.found.wasted,
        "hash": hash(swept.found.hash),
        "marks": reached::as_json(&swept.found.marks),
        "failed": swept.found.failed.keys().collect::<Vec<_>>(),
        "failures": failures,
    })
}

fn failed(report: &Report, swept: &Swept, failure: &Failure) -> Value {
    json!({
        "seed": failure.seed,
        "story": failure.story(),
        "violations": failure.outcome.violations,
        "run": failure.run,
        "planned": failure.planned,
        "hash": hash(failure.outcome.hash),
        "again": report.again(&swept.name, failure.seed),
    })
}

/// One run from a file.
pub(super) fn replayed(run: &Run, outcome: &Outcome, story: Option<&str>) -> Value {
    json!({
        "schema": "lockproof.sim-replay/1",
        "word": outcome.word(),
        "story": story,
        "violations": outcome.violations,
        "inert": outcome.inert,
        "hash": hash(outcome.hash),
        "run": run,
        "build": provenance::json(),
    })
}

pub(super) fn hash(hash: u64) -> String {
    format!("0x{hash:016x}")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
