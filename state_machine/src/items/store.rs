//! Where items live: slots, which the hash table and the queue of eviction link.
//!
//! Leaves out what commands mean and when memory is short. Nothing in here is iterated in the
//! order of the hash table, so the order of anything visible does not hang on the seed.

use alloc::vec::Vec;
use core::hash::BuildHasher;
use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use foldhash::fast::FixedState;

use super::config::SLOT_OVERHEAD;
use super::item::Item;
use super::sieve::{Sieve, Worth};
use super::slot::{Hash, NONE, Slot};
use super::table::Table;
use crate::Now;

/// Keys that are looked up at once: more misses than a processor has under way anyway.
pub const WARM_MAX: usize = 32;

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
    table: Table,
    slots: Vec<Slot>,
    hasher: FixedState,
    sieve: Sieve,
    vacant: Vec<u32>,
    bytes: usize,
    /// When each slot's item was last asked for, in ticks; empty until somebody wants to know.
    times: Vec<AtomicU32>,
    keeps_times: bool,
}

/// What an item remembers of being read.
#[derive(Debug, Copy, Clone)]
pub(super) struct History {
    pub(super) was_read: bool,
    ticks: Option<u32>,
}

impl Store {
    pub(super) fn new(hash_seed: u64) -> Self {
        Self {
            table: Table::new(),
            slots: Vec::new(),
            hasher: FixedState::with_seed(hash_seed),
            sieve: Sieve::new(),
            vacant: Vec::new(),
            bytes: 0,
            times: Vec::new(),
            keeps_times: false,
        }
    }

    /// Keeps the time of each item's last access from now on. Those that are there count as asked for just now.
    pub(super) fn keep_times(&mut self, now: Now) {
        if !self.keeps_times {
            self.keeps_times = true;
            self.times = self.slots.iter().map(|_| AtomicU32::new(ticks(now))).collect();
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
        self.table.find(&self.slots, hash, |slot| slot.item.key() == key).map(Place)
    }

    /// Brings what [`find`](Self::find) will look at for these keys into the processor's cache: all at once, where one
    /// look-up after the other would wait for memory again and again.
    pub(super) fn warm<'a>(&self, keys: impl Iterator<Item = &'a [u8]>) {
        let mut first = [NONE; WARM_MAX];
        let mut count = 0;
        for (first, key) in first.iter_mut().zip(keys) {
            *first = self.table.first(self.hash(key));
            count += 1;
        }
        let slots = || first[..count].iter().filter_map(|at| self.slots.get(*at as usize));
        black_box(slots().fold(0, |seen, slot| seen ^ slot.next));
        black_box(slots().fold(0, |seen, slot| seen ^ slot.item.touch()));
    }

    pub(super) fn item(&self, place: Place) -> &Item {
        &self.slots[place.0 as usize].item
    }

    pub(super) fn item_mut(&mut self, place: Place) -> &mut Item {
        &mut self.slots[place.0 as usize].item
    }

    /// Notes that somebody asked for it.
    pub(super) fn visit(&self, place: Place) {
        self.slots[place.0 as usize].visit();
    }

    /// Notes that somebody read it now.
    pub(super) fn read(&self, place: Place, now: Now) {
        self.slots[place.0 as usize].read();
        self.note_time(place.0, now);
    }

    pub(super) fn history(&self, place: Place) -> History {
        let ticks = self.times.get(place.0 as usize).map(|time| time.load(Relaxed));
        History { was_read: self.slots[place.0 as usize].was_read(), ticks }
    }

    /// What is there is what was there, in another form.
    pub(super) fn set_history(&self, place: Place, history: History) {
        if history.was_read {
            self.slots[place.0 as usize].read();
        }
        if let (Some(time), Some(ticks)) = (self.times.get(place.0 as usize), history.ticks) {
            time.store(ticks, Relaxed);
        }
    }

    fn note_time(&self, slot: u32, now: Now) {
        if let Some(time) = self.times.get(slot as usize) {
            time.store(ticks(now), Relaxed);
        }
    }

