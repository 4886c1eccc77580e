//! The machine-readable report: one document, schema `lockproof.report/1`.

use serde::Serialize;

use super::{CaseReport, Report, Verdict};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    target: &'a str,
    implementation: &'a str,
    seed: u64,
    strict: bool,
    outcome: &'static str,
    cases: Vec<Case<'a>>,
    unused_expectations: &'a [String],
    totals: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
struct Case<'a> {
    id: &'a str,
    target: &'a str,
    protocol: &'static str,
    level: &'static str,
    spec: &'a [String],
    delivery: &'static str,
    verdict: &'static str,
    millis: u64,
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<String>,
}

impl Report {
    /// The report as one JSON document.
    pub fn json(&self) -> String {
        let mut totals: serde_json::Map<String, serde_json::Value> = Verdict::ALL
            .iter()
            .map(|verdict| (verdict.name().to_owned(), self.count(*verdict).into()))
            .collect();
        totals.insert("cases".to_owned(), self.cases.len().into());
        totals.insert("millis".to_owned(), self.millis.into());
        let document = Document {
            schema: "lockproof.report/1",
            target: &self.target,
            implementation: &self.implementation,
            seed: self.seed,
            strict: self.strict,
            outcome: match self.outcome() {
                super::Outcome::Conforms => "conforms",
                super::Outcome::Failed => "failed",
                super::Outcome::Inconclusive => "inconclusive",
            },
            cases: self.cases.iter().map(|case| self.case(case)).collect(),
            unused_expectations: &self.unused_expectations,
            totals,
        };
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }

    fn case<'a>(&'a self, case: &'a CaseReport) -> Case<'a> {
        let evidence = case.evidence.as_ref();
        Case {
            id: &case.id,
            // The built-in server has another port in every run.
            target: if self.target == "embedded" { &self.target } else { &case.target },
            protocol: case.protocol.name(),
            level: case.level.name(),
            spec: &case.spec,
            delivery: case.delivery.name(),
            verdict: case.verdict.name(),
            millis: case.millis,
            detail: case.detail.as_deref(),
            replay: evidence.map(|_| self.replay_command(case)),
            step: evidence.map(|evidence| evidence.failure.step.as_str()),
            differences: evidence.map_or_else(Vec::new, |evidence| {
                evidence.failure.differences.iter().map(ToString::to_string).collect()
            }),
        }
    }
}
