//! How long a thread asks again before it lines up. Compiled out under the checkers and Miri: for
//! them, a thread that spins is only another order of the same steps.
//!
//! Leaves out what is asked: see [`RawLock`](crate::raw::RawLock).

/// Pauses before lining up: about 4 microseconds, less than what sleeping and waking cost.
const PAUSES: u32 = 200;

/// Times that a thread then lets others run while someone who has been handed the lock may not be
/// awake yet: some 20 microseconds, what waking up takes. Going to sleep at once would mean that each
/// thread is asleep when its turn comes, for ever after: a convoy, in which every section costs a
/// wake-up.
const YIELDS: u32 = 50;

/// Pauses before the first look at the word and, doubled each time, between two looks at most. Each
/// look takes the word's cache line away from whoever is in; while one thread pauses, the other gets
/// through several short sections at the speed of a lock that nobody else wants.
const PAUSES_AT_FIRST: u32 = 8;
const PAUSES_AT_ONCE: u32 = 64;

/// Counts the pauses of one thread.
#[derive(Debug)]
pub(crate) struct Spin {
    paused: u32,
    next: u32,
    yielded: u32,
}

impl Spin {
    pub(crate) fn new() -> Self {
        Self { paused: 0, next: PAUSES_AT_FIRST, yielded: 0 }
    }

    /// For a thread that has lined up already: it only waits for somebody to wake up.
    pub(crate) fn in_queue() -> Self {
        Self { paused: PAUSES, ..Self::new() }
    }

    /// Waits for a moment, which grows; false, at once, when it is time to line up or to sleep.
    pub(crate) fn again(&mut self, for_sleeper: impl FnOnce() -> bool) -> bool {
        let again = self.is_worth_it(for_sleeper);
        if again {
            self.moment();
        }
        again
    }

    /// Whether to wait for another moment.
    pub(crate) fn is_worth_it(&self, for_sleeper: impl FnOnce() -> bool) -> bool {
        let never = cfg!(any(lock_loom, lock_shuttle, miri));
        !never && (self.paused < PAUSES || self.yielded < YIELDS && for_sleeper())
    }

    /// Waits for a moment.
    pub(crate) fn moment(&mut self) {
        if self.paused < PAUSES {
            self.pause();
        } else {
            self.yielded += 1;
            std::thread::yield_now();
        }
    }

    fn pause(&mut self) {
        for _ in 0..self.next {
            std::hint::spin_loop();
        }
        self.paused += self.next;
        self.next = (self.next * 2).min(PAUSES_AT_ONCE);
    }
}
