//! How people are told.

use std::fmt::Write;
use std::ops::Range;

use super::{Counts, Failure, Report, SHOWN, Swept, json, reached};
use crate::record::Recording;
use crate::run::{Outcome, Run};
use crate::{provenance, story};

pub(super) fn report(report: &Report) -> String {
    let mut text = String::new();
    let Range { start, end } = report.seeds;
    let _ = writeln!(text, "lockproof sim  server {}  seeds {start}..{end}", report.server);
    let width = report.swept.iter().map(|swept| swept.name.len()).max().unwrap_or_default();
    for Swept { name, found, .. } in &report.swept {
        Counts::from(found).show(&mut text, name, width);
    }
    reached::show(&mut text, &report.reached(), report.all_marks);
    for swept in &report.swept {
        swept.failures.iter().for_each(|failure| show(report, &mut text, &swept.name, failure));
        name_the_rest(&mut text, swept);
        if let Some(suspects) = reached::suspects(&swept.found) {
            let _ = writeln!(text, "\n  {suspects}");
        }
    }
    let counts = report.counts();
    if counts.failed > 0 {
        let _ = writeln!(text, "\n{}", provenance::line());
    }
    if let Some(timeline) = &report.timeline {
        let _ = writeln!(text, "{timeline}");
    }
    let (runs, seconds) = (counts.runs(), report.took.as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a rate, shown without digits")]
    let rate = runs as f64 / seconds.max(0.001);
    let outcome = counts.outcome();
    let _ = writeln!(text, "{outcome}: {runs} runs in {seconds:.1} s, {rate:.0} a second");
    text
}

fn show(report: &Report, text: &mut String, name: &str, failure: &Failure) {
    let Failure { seed, run, outcome, planned, tries, .. } = failure;
    let _ = writeln!(text, "\nFAIL  {name}  seed {seed}");
    if let Some(story) = failure.story() {
        let _ = writeln!(text, "  {story}");
    }
    show_violations(text, outcome);
    let (left, spoken) = (run.plan.faults.len(), spoken(name, run));
    if left < *planned {
        let _ = writeln!(text, "  plan{spoken}, {left} of {planned} faults ({tries} runs):");
    } else {
        let _ = writeln!(text, "  plan{spoken}:");
    }
    show_plan(text, run);
    show_hash(text, outcome);
    let _ = writeln!(text, "  again:  {}", report.again(name, *seed));
}

/// What clients speak, where the subject's name does not say so: a random plan draws it.
fn spoken(name: &str, run: &Run) -> String {
    let protocol = run.config.protocol.name();
    let is_said = name.split('/').next() == Some(protocol);
    if is_said { String::new() } else { format!(" in {protocol}") }
}

fn name_the_rest(text: &mut String, swept: &Swept) {
    let rest: Vec<String> =
        swept.found.failed.keys().skip(SHOWN).map(ToString::to_string).collect();
    if !rest.is_empty() {
        let _ =
            writeln!(text, "\n  {} failed with these seeds too: {}", swept.name, rest.join(" "));
    }
}

fn show_violations(text: &mut String, outcome: &Outcome) {
    for violation in &outcome.violations {
        let _ = writeln!(text, "  {violation}");
    }
    if !outcome.marks.is_empty() && !outcome.violations.is_empty() {
        let marks: Vec<&str> = outcome.marks.iter().map(String::as_str).collect();
        let _ = writeln!(text, "  marks reached: {}", marks.join(", "));
    }
    for fault in &outcome.inert {
        let _ = writeln!(text, "  inert: {}", fault.to_string().trim_start());
    }
}

fn show_plan(text: &mut String, run: &Run) {
    for line in run.plan.to_string().lines() {
        let _ = writeln!(text, "    {line}");
    }
}

fn show_hash(text: &mut String, outcome: &Outcome) {
    // A run that came to no end has none.
    if outcome.hash != 0 {
        let _ = writeln!(text, "  hash {}", json::hash(outcome.hash));
    }
}

/// One run from a file: for programs, or for people.
pub fn replayed(
    run: &Run,
    outcome: &Outcome,
    recording: Option<&Recording>,
    as_json: bool,
) -> String {
    let story = recording.and_then(|recording| story::tell(outcome, recording, &run.plan));
    if as_json {
        return format!("{:#}", json::replayed(run, outcome, story.as_deref()));
    }
    let mut text = format!("lockproof sim  server {}  seed {}\n  plan:\n", run.server, run.seed);
    show_plan(&mut text, run);
    if let Some(story) = story {
        let _ = writeln!(text, "  {story}");
    }
    show_violations(&mut text, outcome);
    show_hash(&mut text, outcome);
    let _ = writeln!(text, "{}", outcome.word());
    text
}
