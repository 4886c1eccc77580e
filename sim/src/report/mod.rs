//! What a sweep found: for people, for programs, and for sums of several.

mod counts;
mod human;
mod json;
mod merge;
mod reached;

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::record::Recording;
use crate::run::{Outcome, Run};
use crate::server::Server;
use crate::shrink::{Shrunk, shrink_by};
use crate::story;
use crate::subject::Subject;
use crate::sweep::{self, Sweep};
use crate::watched::Judge;

pub use counts::{Counts, INCONCLUSIVE};
pub use human::replayed;
pub use merge::Merged;

/// Failing seeds of a subject that are shown in full; of the others the numbers.
const SHOWN: usize = 3;

/// Making a plan small takes no longer: one that hangs costs the watchdog's patience at every try.
const SHRINKING_MAX: Duration = Duration::from_mins(1);

/// All that was run.
#[derive(Debug)]
pub struct Report {
    /// Who served.
    pub server: Server,
    /// The seeds that were run, with every subject.
    pub seeds: Range<u64>,
    /// What became of each subject.
    pub swept: Vec<Swept>,
    /// Real time, without what making plans small took.
    pub took: Duration,
    /// Whether every mark of the server must have been reached.
    pub all_marks: bool,
    /// Of what a picture was drawn.
    pub timeline: Option<String>,
}

/// All seeds of one subject.
#[derive(Debug)]
pub struct Swept {
    /// The subject's.
    pub name: String,
    /// What became of them.
    pub found: Sweep,
    /// The first that failed.
    pub failures: Vec<Failure>,
}

/// A failing seed, with the smallest plan that still fails.
#[derive(Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The small run.
    pub run: Run,
    /// What became of that.
    pub outcome: Outcome,
    /// What happened in it, if it came to an end.
    pub recording: Option<Recording>,
    /// Faults that the seed's own plan has.
    planned: usize,
    /// Runs that it took to make the plan small.
    tries: usize,
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

    /// What happened, in a sentence.
    fn story(&self) -> Option<String> {
        story::tell(&self.outcome, self.recording.as_ref()?, &self.run.plan)
    }
}

impl Report {
    /// Of what a sweep found; `judge` runs the first failures again, to make their plans small.
    pub fn of(
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
    pub fn counts(&self) -> Counts {
        let counts: Counts = self.swept.iter().map(|swept| Counts::from(&swept.found)).sum();
        let missed_a_mark = self.all_marks && reached::are_missing(&self.reached());
        Counts { missed_a_mark, ..counts }
    }

    fn reached(&self) -> reached::Counted {
        reached::sum(self.swept.iter().map(|swept| &swept.found.marks))
    }

    /// The command that runs a seed again.
    pub fn again(&self, name: &str, seed: u64) -> String {
        again(self.server, name, seed)
    }

    /// For people.
    pub fn human(&self) -> String {
        human::report(self)
    }

    /// For programs, and for [`Merged`].
    pub fn json(&self) -> serde_json::Value {
        json::report(self)
    }
}

/// The command that runs a subject's seed again.
pub fn again(server: Server, name: &str, seed: u64) -> String {
    format!("lockproof sim {name} --seed {seed} --server {server}")
}
