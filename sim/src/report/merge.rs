//! Reports of neighbouring seeds, made one.

use std::fmt::{Display, Write};
use std::ops::Range;

use serde_json::{Value, json};

use super::counts::Counts;
use super::json::{SCHEMA, hash};
use super::reached;

/// Failures that people are told in full.
const SHOWN: usize = 10;

/// A report that was read.
struct Part {
    name: String,
    seeds: Range<u64>,
    document: Value,
}

/// The report of all.
#[derive(Clone, Debug)]
pub struct Merged {
    document: Value,
    all_marks: bool,
}

impl Merged {
    /// Makes one report of several, of which each has a name for complaints; their order does not matter. With
    /// `all_marks`, every mark of the server must have been reached.
    ///
    /// # Errors
    ///
    /// A sentence: a text that is no report, seeds that are missing or are there twice, reports that are about different
    /// things or made by different builds.
    pub fn of(reports: &[(String, String)], all_marks: bool) -> Result<Self, String> {
        let parts = reports.iter().map(|(name, text)| read(name, text));
        let mut parts: Vec<Part> = parts.collect::<Result<_, _>>()?;
        parts.sort_by_key(|part| part.seeds.start);
        for pair in parts.windows(2) {
            let [one, next] = pair else { continue };
            fits(one, next)?;
        }
        let mut parts = parts.into_iter();
        let first = parts.next().ok_or("no reports to merge")?;
        let mut document = first.document;
        for part in parts {
            add(&mut document, &part.document);
        }
        let mut whole = Self { document, all_marks };
        whole.document["outcome"] = json!(whole.counts().outcome());
        Ok(whole)
    }

    /// What all scenarios came to.
    pub fn counts(&self) -> Counts {
        let counts: Counts = list(&self.document["scenarios"]).iter().map(counts_of).sum();
        let missed_a_mark = self.all_marks && reached::are_missing(&marks_of(&self.document));
        Counts { missed_a_mark, ..counts }
    }

    /// For programs.
    pub fn json(&self) -> &Value {
        &self.document
    }

    /// For people.
    pub fn human(&self) -> String {
        human(self)
    }
}

fn read(name: &str, text: &str) -> Result<Part, String> {
    let wrong = |error: &dyn Display| format!("{name}: {error}");
    let no_report = format!("no report of `lockproof sim --format json` ({SCHEMA})");
    let document: Value =
        serde_json::from_str(text).map_err(|error| wrong(&format!("{no_report}: {error}")))?;
    if document["schema"] != SCHEMA {
        return Err(wrong(&no_report));
    }
    let bound = |name: &str| document["seeds"][name].as_u64();
    let seeds = bound("from").zip(bound("to")).map(|(from, to)| from..to);
    let seeds = seeds.ok_or_else(|| wrong(&"it does not say which seeds were run"))?;
    Ok(Part { name: name.to_owned(), seeds, document })
}

/// Whether the second goes on where the first ends, about the same thing.
fn fits(one: &Part, next: &Part) -> Result<(), String> {
    let (end, start) = (one.seeds.end, next.seeds.start);
    let names = format!("{} and {}", one.name, next.name);
    if start > end {
        return Err(format!("{names}: seeds {end}..{start} are missing between them"));
    }
    if start < end {
        return Err(format!("{names}: both have seed {start}"));
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
    Err(format!("{names}: not the same {what}, so there is no sum"))
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
        let both = [&scenario["marks"], &added["marks"]].map(reached::from_json);
        scenario["marks"] = reached::as_json(&reached::sum(&both));
        for name in ["failed", "failures"] {
            if let Some(all) = scenario[name].as_array_mut() {
                all.extend(list(&added[name]).iter().cloned());
            }
        }
    }
}

fn human(merged: &Merged) -> String {
    let whole = &merged.document;
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
    reached::show(&mut text, &marks_of(whole), merged.all_marks);
    let failures = || scenarios.iter().flat_map(|scenario| list(&scenario["failures"]));
    for failure in failures().take(SHOWN) {
        let story = words(&failure["story"]);
        let story = if story.is_empty() { words(&failure["violations"][0]["text"]) } else { story };
        let _ = writeln!(text, "\nFAIL  seed {}\n  {story}", number(&failure["seed"]));
        let _ = writeln!(text, "  again:  {}", words(&failure["again"]));
    }
    let more = failures().count().saturating_sub(SHOWN);
    if more > 0 {
        let _ = writeln!(text, "\n{more} more are told in the JSON report");
    }
    for scenario in scenarios.iter().filter(|one| !list(&one["failed"]).is_empty()) {
        let failed: Vec<String> = list(&scenario["failed"]).iter().map(Value::to_string).collect();
        let _ = writeln!(text, "\n{} failed with {}", words(&scenario["name"]), failed.join(" "));
    }
    let counts = merged.counts();
    let _ = writeln!(text, "{}: {} runs", counts.outcome(), counts.runs());
    text
}

fn marks_of(whole: &Value) -> reached::Counted {
    let each: Vec<reached::Counted> =
        list(&whole["scenarios"]).iter().map(|one| reached::from_json(&one["marks"])).collect();
    reached::sum(&each)
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
