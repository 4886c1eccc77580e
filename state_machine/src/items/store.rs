//! Where items live: a slab of slots, a hash table of slot numbers, and the queue of eviction.
//!
//! Leaves out what commands mean and when memory is short. Nothing in here is iterated in the
//! order of the hash table, so the order of anything visible does not hang on the seed.

use alloc::vec::Vec;
use bytes::Bytes;
use core::hash::BuildHasher;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::config::{SLOT_OVERHEAD, item_size};
use super::expiry::Deadline;
use super::sieve::Sieve;
use crate::Now;

/// One stored item.
#[derive(Debug)]
pub(super) struct Item {
    /// The key, then the value: one allocation, which replies share and never change.
    data: Bytes,
    hash: u64,
    pub(super) cas: u64,
    pub(super) deadline: Deadline,
    pub(super) flags: u32,
    key_len: u32,
    /// Asked for since the hand of eviction came by.
    visited: AtomicBool,
}

impl Item {
    pub(super) fn value(&self) -> Bytes {
        self.data.slice(self.key_len as usize..)
    }

    pub(super) fn value_len(&self) -> usize {
        self.data.len() - self.key_len as usize
    }

    fn key(&self) -> &[u8] {
        &self.data[..self.key_len as usize]
    }

    /// The memory that it takes.
    pub(super) fn footprint(&self) -> usize {
        footprint(item_size(self.key_len as usize, self.flags, self.value_len()))
    }

    /// Notes that somebody asked for it. Writes only when that is news, so that readers of a hot
    /// item share its cache line.
    pub(super) fn visit(&self) {
        if !self.visited.load(Relaxed) {
            self.visited.store(true, Relaxed);
        }
    }
}

/// The memory that an item of that size takes.
pub(super) fn footprint(item_size: usize) -> usize {
    item_size + SLOT_OVERHEAD
}

/// The place of an item, valid until the next removal or eviction.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
pub(super) struct Place(u32);

/// What a store writes. The value comes in two parts, for concatenations.
#[derive(Debug, Copy, Clone)]
pub(super) struct Content<'a> {
    pub(super) value: [&'a [u8]; 2],
    pub(super) flags: u32,
    pub(super) deadline: Deadline,
    pub(super) cas: u64,
}

impl Content<'_> {
    /// Copied, because parts of a request keep the connection's whole input buffer alive.
    fn packed(&self, key: &[u8]) -> Bytes {
        let [first, second] = self.value;
        Bytes::from([key, first, second].concat())
    }
}

/// All items of a shard.
#[derive(Debug)]
pub(super) struct Store {
    slots: Vec<Option<Item>>,
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
        let hash = self.hasher.hash_one(key);
        self.table.find(hash, |slot| self.at(*slot).key() == key).copied().map(Place)
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&Item> {
        self.find(key).map(|place| self.item(place))
    }

    pub(super) fn item(&self, place: Place) -> &Item {
        self.at(place.0)
    }

    pub(super) fn item_mut(&mut self, place: Place) -> &mut Item {
        // INVARIANT: as in `at`.
        self.slots[place.0 as usize].as_mut().expect("a place names an item")
    }

    /// Stores under a key that is not there. The key is at most 250 bytes long.
    pub(super) fn insert(&mut self, key: &[u8], content: &Content<'_>) {
        let hash = self.hasher.hash_one(key);
        let item = Item {
            data: content.packed(key),
            hash,
            cas: content.cas,
            deadline: content.deadline,
            flags: content.flags,
            key_len: u32::try_from(key.len()).unwrap_or(0),
            visited: AtomicBool::new(false),
        };
        self.bytes += item.footprint();
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            // The memory limit ends long before 2^32 items.
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX - 1)
        });
        self.slots[slot as usize] = Some(item);
        let slots = &self.slots;
        self.table.insert_unique(hash, slot, |other| {
            slots[*other as usize].as_ref().map_or(0, |item| item.hash)
        });
        self.sieve.push(slot);
    }

    /// Stores over an item, which keeps its place in the queue and counts as asked for.
    pub(super) fn replace(&mut self, place: Place, content: &Content<'_>) {
        let item = self.item_mut(place);
        let before = item.footprint();
        item.data = content.packed(item.key());
        item.cas = content.cas;
        item.deadline = content.deadline;
        item.flags = content.flags;
        item.visit();
        let after = item.footprint();
        self.bytes = self.bytes - before + after;
    }

    pub(super) fn remove(&mut self, place: Place) {
        let Some(item) = self.slots[place.0 as usize].take() else { return };
        self.bytes -= item.footprint();
        if let Ok(entry) = self.table.find_entry(item.hash, |slot| *slot == place.0) {
            entry.remove();
        }
        self.sieve.remove(place.0);
        self.vacant.push(place.0);
    }

    /// Removes the item that shall go first, but not the one at `spared`: there must be another.
    /// Tells whether it was expired anyway.
    pub(super) fn evict(&mut self, now: Now, spared: Option<Place>) -> bool {
        let Self { slots, sieve, .. } = self;
        let mut is_expired = false;
        let slot = sieve.victim(|slot| {
            let Some(Some(item)) = slots.get_mut(slot as usize) else { return false };
            if spared == Some(Place(slot)) {
                return false;
            }
            is_expired = item.deadline.is_over(now);
            let was_visited = core::mem::take(item.visited.get_mut());
            is_expired || !was_visited
        });
        self.remove(Place(slot));
        is_expired
    }

    /// Removes what is expired, at the cost of a look at every item; returns how many were.
    pub(super) fn sweep(&mut self, now: Now) -> u64 {
        let mut swept = 0;
        for slot in 0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX) {
            let item = self.slots.get(slot as usize).and_then(Option::as_ref);
            if item.is_some_and(|item| item.deadline.is_over(now)) {
                self.remove(Place(slot));
                swept += 1;
            }
        }
        swept
    }

    /// Removes everything, and gives the memory back.
    pub(super) fn clear(&mut self) {
        self.slots = Vec::new();
        self.vacant = Vec::new();
        self.table = HashTable::new();
        self.sieve = Sieve::new();
        self.bytes = 0;
    }

    fn at(&self, slot: u32) -> &Item {
        // INVARIANT: the table and the queue name occupied slots alone, and `remove` takes a slot
        // out of both.
        self.slots[slot as usize].as_ref().expect("a place names an item")
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, Deadline, Store};
    use alloc::format;

    #[test]
    fn slots_are_used_again() {
        let mut store = Store::new(1);
        let content = Content { value: [b"v", b""], flags: 0, deadline: Deadline::NEVER, cas: 1 };
        for round in 0..1_000 {
            let key = format!("key {round}");
            store.insert(key.as_bytes(), &content);
            let place = store.find(key.as_bytes()).expect("it was stored");
            assert_eq!(store.item(place).value(), "v");
            store.remove(place);
            assert!(store.get(key.as_bytes()).is_none());
        }
        assert_eq!((store.len(), store.bytes(), store.slots.len()), (0, 0, 1));
    }
}
