//! The read/write locks that are measured beside each other, and what they guard.
//!
//! Included by the bench and by the examples with `#[path]`, since a bench room's library would draw
//! its dependencies into every build. Left out: how many threads do what, and for how long.

use std::hint::black_box;
use std::sync::PoisonError;

/// Rounds of [`Tally::digest_of`] that take about 50 ns on the machine of `docs/results`.
pub(crate) const ABOUT_50_NS: u32 = 48;

/// A lock that runs closures: ours, and others with their guards kept inside.
pub(crate) trait Contender<T>: Sync {
    /// Runs `look` beside other readers.
    fn with_read<R>(&self, look: impl FnOnce(&T) -> R) -> R;
    /// Runs `change` alone.
    fn with_write<R>(&self, change: impl FnOnce(&mut T) -> R) -> R;
}

impl<T: Send + Sync> Contender<T> for lockproof_rwlock::RwLock<T> {
    #[inline]
    fn with_read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        self.read(look)
    }

    #[inline]
    fn with_write<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        self.write(change)
    }
}

impl<T: Send + Sync> Contender<T> for std::sync::RwLock<T> {
    #[inline]
    fn with_read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.read().unwrap_or_else(PoisonError::into_inner))
    }

    #[inline]
    fn with_write<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Send + Sync> Contender<T> for parking_lot::RwLock<T> {
    #[inline]
    fn with_read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.read())
    }

    #[inline]
    fn with_write<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.write())
    }
}

/// Tokio's lock as a thread outside of any runtime takes it: by its blocking half.
impl<T: Send + Sync> Contender<T> for tokio::sync::RwLock<T> {
    #[inline]
    fn with_read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.blocking_read())
    }

    #[inline]
    fn with_write<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.blocking_write())
    }
}

/// A count with a digest of it: who sees one without the other sees a lock that does not lock.
///
/// `ROUNDS` is how long the digest takes, and so how long a look or a change does.
#[derive(Debug)]
pub(crate) struct Tally<const ROUNDS: u32> {
    count: u64,
    digest: u64,
}

impl<const ROUNDS: u32> Tally<ROUNDS> {
    /// Nothing counted yet.
    pub(crate) fn new() -> Self {
        Self { count: 0, digest: Self::digest_of(0) }
    }

    /// What has been counted; panics if the digest is not that of the count.
    #[inline]
    pub(crate) fn checked(&self) -> u64 {
        assert_eq!(self.digest, Self::digest_of(self.count), "a torn read");
        self.count
    }

    /// Counts one more.
    #[inline]
    pub(crate) fn add_one(&mut self) {
        self.count += 1;
        self.digest = Self::digest_of(self.count);
    }

    #[inline]
    fn digest_of(count: u64) -> u64 {
        (0..ROUNDS).fold(black_box(count), |digest, round| {
            (digest ^ u64::from(round)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        })
    }
}
