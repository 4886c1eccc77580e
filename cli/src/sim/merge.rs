//! `lockproof sim merge`: reports of neighbouring seeds, made one.

use std::fmt::{Display, Write};
use std::ops::Range;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::arguments::{Merge, SimFormat};
use super::counts::Counts;
use super::json::{SCHEMA, hash};
use super::marks;
use crate::exit::Problem;

/// A report from a file.
struct Part {
    name: String,
    seeds: Range<u64>,
    document: Value,
}

/// One report of all; the files' order does not matter.
pub(super) fn merged(merge: &Merge) -> Result<Value, Problem> {
    let mut parts: Vec<Part> = merge.reports.iter().map(read).collect::<Result<_, _>>()?;
    parts.sort_by_key(|part| part.seeds.start);
    for pair in parts.windows(2) {
        let [one, next] = pair else { continue };
        fits(one, next)?;
    }
    let mut parts = parts.into_iter();
    let first = parts.next().ok_or_else(|| Problem::usage("no reports to merge"))?;
    let mut whole = first.document;
    for part in parts {
        add(&mut whole, &part.document);
    }
    let outcome = counts(&whole, merge.all_marks).outcome();
    whole["outcome"] = json!(outcome);
    Ok(whole)
}

fn read(file: &PathBuf) -> Result<Part, Problem> {
    let name = file.display().to_string();
    let wrong = |error: &dyn Display| Problem::usage(format!("{name}: {error}"));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    let no_report = format!("no report of `lockproof sim --format json` ({SCHEMA})");
    let document: Value =
        serde_json::from_str(&text).map_err(|error| wrong(&format!("{no_report}: {error}")))?;
    if document["schema"] != SCHEMA {
        return Err(wrong(&no_report));
    }
    let bound = |name: &str| document["seeds"][name].as_u64();
    let seeds = bound("from").zip(bound("to")).map(|(from, to)| from..to);
    let seeds = seeds.ok_or_else(|| wrong(&"it does not say which seeds were run"))?;
    Ok(Part { name, seeds, document })
}

/// Whether the second goes on where the first ends, about the same thing.
fn fits(one: &Part, next: &Part) -> Result<(), Problem> {
    let (end, start) = (one.seeds.end, next.seeds.start);
    let names = format!("{} and {}", one.name, next.name);
    if start > end {
        return Err(Problem::usage(format!(
            "{names}: seeds {end}..{start} are missing between them"
        )));
    }
    if start < end {
        return Err(Problem::usage(format!("{names}: both have seed {start}")));
    }
    let subjects = |part: &Part| -> Vec<Value> {
        list(&part.document["scenarios"]).iter().map(|one| one["name"].clone()).collect()
    };
    let differs = |name: &str| one.document[name] != next.document[name];
    let what = if differs("server") {
        "server"
    } else if differs("build") {
        "build"
    } else if subjects(one) != subjects(next) {
        "list of scenarios"
    } else {
        return Ok(());
    };
    Err(Problem::usage(format!("{names}: not the same {what}, so there is no sum")))
}

fn add(whole: &mut Value, part: &Value) {
    whole["seeds"]["to"] = part["seeds"]["to"].clone();
    whole["millis"] = json!(number(&whole["millis"]) + number(&part["millis"]));
    let added = list(&part["scenarios"]);
    let Some(scenarios) = whole["scenarios"].as_array_mut() else { return };
    for (scenario, added) in scenarios.iter_mut().zip(added) {
        for name in ["ok", "wasted"] {
            scenario[name] = json!(number(&scenario[name]) + number(&added[name]));
        }
        scenario["hash"] = json!(hash(unhash(&scenario["hash"]) ^ unhash(&added["hash"])));
        let both = [&scenario["marks"], &added["marks"]].map(marks::from_json);
        scenario["marks"] = marks::as_json(&marks::sum(&both));
        for name in ["failed", "failures"] {
            if let Some(all) = scenario[name].as_array_mut() {
                all.extend(list(&added[name]).iter().cloned());
            }
        }
    }
}

pub(super) fn text(whole: &Value, merge: &Merge) -> String {
    match merge.format {
        SimFormat::Human => human(whole, merge.all_marks),
        SimFormat::Json => format!("{whole:#}"),
    }
}

fn human(whole: &Value, all_marks: bool) -> String {
    let words = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let seeds = &whole["seeds"];
    let mut text = format!(
        "lockproof sim  server {}  seeds {}..{}\n",
        words(&whole["server"]),
        number(&seeds["from"]),
        number(&seeds["to"])
    );
    let scenarios = list(&whole["scenarios"]);
    let width = scenarios.iter().map(|one| words(&one["name"]).len()).max().unwrap_or_default();
    for scenario in scenarios {
        counts_of(scenario).show(&mut text, &words(&scenario["name"]), width);
    }
    marks::show(&mut text, &marks_of(whole), all_marks);
    for failure in scenarios.iter().flat_map(|scenario| list(&scenario["failures"])) {
        let story = words(&failure["story"]);
        let story = if story.is_empty() { words(&failure["violations"][0]["text"]) } else { story };
        let _ = writeln!(text, "\nFAIL  seed {}\n  {story}", number(&failure["seed"]));
        let _ = writeln!(text, "  again:  {}", words(&failure["again"]));
    }
    for scenario in scenarios.iter().filter(|one| !list(&one["failed"]).is_empty()) {
        let failed: Vec<String> = list(&scenario["failed"]).iter().map(Value::to_string).collect();
        let _ = writeln!(text, "\n{} failed with {}", words(&scenario["name"]), failed.join(" "));
    }
    let counts = counts(whole, all_marks);
    let _ = writeln!(text, "{}: {} runs", counts.outcome(), counts.runs());
    text
}

/// What all scenarios came to.
pub(super) fn counts(whole: &Value, all_marks: bool) -> Counts {
    let counts: Counts = list(&whole["scenarios"]).iter().map(counts_of).sum();
    let missed_a_mark = all_marks && marks::are_missing(&marks_of(whole));
    Counts { missed_a_mark, ..counts }
}

fn marks_of(whole: &Value) -> marks::Counted {
    let each: Vec<marks::Counted> =
        list(&whole["scenarios"]).iter().map(|one| marks::from_json(&one["marks"])).collect();
    marks::sum(&each)
}

fn counts_of(scenario: &Value) -> Counts {
    Counts {
        ok: number(&scenario["ok"]),
        wasted: number(&scenario["wasted"]),
        failed: list(&scenario["failed"]).len() as u64,
        missed_a_mark: false,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn unhash(value: &Value) -> u64 {
    let digits = value.as_str().unwrap_or_default().trim_start_matches("0x");
    u64::from_str_radix(digits, 16).unwrap_or_default()
}
