//! Where items live: a slab of slots, a hash table of slot numbers, and the queue of eviction.
//!
//! Leaves out what commands mean and when memory is short. Nothing in here is iterated in the
//! order of the hash table, so the order of anything visible does not hang on the seed.

use alloc::vec::Vec;
use core::hash::BuildHasher;
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::config::SLOT_OVERHEAD;
use super::item::{Item, Meta};
use super::sieve::{Sieve, Worth};
use crate::Now;

/// The memory that an item of that size takes.
pub(super) fn footprint(item_size: usize) -> usize {
    item_size + SLOT_OVERHEAD
}

/// The place of an item, valid until the next removal or eviction.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
pub(super) struct Place(u32);

/// All items of a shard.
#[derive(Debug)]
pub(super) struct Store {
    slots: Vec<Item>,
    /// By slot: so that a growing table need not look at the items.
    hashes: Vec<Hash>,
    vacant: Vec<u32>,
    table: HashTable<u32>,
    hasher: FixedState,
    sieve: Sieve,
    bytes: usize,
}

impl Store {
    pub(super) fn new(hash_seed: u64) -> Self {
        Self {
            slots: Vec::new(),
            hashes: Vec::new(),
            vacant: Vec::new(),
            table: HashTable::new(),
            hasher: FixedState::with_seed(hash_seed),
            sieve: Sieve::new(),
            bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The memory that all items take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<Place> {
        let hash = self.hash(key);
        self.table
            .find(hash.wide(), |slot| {
                self.hashes[*slot as usize] == hash && self.slots[*slot as usize].key() == key
            })
            .copied()
            .map(Place)
    }

    pub(super) fn item(&self, place: Place) -> &Item {
        &self.slots[place.0 as usize]
    }

    pub(super) fn item_mut(&mut self, place: Place) -> &mut Item {
        &mut self.slots[place.0 as usize]
    }

    /// Notes that somebody asked for it.
    pub(super) fn visit(&self, place: Place) {
        self.sieve.visit(place.0);
    }

    /// Stores under a key that is not there. The key is at most 250 bytes long.
    pub(super) fn insert(&mut self, meta: Meta, key: &[u8], value: [&[u8]; 2]) {
        let hash = self.hash(key);
        let item = Item::new(meta, key, value);
        self.bytes += footprint(item.size());
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(Item::vacant());
            self.hashes.push(hash);
            // The memory limit ends long before 2^32 items.
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX - 1)
        });
        self.slots[slot as usize] = item;
        self.hashes[slot as usize] = hash;
        let hashes = &self.hashes;
        self.table.insert_unique(hash.wide(), slot, |other| hashes[*other as usize].wide());
        self.sieve.push(slot);
    }

    /// Stores over an item, which keeps its place in the queue and counts as asked for.
    pub(super) fn replace(&mut self, place: Place, meta: Meta, key: &[u8], value: [&[u8]; 2]) {
        let item = &mut self.slots[place.0 as usize];
        let before = footprint(item.size());
        item.replace(meta, key, value);
        let after = footprint(item.size());
        self.bytes = self.bytes - before + after;
        self.sieve.visit(place.0);
    }

    pub(super) fn remove(&mut self, place: Place) {
        let item = core::mem::replace(&mut self.slots[place.0 as usize], Item::vacant());
        if item.is_vacant() {
            return;
        }
        self.bytes -= footprint(item.size());
        let hash = self.hashes[place.0 as usize];
        if let Ok(entry) = self.table.find_entry(hash.wide(), |slot| *slot == place.0) {
            entry.remove();
        }
        self.sieve.remove(place.0);
        self.vacant.push(place.0);
    }

    /// Removes the item that shall go first, but not the one at `spared`: there must be another.
    /// Tells whether it was expired anyway.
    pub(super) fn evict(&mut self, now: Now, spared: Option<Place>) -> bool {
        let Self { slots, sieve, .. } = self;
        let is_expired = |slot: u32| slots[slot as usize].meta().deadline.is_over(now);
        let slot = sieve.victim(|slot| match slot {
            _ if spared == Some(Place(slot)) => Worth::Spared,
            _ if is_expired(slot) => Worth::Nothing,
            _ => Worth::Usual,
        });
        let was_expired = is_expired(slot);
        self.remove(Place(slot));
        was_expired
    }

    /// Removes what is expired, at the cost of a look at every item; returns how many were.
    pub(super) fn sweep(&mut self, now: Now) -> u64 {
        let mut swept = 0;
        for slot in 0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX) {
            let item = &self.slots[slot as usize];
            if !item.is_vacant() && item.meta().deadline.is_over(now) {
                self.remove(Place(slot));
                swept += 1;
            }
        }
        swept
    }

    /// Removes everything, and gives the memory back.
    pub(super) fn clear(&mut self) {
        self.slots = Vec::new();
        self.hashes = Vec::new();
        self.vacant = Vec::new();
        self.table = HashTable::new();
        self.sieve = Sieve::new();
        self.bytes = 0;
    }

    fn hash(&self, key: &[u8]) -> Hash {
        let wide = self.hasher.hash_one(key);
        Hash((wide ^ (wide >> 32)) as u32)
    }
}

/// A hash of a key. 32 bits are enough to tell items of a shard apart, and half the memory.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
struct Hash(u32);

impl Hash {
    /// For the table, which takes its bits from both ends.
    fn wide(self) -> u64 {
        u64::from(self.0) << 32 | u64::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Meta, Store};
    use crate::items::expiry::Deadline;
    use alloc::format;

    #[test]
    fn slots_are_used_again() {
        let mut store = Store::new(1);
        let meta = Meta { flags: 0, deadline: Deadline::NEVER, cas: 1 };
        for round in 0..1_000 {
            let key = format!("key {round}");
            store.insert(meta, key.as_bytes(), [b"v", b""]);
            let place = store.find(key.as_bytes()).expect("it was stored");
            assert_eq!(store.item(place).value(), b"v");
            store.remove(place);
            assert!(store.find(key.as_bytes()).is_none());
        }
        assert_eq!((store.len(), store.bytes(), store.slots.len()), (0, 0, 1));
    }
}
