//! How long a thread asks again before it lines up. Compiled out under the checkers: for them, a
//! thread that spins is only another order of the same steps.
//!
//! Leaves out what is asked: see [`RawLock`](crate::raw::RawLock).

/// Rounds of asking before lining up: a few microseconds, what a futex call costs.
const ROUNDS: u32 = 100;

/// Counts the rounds of one thread.
pub(crate) struct Spin {
    rounds_left: u32,
}

impl Spin {
    pub(crate) fn new() -> Self {
        Self { rounds_left: if cfg!(any(lock_loom, lock_shuttle, miri)) { 0 } else { ROUNDS } }
    }

    /// Waits for a moment; false when it is time to line up.
    pub(crate) fn again(&mut self) -> bool {
        if self.rounds_left == 0 {
            return false;
        }
        self.rounds_left -= 1;
        std::hint::spin_loop();
        true
    }
}
