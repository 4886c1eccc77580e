//! The place of an item: half a cache line that holds all that is asked of it but its key and value.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::item::Item;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// Somebody asked for the item since the hand of eviction came by.
const VISITED: u32 = 1 << 31;

/// Somebody read the item since it was stored.
const READ: u32 = 1 << 30;

/// An item, or the room for one, and its neighbours: in its chain of the hash table, and in the queue of eviction.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) item: Item,
    /// The next in the chain.
    pub(super) next: u32,
    /// The hash, and above it whether it was visited, and read.
    mark: AtomicU32,
    pub(super) newer: u32,
    pub(super) older: u32,
}

// Where pointers have 64 bits.
const _: () = assert!(size_of::<Slot>() <= 32);

/// A hash of a key: 30 bits, which are enough to tell the items of a chain apart.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
pub(super) struct Hash(u32);

impl Hash {
    pub(super) fn of(wide: u64) -> Self {
        // The upper half is the better mixed one. It fits, after the shift.
        Self(u32::try_from(wide >> 34).unwrap_or_default())
    }

    /// One of `count` chains, a power of two; of none, one that there is not.
    pub(super) fn chain(self, count: usize) -> usize {
        self.0 as usize & count.wrapping_sub(1)
    }
}

impl Slot {
    /// Room that is nobody's neighbour.
    pub(super) fn vacant() -> Self {
        Self { item: Item::vacant(), next: NONE, mark: AtomicU32::new(0), newer: NONE, older: NONE }
    }

    pub(super) fn hash(&self) -> Hash {
        Hash(self.mark.load(Relaxed) & !(VISITED | READ))
    }

    /// Puts an item here, which nobody has asked for.
    pub(super) fn fill(&mut self, item: Item, hash: Hash) {
        self.item = item;
        *self.mark.get_mut() = hash.0;
    }

    /// Notes that somebody asked for the item. Writes only when that is news, so that readers of a hot
    /// item share its cache line.
    pub(super) fn visit(&self) {
        if self.mark.load(Relaxed) & VISITED == 0 {
            self.mark.fetch_or(VISITED, Relaxed);
        }
    }

    /// Notes that somebody read the item, which is a visit too; at the cost of one.
    pub(super) fn read(&self) {
        if self.mark.load(Relaxed) & (VISITED | READ) != VISITED | READ {
            self.mark.fetch_or(VISITED | READ, Relaxed);
        }
    }

    /// Whether somebody read it since it was stored.
    pub(super) fn was_read(&self) -> bool {
        self.mark.load(Relaxed) & READ != 0
    }

    /// Puts another item under the same key here: nobody has read it.
    pub(super) fn renew(&mut self, item: Item) {
        self.item = item;
        let mark = self.mark.get_mut();
        *mark = (*mark | VISITED) & !READ;
    }

    /// Whether it was visited since this was last asked.
    pub(super) fn take_visit(&mut self) -> bool {
        let mark = self.mark.get_mut();
        let was_visited = *mark & VISITED != 0;
        *mark &= !VISITED;
        was_visited
    }
}

#[cfg(test)]
mod tests {
    use super::{Hash, Item, Slot};

    #[test]
    fn visit_and_hash_do_not_meet() {
        let mut slot = Slot::vacant();
        for hash in [Hash::of(0), Hash::of(u64::MAX), Hash::of(0x1234_5678_9abc_def0)] {
            slot.fill(Item::vacant(), hash);
            assert!(!slot.take_visit());
            slot.visit();
            slot.visit();
            assert_eq!(slot.hash(), hash);
            assert!(slot.take_visit() && !slot.take_visit());
            assert_eq!(slot.hash(), hash);
            slot.visit();
            assert!(!slot.was_read());
            slot.read();
            assert!(slot.take_visit() && slot.was_read());
            assert_eq!(slot.hash(), hash);
            slot.renew(Item::vacant());
            assert!(slot.take_visit() && !slot.was_read());
            assert_eq!(slot.hash(), hash);
        }
    }
}
