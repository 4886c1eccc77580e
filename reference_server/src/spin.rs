//! Polling for a while before sleeping: for a client that sends its next request as soon as it has the reply.
//!
//! A processor that sleeps takes tens of microseconds to wake, more than such a request takes to be answered. While
//! requests come, a task keeps the runtime looking at its sockets for [`SPIN`] after each. That costs processor time, up to
//! that much for every request that nothing follows; so after a few such in a row only one of many is followed by it.
//!
//! Worth it with one worker: others would be kept awake for nothing.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;

use crate::Clock;

/// How long to look for the next request before sleeping: what a wake-up takes on most machines.
pub const SPIN: Duration = Duration::from_micros(50);

/// So many polls in a row that found nothing, and it is hardly worth it.
const IN_VAIN_MAX: u32 = 8;

/// Then one of so many requests is still followed by polling, to see whether it is worth it again.
const TRY_EVERY: u32 = 64;

/// A handle that connections tell of requests.
#[derive(Clone, Debug)]
pub struct Spin(Arc<State>);

#[derive(Debug)]
struct State {
    window: Duration,
    clock: Clock,
    /// When the last bytes came, in nanoseconds of the clock.
    last: AtomicU64,
    is_asleep: AtomicBool,
    in_vain: AtomicU32,
    /// Requests that were not followed by polling.
    passed: AtomicU32,
    wake: Notify,
}

impl Spin {
    /// Polls for `window` after each request, while [`run`](Self::run) runs.
    pub(crate) fn new(window: Duration) -> Self {
        Self(Arc::new(State {
            window,
            clock: Clock::start(),
            last: AtomicU64::new(0),
            is_asleep: AtomicBool::new(false),
            in_vain: AtomicU32::new(0),
            passed: AtomicU32::new(0),
            wake: Notify::new(),
        }))
    }

    /// Notes that bytes came.
    pub(crate) fn note(&self) {
        let state = &self.0;
        state.last.store(nanos(state.clock.now()), Relaxed);
        if state.is_asleep.load(Relaxed) && state.is_worth_it() {
            state.is_asleep.store(false, Relaxed);
            state.wake.notify_one();
        }
    }

    /// Polls after requests, until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let state = &self.0;
        while !shutdown.is_cancelled() {
            let begun = state.last.load(Relaxed);
            while nanos(state.clock.now()) < state.last.load(Relaxed) + nanos(state.window) {
                // Back to the scheduler, which looks at the sockets and does not sleep: there is a task to run.
                yield_now().await;
            }
            let was_in_vain = state.last.load(Relaxed) == begun;
            state
                .in_vain
                .store(if was_in_vain { state.in_vain.load(Relaxed) + 1 } else { 0 }, Relaxed);
            state.is_asleep.store(true, Relaxed);
            tokio::select! {
                () = state.wake.notified() => {}
                () = shutdown.cancelled() => {}
            }
        }
    }
}

impl State {
    fn is_worth_it(&self) -> bool {
        self.in_vain.load(Relaxed) < IN_VAIN_MAX
            || self.passed.fetch_add(1, Relaxed) % TRY_EVERY == TRY_EVERY - 1
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{IN_VAIN_MAX, Relaxed, SPIN, Spin, TRY_EVERY, yield_now};
    use core::time::Duration;
    use tokio::time::{advance, sleep};
    use tokio_util::sync::CancellationToken;

    fn is_asleep(spin: &Spin) -> bool {
        spin.0.is_asleep.load(Relaxed)
    }

    async fn settle() {
        for _ in 0..4 {
            yield_now().await;
        }
    }

    /// Spins, on a clock that stands still unless it is moved.
    async fn spinning() -> (Spin, CancellationToken) {
        let (spin, shutdown) = (Spin::new(SPIN), CancellationToken::new());
        tokio::spawn(spin.clone().run(shutdown.clone()));
        advance(SPIN * 2).await;
        settle().await;
        assert!(is_asleep(&spin), "nothing came, so there is nothing to look for");
        (spin, shutdown)
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_awake_after_a_request_and_sleeps_in_the_end() {
        let (spin, shutdown) = spinning().await;
        spin.note();
        for _ in 0..5 {
            advance(SPIN / 2).await;
            settle().await;
            assert!(!is_asleep(&spin));
            spin.note();
        }
        advance(SPIN).await;
        settle().await;
        assert!(is_asleep(&spin));
        shutdown.cancel();
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_nothing_follows_are_hardly_followed_by_it() {
        let (spin, shutdown) = spinning().await;
        let mut polled = 0;
        for _ in 0..IN_VAIN_MAX + TRY_EVERY * 3 {
            sleep(Duration::from_millis(10)).await;
            spin.note();
            polled += u32::from(!is_asleep(&spin));
            advance(SPIN * 2).await;
            settle().await;
        }
        assert!((IN_VAIN_MAX..IN_VAIN_MAX + 5).contains(&polled), "{polled}");
        shutdown.cancel();
    }
}
