//! Memory for requests that are not whole yet and replies that nobody takes, over all connections.
//!
//! Who asks for more than there is gets an error, or is closed; those that keep to what they have are served on. Items, pages
//! and locks have limits of their own.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

/// Bytes of a buffer that are not counted: every connection may have them, however little is left.
pub(crate) const FREE_BYTES: usize = 4 * 1024;

/// A limit in bytes, and how much of it is taken. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    max: usize,
    taken: AtomicUsize,
    refused: AtomicUsize,
}

/// There is no memory: the budget has none, or the system.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NoMemory;

impl Budget {
    /// Of so many bytes.
    pub fn new(max: usize) -> Self {
        let (taken, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self(Arc::new(Shared { max, taken, refused }))
    }

    /// The limit.
    pub fn max(&self) -> usize {
        self.0.max
    }

    /// Bytes that are taken.
    pub fn taken(&self) -> usize {
        self.0.taken.load(Relaxed)
    }

    /// How often there was not enough, here or in the system.
    pub fn refused(&self) -> usize {
        self.0.refused.load(Relaxed)
    }

    fn take(&self, bytes: usize) -> Result<(), NoMemory> {
        let room = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= self.0.max);
        let taken = self.0.taken.fetch_update(Relaxed, Relaxed, room);
        taken.map(drop).map_err(|_| self.refuse())
    }

    fn refuse(&self) -> NoMemory {
        self.0.refused.fetch_add(1, Relaxed);
        NoMemory
    }
}

/// What one buffer has taken; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Budget,
    bytes: usize,
}

impl Charge {
    /// Nothing yet.
    pub(crate) const fn new(budget: Budget) -> Self {
        Self { budget, bytes: 0 }
    }

    /// The buffer has so many bytes from now on; on an error it has as many as before.
    pub(crate) fn set(&mut self, bytes: usize) -> Result<(), NoMemory> {
        let bytes = bytes.saturating_sub(FREE_BYTES);
        match bytes.checked_sub(self.bytes) {
            Some(0) => return Ok(()),
            Some(more) => self.budget.take(more)?,
            None => drop(self.budget.0.taken.fetch_sub(self.bytes - bytes, Relaxed)),
        }
        self.bytes = bytes;
        Ok(())
    }

    /// A buffer of `capacity` with these bytes in it, if the system has the memory. The charge is the caller's affair.
    pub(crate) fn copy(&self, bytes: &[u8], capacity: usize) -> Result<BytesMut, NoMemory> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(capacity.max(bytes.len())).map_err(|_| self.budget.refuse())?;
        copy.extend_from_slice(bytes);
        // Nothing is copied: it is the only owner.
        Ok(BytesMut::from(Bytes::from(copy)))
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.0.taken.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Charge, FREE_BYTES, NoMemory};

    #[test]
    fn last_byte_can_be_had_and_no_more() {
        let budget = Budget::new(100);
        let (mut one, mut other) = (Charge::new(budget.clone()), Charge::new(budget.clone()));
        assert_eq!(one.set(FREE_BYTES + 60), Ok(()));
        assert_eq!(other.set(FREE_BYTES + 41), Err(NoMemory));
        assert_eq!((other.set(FREE_BYTES + 40), budget.taken()), (Ok(()), 100));
        assert_eq!(
            (other.set(FREE_BYTES), budget.taken()),
            (Ok(()), 60),
            "what is free costs nothing"
        );
        drop(one);
        assert_eq!((budget.taken(), budget.refused()), (0, 1));
    }

    #[test]
    fn refused_growth_leaves_what_was_there() {
        let budget = Budget::new(10);
        let mut charge = Charge::new(budget.clone());
        assert_eq!(charge.set(FREE_BYTES + 9), Ok(()));
        assert_eq!(charge.set(usize::MAX), Err(NoMemory));
        assert_eq!((budget.taken(), charge.set(FREE_BYTES + 10)), (9, Ok(())));
    }

    #[test]
    fn copy_keeps_its_room() {
        let charge = Charge::new(Budget::new(0));
        let copy = charge.copy(b"abc", 1_000).expect("it is small");
        assert_eq!((&copy[..], copy.capacity()), (&b"abc"[..], 1_000));
        assert_eq!(
            charge.copy(b"", isize::MAX.cast_unsigned()),
            Err(NoMemory),
            "the system has less"
        );
    }
}
