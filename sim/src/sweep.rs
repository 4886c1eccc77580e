//! Many seeds, several at a time: what became of each, in order of the seeds.
//!
//! Who runs a seed is the caller's: this thread ([`Run::outcome`]), or a process that can be watched. A seed is run with
//! every subject or with none, so that what was done is a range.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::run::{Outcome, Run};
use crate::trace::Hash;
use crate::watched::Halt;

/// Which seeds, and how.
#[derive(Clone, Debug)]
pub struct Order {
    /// The seeds, if the time suffices.
    pub seeds: Range<u64>,
    /// How many subjects are run with each of them.
    pub subjects: usize,
    /// Runs at the same time.
    pub jobs: usize,
    /// No seed but the first is begun after that.
    pub until: Option<Instant>,
    /// No run is begun after that was called.
    pub halt: Halt,
}

/// What became of all of them.
#[derive(Debug)]
pub struct Swept {
    /// The seeds that were run.
    pub seeds: Range<u64>,
    /// What became of each subject.
    pub subjects: Vec<Sweep>,
}

impl Swept {
    /// Runs so far.
    pub fn runs(&self) -> u64 {
        self.subjects.iter().map(Sweep::seeds).sum()
    }

    /// Runs with a violation.
    pub fn failed(&self) -> usize {
        self.subjects.iter().map(|sweep| sweep.failed.len()).sum()
    }
}

/// What became of a range of seeds.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    /// Seeds without a violation, every fault of which bit.
    pub ok: u64,
    /// Seeds without a violation that prove little: a fault changed nothing.
    pub wasted: u64,
    /// Hash of all outcomes, whatever the order in which they came.
    pub hash: u64,
    /// Seeds with a violation.
    pub failed: BTreeMap<u64, Outcome>,
    /// How many seeds reached each mark of the server; of a flawed server none.
    pub marks: BTreeMap<String, u64>,
}

impl Sweep {
    /// All seeds of the range.
    pub fn seeds(&self) -> u64 {
        self.ok + self.wasted + self.failed.len() as u64
    }

    fn add(&mut self, seed: u64, outcome: Outcome) {
        let mut hash = Hash::default();
        hash.number(seed);
        hash.number(outcome.hash);
        self.hash ^= hash.finish();
        for mark in &outcome.marks {
            *self.marks.entry(mark.clone()).or_default() += 1;
        }
        if !outcome.violations.is_empty() {
            self.failed.insert(seed, outcome);
        } else if outcome.inert.is_empty() {
            self.ok += 1;
        } else {
            self.wasted += 1;
        }
    }
}

/// Runs what is ordered. Each job has a judge of its own; after each run, `tell` hears how far it is, and
/// which subject and seed that was.
pub fn sweep<J: FnMut(&Run) -> Outcome>(
    order: &Order,
    make: impl Fn(usize, u64) -> Run + Sync,
    judge: impl Fn() -> J + Sync,
    tell: impl Fn(&Swept, usize, u64) + Sync,
) -> Swept {
    let Range { start, .. } = order.seeds;
    let next = Mutex::new((start, 0));
    let subjects = vec![Sweep::default(); order.subjects];
    let swept = Mutex::new(Swept { seeds: start..start, subjects });
    std::thread::scope(|scope| {
        for _ in 0..order.jobs.max(1) {
            scope.spawn(|| {
                let mut judge = judge();
                // Not in the `while let`, which would keep the lock while it runs.
                let take = || take(order, &mut lock(&next));
                while let Some((seed, subject)) = take() {
                    let outcome = judge(&make(subject, seed));
                    let mut swept = lock(&swept);
                    swept.seeds.end = swept.seeds.end.max(seed + 1);
                    swept.subjects[subject].add(seed, outcome);
                    tell(&swept, subject, seed);
                }
            });
        }
    });
    swept.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The next seed and subject; a seed that has begun gets all of them.
fn take(order: &Order, next: &mut (u64, usize)) -> Option<(u64, usize)> {
    let taken = *next;
    let begins = taken.1 == 0;
    // The first seed is run however short the time is.
    let is_late = || order.until.is_some_and(|until| Instant::now() >= until);
    let is_over = begins && taken.0 > order.seeds.start && is_late();
    let is_done = order.subjects == 0 || taken.0 >= order.seeds.end;
    if is_done || is_over || order.halt.is_called() {
        return None;
    }
    *next = if taken.1 + 1 < order.subjects { (taken.0, taken.1 + 1) } else { (taken.0 + 1, 0) };
    Some(taken)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::{Duration, Instant};

    use super::{Order, sweep};
    use crate::check::Kind;
    use crate::config::Protocol;
    use crate::run::{Outcome, Run};
    use crate::scenario::Scenario;
    use crate::server::Server;
    use crate::watched::Halt;

    #[test]
    fn jobs_run_at_the_same_time() {
        let scenario = Scenario::all().find(|it| it.protocol() == Protocol::Locker).unwrap();
        let inside = AtomicUsize::new(0);
        let order = Order { seeds: 0..2, subjects: 1, jobs: 2, until: None, halt: Halt::default() };
        let make = |_, seed| scenario.with(Server::Reference, seed);
        let judge = || {
            |_: &_| {
                inside.fetch_add(1, SeqCst);
                let give_up = Instant::now() + Duration::from_secs(20);
                while inside.load(SeqCst) < 2 {
                    assert!(Instant::now() < give_up, "the other job waits for this one");
                    std::thread::yield_now();
                }
                Outcome::cut_off(Kind::Hung, String::new())
            }
        };
        let swept = sweep(&order, make, judge, |_, _, _| ());
        assert_eq!(swept.runs(), 2);
    }
    #[test]
    fn nothing_is_begun_after_a_halt() {
        let scenario = Scenario::all().next().unwrap();
        let halt = Halt::default();
        let order = Order { seeds: 0..9, subjects: 1, jobs: 1, until: None, halt: halt.clone() };
        let make = |_, seed| scenario.with(Server::Reference, seed);
        let judge = || {
            |run: &Run| {
                if run.seed == 2 {
                    halt.call();
                }
                Outcome::cut_off(Kind::Hung, String::new())
            }
        };
        assert_eq!(sweep(&order, make, judge, |_, _, _| ()).seeds, 0..3);
    }
}
