//! Capped back-off with jitter, so that clients with crossing batches do not meet for ever
//! (LKR-804).
//!
//! Leaves out sleeping and where the seed is from: both are the caller's, so a simulation repeats.

use std::time::Duration;

/// Pauses between tries: an endless iterator.
///
/// The n-th pause is drawn evenly from the upper half of `min(cap, base * 2^n)`.
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    tries: u32,
    state: u64,
}

impl Backoff {
    /// Pauses from `base` up to `cap`. Give each client its own `seed`; with the same one they
    /// would go on colliding.
    pub fn new(base: Duration, cap: Duration, seed: u64) -> Self {
        Self { base, cap, tries: 0, state: seed }
    }

    /// Begins again at `base`; the randomness goes on.
    pub fn reset(&mut self) {
        self.tries = 0;
    }

    /// The longest that the next pause can be.
    fn ceiling(&self) -> Duration {
        let doubled = 2u32.checked_pow(self.tries).and_then(|factor| self.base.checked_mul(factor));
        doubled.map_or(self.cap, |pause| pause.min(self.cap))
    }

    /// splitmix64: small, and good enough to keep clients apart.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let ceiling = u64::try_from(self.ceiling().as_nanos()).unwrap_or(u64::MAX);
        self.tries = self.tries.saturating_add(1);
        let floor = ceiling / 2;
        let width = ceiling - floor;
        Some(Duration::from_nanos(floor + self.random() % width.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_millis(10);
    const CAP: Duration = Duration::from_millis(160);

    #[test]
    fn pauses_double_up_to_the_cap_and_stay_in_the_upper_half() {
        let ceilings = [10, 20, 40, 80, 160, 160, 160].map(Duration::from_millis);
        for seed in 0..1000 {
            for (pause, ceiling) in Backoff::new(BASE, CAP, seed).zip(ceilings) {
                assert!(pause >= ceiling / 2 && pause <= ceiling, "{pause:?} of {ceiling:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_pauses_and_another_does_not() {
        let pauses = |seed| Backoff::new(BASE, CAP, seed).take(8).collect::<Vec<_>>();
        assert_eq!(pauses(7), pauses(7));
        assert_ne!(pauses(7), pauses(8));
    }

    #[test]
    fn pauses_differ_between_tries_at_the_cap() {
        let mut pauses: Vec<_> = Backoff::new(CAP, CAP, 1).take(100).collect();
        pauses.sort_unstable();
        pauses.dedup();
        assert!(pauses.len() > 90, "only {} different pauses", pauses.len());
    }

    #[test]
    fn a_hundred_tries_do_not_overflow() {
        let last = Backoff::new(Duration::from_secs(u64::MAX), Duration::MAX, 0).nth(100);
        assert!(last.is_some_and(|pause| pause > Duration::ZERO));
    }

    #[test]
    fn reset_begins_at_the_base_again() {
        let mut backoff = Backoff::new(BASE, CAP, 3);
        assert!(backoff.nth(4).is_some_and(|pause| pause > BASE));
        backoff.reset();
        assert!(backoff.next().is_some_and(|pause| pause <= BASE));
    }
}
