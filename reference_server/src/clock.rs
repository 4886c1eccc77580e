//! The server's clock: time since it started.
//!
//! It reads tokio's clock, which a simulator replaces by virtual time. Nothing else in this crate
//! asks what time it is, except for the Unix second of the start.

use core::time::Duration;
use tokio::time::Instant;

/// Measures the time since it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that shows zero now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Time since the start.
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }
}
