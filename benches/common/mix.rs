//! Operations on a lock: reads and writes in a given mix, the same in each run.
//!
//! Left out: the locks, and how many threads there are.

use std::hint::black_box;

use crate::contenders::{Contender, Tally};

/// Decides what each operation is: the same sequence in each run for the same seed.
#[derive(Debug)]
pub(crate) struct Mix {
    state: u64,
    writes_of_1024: u64,
}

impl Mix {
    /// `writes_of_1024` of 1024 operations write.
    pub(crate) fn new(seed: u64, writes_of_1024: u64) -> Self {
        Self { state: (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15), writes_of_1024 }
    }

    /// Whether the next operation writes (xorshift64).
    #[inline]
    pub(crate) fn is_write(&mut self) -> bool {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 54 < self.writes_of_1024
    }
}

/// One operation; true if it wrote.
#[inline]
pub(crate) fn operate<const ROUNDS: u32>(
    lock: &impl Contender<Tally<ROUNDS>>,
    mix: &mut Mix,
) -> bool {
    let write = mix.is_write();
    if write {
        lock.with_write(Tally::add_one);
    } else {
        black_box(lock.with_read(Tally::checked));
    }
    write
}
