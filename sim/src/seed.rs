//! A seed is expanded into independent streams of random numbers, so that leaving a fault out of a plan moves neither
//! the workload nor the network.
//!
//! `ChaCha` gives the same numbers on every machine and in every release; how a number is drawn from a range is written
//! down here, because that is what libraries change.

use std::ops::RangeInclusive;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What the random numbers are for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// Sizes, latencies, numbers of clients.
    Config = 1,
    /// Which faults, when.
    Plan = 2,
    /// What clients ask for. One client's numbers are its own: see [`Draw::of_client`].
    Work = 3,
    /// Latency of each message.
    Net = 4,
}

/// Random numbers of one purpose.
#[derive(Clone, Debug)]
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// The numbers of a seed for one purpose.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        Self::stream(seed, purpose as u64)
    }

    /// The work of one client.
    pub fn of_client(seed: u64, client: usize) -> Self {
        Self::stream(seed, Purpose::Work as u64 + 0x100 * (client as u64 + 1))
    }

    fn stream(seed: u64, stream: u64) -> Self {
        let mut numbers = ChaCha8Rng::seed_from_u64(seed);
        numbers.set_stream(stream);
        Self(numbers)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number of the range, both ends included; a few are more likely than others by less than 2^-32.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = (*range.start(), *range.end());
        let count = u128::from(high.saturating_sub(low)) + 1;
        let drawn = (u128::from(self.number()) * count) >> 64;
        low + u64::try_from(drawn).unwrap_or_default()
    }

    /// True in one of `n` cases.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.within(1..=n.max(1)) == 1
    }

    /// One of them.
    ///
    /// # Panics
    ///
    /// There is none.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let index = self.within(0..=all.len() as u64 - 1);
        &all[usize::try_from(index).unwrap_or_default()]
    }
}

#[cfg(test)]
mod tests {
    use super::{Draw, Purpose};

    /// Written down: another number here means that every seed ever noted has lost its meaning.
    #[test]
    fn numbers_of_a_seed_never_change() {
        let mut draw = Draw::new(7, Purpose::Plan);
        let drawn: Vec<u64> = (0..4).map(|_| draw.within(0..=999)).collect();
        assert_eq!(drawn, [300, 377, 249, 315]);
    }

    #[test]
    fn purposes_and_clients_have_numbers_of_their_own() {
        let mut first: Vec<u64> = [Purpose::Config, Purpose::Plan, Purpose::Work, Purpose::Net]
            .map(|purpose| Draw::new(7, purpose).number())
            .to_vec();
        first.extend((0..3).map(|client| Draw::of_client(7, client).number()));
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), 7);
    }

    #[test]
    fn a_range_is_drawn_whole_and_not_left() {
        let mut draw = Draw::new(1, Purpose::Config);
        let mut seen = [0; 4];
        for _ in 0..400 {
            seen[usize::try_from(draw.within(3..=6)).unwrap() - 3] += 1;
        }
        assert!(seen.iter().all(|count| *count > 60), "{seen:?}");
        assert_eq!(draw.within(5..=5), 5);
    }
}
