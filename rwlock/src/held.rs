//! How many locks the present thread is inside of: for tests that nothing is sent from there.
//!
//! Counted where assertions are on; elsewhere nothing is, and there is nothing to pay.

#[cfg(debug_assertions)]
use std::cell::Cell;

#[cfg(debug_assertions)]
std::thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// How many closures under a lock run in this thread now. Always 0 without `debug_assertions`.
#[must_use]
pub fn held_here() -> usize {
    #[cfg(debug_assertions)]
    return HELD.get();
    #[cfg(not(debug_assertions))]
    0
}

/// One more, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held(());

impl Held {
    #[inline]
    pub(crate) fn new() -> Self {
        #[cfg(debug_assertions)]
        HELD.set(HELD.get() + 1);
        Self(())
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        #[cfg(debug_assertions)]
        HELD.set(HELD.get() - 1);
    }
}
