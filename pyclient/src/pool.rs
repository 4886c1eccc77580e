//! Idle connections to one server. Whoever needs one takes it away, so none is ever used by two at a time.
//!
//! The list is touched only while the thread is attached to the interpreter: a fork, which Python makes
//! attached, can't happen in between and leave the child a lock that nobody will open.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

/// How often this process has come out of a fork.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// Told by `os.register_at_fork` in the child: its parent's connections are not to be used.
#[pyfunction]
pub(crate) fn after_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Which process, counted in forks, something belongs to.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Origin(u64);

impl Origin {
    pub(crate) fn here() -> Self {
        Self(FORKS.load(Ordering::Relaxed))
    }
}

/// At most `idle_max` connections that nobody uses.
#[derive(Debug)]
pub(crate) struct Pool<C> {
    idle: Mutex<(Origin, Vec<C>)>,
    idle_max: usize,
}

impl<C> Pool<C> {
    pub(crate) fn new(idle_max: usize) -> Self {
        Self { idle: Mutex::new((Origin::here(), Vec::new())), idle_max }
    }

    /// The one used last: the others may rest until they are no longer needed.
    pub(crate) fn take(&self, _: Python<'_>) -> Option<C> {
        self.with(Vec::pop)
    }

    pub(crate) fn put(&self, _: Python<'_>, connection: C) {
        // What does not fit is closed after the lock is gone.
        let _surplus = self.with(|idle| {
            if idle.len() < self.idle_max {
                idle.push(connection);
                return None;
            }
            Some(connection)
        });
    }

    /// Closes all that are idle.
    pub(crate) fn clear(&self, _: Python<'_>) {
        drop(self.with(std::mem::take));
    }

    fn with<R>(&self, change: impl FnOnce(&mut Vec<C>) -> R) -> R {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let here = Origin::here();
        if idle.0 != here {
            // Closing the parent's sockets ends nothing: the parent has them still.
            *idle = (here, Vec::new());
        }
        change(&mut idle.1)
    }
}
