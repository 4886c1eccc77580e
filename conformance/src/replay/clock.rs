//! Time as a player sees it: what has passed since it began, and the calendar's.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Tells the time, and lets it pass.
pub trait Clock {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;

    /// Unix time, seconds.
    fn unix_now(&self) -> u64;

    /// Waits until `now` is at least `until`.
    fn sleep_until(&self, until: Duration) -> impl Future<Output = ()>;
}

/// tokio's clock, which may be paused, with the calendar of the machine or one of its own.
#[derive(Clone, Debug)]
pub struct Ticking {
    start: Instant,
    /// Unix time at the start, seconds; the machine's calendar where there is none.
    unix_start: Option<u64>,
}

impl Ticking {
    /// From now on, with the machine's calendar.
    pub fn real() -> Self {
        Self { start: Instant::now(), unix_start: None }
    }

    /// From now on, which is that Unix time (seconds).
    pub fn starting_at(unix: u64) -> Self {
        Self { start: Instant::now(), unix_start: Some(unix) }
    }
}

impl Clock for Ticking {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn unix_now(&self) -> u64 {
        match self.unix_start {
            Some(start) => start + self.now().as_secs(),
            None => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
        }
    }

    async fn sleep_until(&self, until: Duration) {
        tokio::time::sleep_until(self.start + until).await;
    }
}