    /// Stores under a key that is not there. The key is at most 250 bytes long.
    pub(super) fn insert(&mut self, now: Now, item: Item) {
        let hash = self.hash(item.key());
        self.bytes += footprint(item.size());
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(Slot::vacant());
            // The memory limit ends long before 2^32 items.
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX - 1)
        });
        self.slots[slot as usize].fill(item, hash);
        if self.keeps_times {
            self.times.resize_with(self.slots.len(), AtomicU32::default);
            self.note_time(slot, now);
        }
        self.table.insert(&mut self.slots, slot);
        self.sieve.push(&mut self.slots, slot);
    }

    /// Stores over an item, which keeps its place in the queue and counts as asked for.
    pub(super) fn replace(&mut self, now: Now, place: Place, item: Item) {
        let slot = &mut self.slots[place.0 as usize];
        let before = footprint(slot.item.size());
        slot.renew(item);
        let after = footprint(slot.item.size());
        self.note_time(place.0, now);
        self.bytes = self.bytes - before + after;
    }

    pub(super) fn remove(&mut self, place: Place) {
        let slot = &mut self.slots[place.0 as usize];
        let item = core::mem::replace(&mut slot.item, Item::vacant());
        self.bytes -= footprint(item.size());
        self.table.remove(&mut self.slots, place.0);
        self.sieve.remove(&mut self.slots, place.0);
        self.vacant.push(place.0);
    }

    /// Removes the item that shall go first, but not the one at `spared`: there must be another.
    /// Tells whether it was expired anyway.
    pub(super) fn evict(&mut self, now: Now, spared: Option<Place>) -> bool {
        let is_expired = |slot: &Slot| slot.item.meta().deadline.is_over(now);
        let victim = self.sieve.victim(&mut self.slots, |at, slot| {
            if spared == Some(Place(at)) {
                Worth::Spared
            } else if is_expired(slot) {
                Worth::Nothing
            } else {
                Worth::Usual
            }
        });
        let was_expired = is_expired(&self.slots[victim as usize]);
        self.remove(Place(victim));
        was_expired
    }

    /// Removes what is expired, at the cost of a look at every item; returns how many were.
    pub(super) fn sweep(&mut self, now: Now) -> u64 {
        let mut swept = 0;
        for at in 0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX) {
            let item = &self.slots[at as usize].item;
            if item.meta().deadline.is_over(now) {
                self.remove(Place(at));
                swept += 1;
            }
        }
        swept
    }

    /// Removes everything, and gives the memory back.
    pub(super) fn clear(&mut self) {
        self.table = Table::new();
        self.slots = Vec::new();
        self.sieve = Sieve::new();
        self.vacant = Vec::new();
        self.times = Vec::new();
        self.bytes = 0;
    }

    fn hash(&self, key: &[u8]) -> Hash {
        Hash::of(self.hasher.hash_one(key))
    }
}

/// Ticks in a second. 32 bits of them are eight years.
const TICKS: u32 = 16;

fn ticks(now: Now) -> u32 {
    u32::try_from(now.as_millis() * u128::from(TICKS) / 1_000).unwrap_or(u32::MAX)
}

impl History {
    /// Whole seconds since the last access; 0 where nobody keeps the time.
    pub(super) fn idle(self, now: Now) -> u64 {
        let passed = self.ticks.map_or(0, |before| ticks(now).saturating_sub(before));
        (passed / TICKS).into()
    }
}

#[cfg(test)]
mod tests {
    use super::{Item, Store};
    use crate::Now;
    use crate::items::expiry::Deadline;
    use crate::items::item::{Marks, Meta};
    use alloc::format;

    #[test]
    fn slots_are_used_again() {
        let mut store = Store::new(1);
        let meta = Meta { flags: 0, deadline: Deadline::NEVER, cas: 1, marks: Marks::default() };
        for round in 0..1_000 {
            let key = format!("key {round}");
            let item = Item::new(meta, key.as_bytes(), [b"v", b""]).expect("it is small");
            store.insert(Now::ZERO, item);
            let place = store.find(key.as_bytes()).expect("it was stored");
            assert_eq!(store.item(place).value(), b"v");
            store.remove(place);
            assert!(store.find(key.as_bytes()).is_none());
        }
        assert_eq!((store.len(), store.bytes(), store.slots.len()), (0, 0, 1));
    }
}
