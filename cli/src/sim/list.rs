//! `lockproof sim list`.

use std::fmt::Write;

use lockproof_sim::known_bad::KnownBad;
use lockproof_sim::scenario::Scenario;
use lockproof_sim::subject::SWARM;
use serde_json::{Value, json};

use super::arguments::SimFormat;

/// The scenarios and the flawed servers.
pub(super) fn text(format: SimFormat) -> String {
    match format {
        SimFormat::Human => human_list(),
        SimFormat::Json => format!("{:#}", json_list()),
    }
}

fn human_list() -> String {
    let mut text = String::from("scenarios:\n");
    let width = Scenario::all().map(|scenario| scenario.name().len()).max().unwrap_or_default();
    for scenario in Scenario::all() {
        let _ = writeln!(text, "  {:<width$}  {}", scenario.name(), scenario.about());
    }
    let _ = writeln!(text, "  {SWARM:<width$}  a random plan from every seed");
    text.push_str("servers:\n  reference  the one that users run\n");
    for flaw in KnownBad::every() {
        let _ = writeln!(text, "  {:<9}  {}", flaw.name(), flaw.about());
    }
    text
}

fn json_list() -> Value {
    let scenario = |scenario: Scenario| {
        let catches: Vec<_> = scenario.catches().iter().map(|flaw| flaw.name()).collect();
        json!({ "name": scenario.name(), "about": scenario.about(), "catches": catches })
    };
    let scenarios: Vec<Value> = Scenario::all().map(scenario).collect();
    let flaw = |flaw: KnownBad| json!({ "name": flaw.name(), "about": flaw.about() });
    let flaws: Vec<Value> = KnownBad::every().map(flaw).collect();
    json!({ "schema": "lockproof.scenarios/1", "scenarios": scenarios, "known_bad": flaws })
}
