//! What `lockproof sim` found, and how people are told.

use std::fmt::Write;
use std::ops::Range;
use std::time::{Duration, Instant};

use lockproof_sim::record::Recording;
use lockproof_sim::run::{Outcome, Run};
use lockproof_sim::server::Server;
use lockproof_sim::shrink::{Shrunk, shrink_by};
use lockproof_sim::story;
use lockproof_sim::sweep::{self, Sweep};

use super::arguments::SimFormat;
use super::child::Judge;
use super::counts::Counts;
use super::{Subject, json, marks, provenance};

/// Failing seeds of a subject that are shown in full; of the others the numbers.
const SHOWN: usize = 3;

/// Making a plan small takes no longer: one that hangs costs the watchdog's patience at every try.
const SHRINKING_MAX: Duration = Duration::from_mins(1);

/// All that was run.
pub(super) struct Report {
    pub(super) server: Server,
    pub(super) seeds: Range<u64>,
    pub(super) swept: Vec<Swept>,
    pub(super) took: Duration,
    /// Whether every mark of the server must have been reached.
    pub(super) all_marks: bool,
    /// Of what a picture was drawn.
    pub(super) timeline: Option<String>,
}

/// All seeds of one subject.
pub(super) struct Swept {
    pub(super) name: String,
    pub(super) found: Sweep,
    pub(super) failures: Vec<Failure>,
}

/// A failing seed, with the smallest plan that still fails.
pub(super) struct Failure {
    pub(super) seed: u64,
    pub(super) run: Run,
    pub(super) outcome: Outcome,
    pub(super) recording: Option<Recording>,
    pub(super) planned: usize,
    pub(super) tries: usize,
}

impl Swept {
    fn of(subject: Subject, server: Server, found: Sweep, judge: &mut Judge) -> Self {
        let shown = found.failed.iter().take(SHOWN);
        let failures = shown
            .map(|(seed, outcome)| Failure::of(&subject.with(server, *seed), outcome, judge))
            .collect();
        Self { name: subject.name(), found, failures }
    }
}

impl Failure {
    fn of(run: &Run, outcome: &Outcome, judge: &mut Judge) -> Self {
        let planned = run.plan.faults.len();
        let mut shrunk = Shrunk { run: run.clone(), tries: 0 };
        // What becomes of the smallest plan so far, and what happened.
        let mut smallest = (outcome.clone(), None);
        if let Some(worst) = outcome.violations.first() {
            let until = Instant::now() + SHRINKING_MAX;
            shrunk = shrink_by(run, worst.kind, |smaller| {
                let answer = (Instant::now() < until).then(|| judge.recorded(smaller))?;
                let kind = answer.0.violations.first()?.kind;
                if kind == worst.kind {
                    smallest = answer;
                }
                Some(kind)
            });
        }
        let (mut outcome, mut recording) = smallest;
        let has_ended = |outcome: &Outcome| outcome.hash != 0;
        if recording.is_none() && has_ended(&outcome) {
            (outcome, recording) = judge.recorded(run);
        }
        let Shrunk { run: small, tries } = shrunk;
        Self { seed: run.seed, run: small, outcome, recording, planned, tries }
    }
}

impl Failure {
    /// What happened, in a sentence.
    pub(super) fn story(&self) -> Option<String> {
        story::tell(&self.outcome, self.recording.as_ref()?, &self.run.plan)
    }
}

impl Report {
    pub(super) fn of(
        server: Server,
        subjects: &[Subject],
        found: sweep::Swept,
        took: Duration,
        judge: &mut Judge,
    ) -> Self {
        let seeds = found.seeds;
        let found = subjects.iter().zip(found.subjects);
        let swept = found.map(|(subject, found)| Swept::of(*subject, server, found, judge));
        Self { server, seeds, swept: swept.collect(), took, all_marks: false, timeline: None }
    }

    /// What all of it came to.
    pub(super) fn counts(&self) -> Counts {
        let counts: Counts = self.swept.iter().map(|swept| Counts::from(&swept.found)).sum();
        let missed_a_mark = self.all_marks && marks::are_missing(&self.marks());
        Counts { missed_a_mark, ..counts }
    }

    fn marks(&self) -> marks::Counted {
        marks::sum(self.swept.iter().map(|swept| &swept.found.marks))
    }

    pub(super) fn text(&self, format: SimFormat) -> String {
        match format {
            SimFormat::Human => self.human(),
            SimFormat::Json => format!("{:#}", json::report(self)),
        }
    }

    fn human(&self) -> String {
        let mut text = String::new();
        let Range { start, end } = self.seeds;
        let _ = writeln!(text, "lockproof sim  server {}  seeds {start}..{end}", self.server);
        let width = self.swept.iter().map(|swept| swept.name.len()).max().unwrap_or_default();
        for Swept { name, found, .. } in &self.swept {
            Counts::from(found).show(&mut text, name, width);
        }
        marks::show(&mut text, &self.marks(), self.all_marks);
        for swept in &self.swept {
            swept.failures.iter().for_each(|failure| self.show(&mut text, &swept.name, failure));
            swept.name_the_rest(&mut text);
            if let Some(suspects) = marks::suspects(&swept.found) {
                let _ = writeln!(text, "\n  {suspects}");
            }
        }
        let counts = self.counts();
        if counts.failed > 0 {
            let _ = writeln!(text, "\n{}", provenance::line());
        }
        if let Some(timeline) = &self.timeline {
            let _ = writeln!(text, "{timeline}");
        }
        let (runs, seconds) = (counts.runs(), self.took.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "a rate, shown without digits")]
        let rate = runs as f64 / seconds.max(0.001);
        let outcome = counts.outcome();
        let _ = writeln!(text, "{outcome}: {runs} runs in {seconds:.1} s, {rate:.0} a second");
        text
    }

    fn show(&self, text: &mut String, name: &str, failure: &Failure) {
        let Failure { seed, run, outcome, planned, tries, .. } = failure;
        let _ = writeln!(text, "\nFAIL  {name}  seed {seed}");
        if let Some(story) = failure.story() {
            let _ = writeln!(text, "  {story}");
        }
        show_violations(text, outcome);
        let left = run.plan.faults.len();
        if left < *planned {
            let _ = writeln!(text, "  plan, {left} of {planned} faults ({tries} runs):");
        } else {
            let _ = writeln!(text, "  plan:");
        }
        show_plan(text, run);
        show_hash(text, outcome);
        let _ = writeln!(text, "  again:  {}", self.again(name, *seed));
    }

    pub(super) fn again(&self, name: &str, seed: u64) -> String {
        format!("lockproof sim {name} --seed {seed} --server {}", self.server)
    }
}

impl Swept {
    fn name_the_rest(&self, text: &mut String) {
        let rest: Vec<String> =
            self.found.failed.keys().skip(SHOWN).map(ToString::to_string).collect();
        if !rest.is_empty() {
            let _ =
                writeln!(text, "\n  {} failed with these seeds too: {}", self.name, rest.join(" "));
        }
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

/// One run from a file.
pub(super) fn replayed(
    run: &Run,
    outcome: &Outcome,
    recording: Option<&Recording>,
    format: SimFormat,
) -> String {
    let story = recording.and_then(|recording| story::tell(outcome, recording, &run.plan));
    if format == SimFormat::Json {
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
