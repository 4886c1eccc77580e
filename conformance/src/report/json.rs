//! The machine-readable report: one document, schema `lockproof.report/1`.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{CaseReport, Evidence, Outcome, Report, Verdict, frames, when};
use crate::replay::{Direction, Event};

/// The schema's name. Fields are added without a new number; none is taken away or changes its meaning.
pub(super) const SCHEMA: &str = "lockproof.report/1";

/// Events shown of a failure: the last ones.
pub(super) const EVENTS: usize = 40;

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    target: &'a str,
    implementation: &'a str,
    speaks: Vec<&'static str>,
    began: String,
    seed: u64,
    strict: bool,
    outcome: &'static str,
    cases: Vec<Case<'a>>,
    unused_expectations: &'a [String],
    totals: Map<String, Value>,
}

#[derive(Serialize)]
struct Case<'a> {
    id: &'a str,
    title: Option<&'a str>,
    target: &'a str,
    protocol: &'static str,
    level: &'static str,
    spec: &'a [String],
    delivery: &'static str,
    verdict: &'static str,
    counts: bool,
    millis: u64,
    detail: Option<&'a str>,
    #[serde(flatten)]
    failure: Option<Failure<'a>>,
}

#[derive(Serialize)]
struct Failure<'a> {
    replay: String,
    place: String,
    step: &'a str,
    problem: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<String>,
    exchange: Vec<Value>,
}

impl Report {
    /// The report as one JSON document.
    pub fn json(&self) -> String {
        let mut totals: Map<String, Value> = Verdict::ALL
            .iter()
            .map(|verdict| (verdict.name().to_owned(), self.count(*verdict).into()))
            .collect();
        totals.insert("cases".to_owned(), self.cases.len().into());
        totals.insert("millis".to_owned(), self.millis.into());
        let document = Document {
            schema: SCHEMA,
            target: &self.target,
            implementation: &self.implementation,
            speaks: self.speaks.iter().map(|protocol| protocol.name()).collect(),
            began: when::rfc3339(self.began),
            seed: self.seed,
            strict: self.strict,
            outcome: match self.outcome() {
                Outcome::Conforms => "conforms",
                Outcome::Failed => "failed",
                Outcome::Inconclusive => "inconclusive",
            },
            cases: self.cases.iter().map(|case| self.case(case)).collect(),
            unused_expectations: &self.unused_expectations,
            totals,
        };
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }

    fn case<'a>(&'a self, case: &'a CaseReport) -> Case<'a> {
        Case {
            id: &case.id,
            title: case.title.as_deref(),
            target: self.target_of(case),
            protocol: case.protocol.name(),
            level: case.level.name(),
            spec: &case.spec,
            delivery: case.delivery.name(),
            verdict: case.verdict.name(),
            counts: case.counts(self.strict),
            millis: case.millis,
            detail: case.detail.as_deref(),
            failure: case.evidence.as_ref().map(|evidence| self.evidence(case, evidence)),
        }
    }

    fn evidence<'a>(&self, case: &CaseReport, evidence: &'a Evidence) -> Failure<'a> {
        let failure = &evidence.failure;
        Failure {
            replay: self.replay_command(case),
            place: self.place(case, evidence),
            step: &failure.step,
            problem: &failure.problem,
            differences: failure.differences.iter().map(ToString::to_string).collect(),
            exchange: exchange(evidence),
        }
    }
}

fn exchange(evidence: &Evidence) -> Vec<Value> {
    let events = &evidence.transcript.events;
    let messages = frames::messages(evidence.codec, &evidence.transcript);
    let skipped = events.len().saturating_sub(EVENTS);
    events
        .iter()
        .zip(messages)
        .skip(skipped)
        .map(|(event, messages)| transfer(event, &messages))
        .collect()
}

fn transfer(event: &Event, messages: &[String]) -> Value {
    let micros = u64::try_from(event.at.as_micros()).unwrap_or(u64::MAX);
    let direction = if event.direction == Direction::Sent { "sent" } else { "received" };
    let mut transfer = json!({ "micros": micros, "conn": event.conn, "direction": direction });
    if let Some(note) = event.note {
        transfer["note"] = note.into();
    } else {
        let hex: String =
            event.bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        transfer["length"] = event.length.into();
        transfer["bytes"] = hex.into();
        transfer["messages"] = messages.into();
    }
    transfer
}
