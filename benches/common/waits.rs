//! Threads that stay in a lock for a while, and how long others wait: what the examples share.
//!
//! Left out: the locks.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

/// Keeps this processor busy for that long.
pub(crate) fn hold(time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        spin_loop();
    }
}

/// In microseconds, for tables and plots.
pub(crate) fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The shortest wait that no more than 1000 - `per_mille` of 1000 exceed; zero if there are none.
pub(crate) fn quantile(sorted: &[Duration], per_mille: usize) -> Duration {
    let place = (sorted.len() * per_mille).div_ceil(1000).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}
