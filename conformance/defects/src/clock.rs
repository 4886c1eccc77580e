//! Time, for expiry: tokio's clock, real or paused.

use std::time::Duration;

use tokio::time::Instant;

/// Time since the server's start, and Unix time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    unix_at_start: Duration,
}

impl Clock {
    /// A clock that starts now, at that Unix time.
    pub fn starting_at(unix: Duration) -> Self {
        Self { start: Instant::now(), unix_at_start: unix }
    }

    /// Time since the start.
    pub fn uptime(&self) -> Duration {
        self.start.elapsed()
    }

    /// Unix time.
    pub fn unix(&self) -> Duration {
        self.unix_at_start + self.uptime()
    }
}
