//! How long a thread asks again before it lines up. Compiled out under the checkers and Miri: for
//! them, a thread that spins is only another order of the same steps.
//!
//! Leaves out what is asked: see [`RawLock`](crate::raw::RawLock).

/// Pauses before lining up: 2 to 4 microseconds, less than what sleeping and waking cost.
const PAUSES: u32 = 100;

/// Pauses before lining up behind a thread that has been handed the lock and is not yet awake: about
/// as long as a thread takes to wake up. Lining up at once would mean that each thread is asleep when
/// its turn comes, for ever after: a convoy, in which every section costs a wake-up.
const PAUSES_FOR_SLEEPER: u32 = 1_000;

/// Pauses between two looks at the word, at most: each look slows down whoever is in.
const PAUSES_AT_ONCE: u32 = 16;

/// Counts the pauses of one thread.
#[derive(Debug)]
pub(crate) struct Spin {
    paused: u32,
    at_once: u32,
}

impl Spin {
    pub(crate) fn new() -> Self {
        Self { paused: 0, at_once: 1 }
    }

    /// Waits for a moment, which grows; false, at once, when it is time to line up.
    pub(crate) fn again(&mut self, for_sleeper: impl FnOnce() -> bool) -> bool {
        if cfg!(any(lock_loom, lock_shuttle, miri)) {
            return false;
        }
        let enough = self.paused >= PAUSES;
        if enough && (self.paused >= PAUSES_FOR_SLEEPER || !for_sleeper()) {
            return false;
        }
        for _ in 0..self.at_once {
            std::hint::spin_loop();
        }
        self.paused += self.at_once;
        self.at_once = (self.at_once * 2).min(PAUSES_AT_ONCE);
        true
    }
}
