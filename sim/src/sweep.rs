//! Many seeds, on several threads: what became of each, in order of the seeds.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::run::{Outcome, Run};
use crate::trace::Hash;

/// What became of a range of seeds.
#[derive(Debug, Default)]
pub struct Sweep {
    /// Seeds without a violation, every fault of which bit.
    pub ok: u64,
    /// Seeds without a violation that prove little: a fault changed nothing.
    pub wasted: u64,
    /// Hash of all outcomes, whatever the order in which they came.
    pub hash: u64,
    /// Seeds with a violation.
    pub failed: BTreeMap<u64, Outcome>,
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
        if !outcome.violations.is_empty() {
            self.failed.insert(seed, outcome);
        } else if outcome.inert.is_empty() {
            self.ok += 1;
        } else {
            self.wasted += 1;
        }
    }
}

/// Runs every seed of the range, `jobs` at a time. After each, `tell` hears how far it is.
pub fn sweep(
    seeds: Range<u64>,
    jobs: usize,
    make: impl Fn(u64) -> Run + Sync,
    tell: impl Fn(&Sweep) + Sync,
) -> Sweep {
    let next = AtomicU64::new(seeds.start);
    let found = Mutex::new(Sweep::default());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = make(seed).outcome();
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    found.add(seed, outcome);
                    tell(&found);
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}
