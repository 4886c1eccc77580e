//! What is counted (LKR-701). Leaves out connected sessions, which only the server knows.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use lockproof_protocol::locker::{Outcome, Verb};

/// A snapshot of the counters since the start.
#[derive(Debug, Default, Copy, Clone, Eq, PartialEq)]
pub struct Counters {
    /// Requests that reached the table, by command: GET, `BATCH_GET`, RELEASE, `BATCH_RELEASE`, QUERY,
    /// `BATCH_QUERY`.
    pub requests: [u64; 6],
    /// Answers by result, in the order of the small result bytes: OK, BUSY, `NOT_HELD`, MALFORMED,
    /// `UNKNOWN_COMMAND`, `TOO_LARGE`, `NO_RESOURCES`, `SELF_HELD`.
    pub outcomes: [u64; 8],
    /// Requests refused before the table.
    pub bad_frames: u64,
    /// Keys held now.
    pub held: u64,
    /// Sessions that hold at least one key now.
    pub holders: u64,
    /// Sessions that ended.
    pub sessions_ended: u64,
    /// Keys freed because their session ended.
    pub freed_by_disconnect: u64,
    /// Refused releases with no key of another session among the keys.
    pub refused_free: u64,
    /// Refused releases of at least one key that another session holds.
    pub refused_foreign: u64,
}

/// The counters themselves. Atomic, because queries count through a shared reference; as wide as a
/// pointer, because small targets have no 64-bit atomics.
#[derive(Debug, Default)]
pub(super) struct Tally {
    requests: [AtomicUsize; 6],
    outcomes: [AtomicUsize; 8],
    bad_frames: AtomicUsize,
    sessions_ended: AtomicUsize,
    freed_by_disconnect: AtomicUsize,
    refused_free: AtomicUsize,
    refused_foreign: AtomicUsize,
}

impl Tally {
    pub(super) fn count(&self, verb: Verb, batch: bool, outcome: Outcome) {
        let first = match verb {
            Verb::Get => 0,
            Verb::Release => 2,
            Verb::Query => 4,
        };
        self.requests[first + usize::from(batch)].fetch_add(1, Relaxed);
        self.outcomes[place(outcome)].fetch_add(1, Relaxed);
    }

    pub(super) fn count_bad_frame(&self, outcome: Outcome) {
        self.bad_frames.fetch_add(1, Relaxed);
        self.outcomes[place(outcome)].fetch_add(1, Relaxed);
    }

    pub(super) fn count_refused_release(&self, foreign: bool) {
        let counter = if foreign { &self.refused_foreign } else { &self.refused_free };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn count_end(&self, freed: usize) {
        self.sessions_ended.fetch_add(1, Relaxed);
        self.freed_by_disconnect.fetch_add(freed, Relaxed);
    }

    pub(super) fn counters(&self, held: usize, holders: usize) -> Counters {
        Counters {
            requests: self.requests.each_ref().map(load),
            outcomes: self.outcomes.each_ref().map(load),
            bad_frames: load(&self.bad_frames),
            held: held as u64,
            holders: holders as u64,
            sessions_ended: load(&self.sessions_ended),
            freed_by_disconnect: load(&self.freed_by_disconnect),
            refused_free: load(&self.refused_free),
            refused_foreign: load(&self.refused_foreign),
        }
    }
}

fn load(counter: &AtomicUsize) -> u64 {
    counter.load(Relaxed) as u64
}

/// Where an outcome is counted in [`Counters::outcomes`].
fn place(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Ok => 0,
        Outcome::Busy => 1,
        Outcome::NotHeld => 2,
        Outcome::Malformed => 3,
        Outcome::UnknownCommand => 4,
        Outcome::TooLarge => 5,
        Outcome::NoResources => 6,
        Outcome::SelfHeld => 7,
    }
}
