//! What stores a value: SET, ADD, REPLACE, APPEND, PREPEND, and the room that it takes.

use lockproof_protocol::memcached_binary::{Reply, Side, Status, StoreMode, Value};

use super::config::item_size;
use super::item::{Item, Marks, Meta};
use super::store::{Place, Store, footprint};
use super::{Items, failed};
use crate::Now;

/// How long a full shard that may not evict waits before it looks for expired items again. To look
/// costs time in proportion to the items.
const SWEEP_PAUSE: Now = Now::from_secs(1);

/// No memory, although the item as such is not too large.
#[derive(Debug)]
pub struct NoRoom;

/// What must hold of the item that is there.
#[derive(Debug, Copy, Clone)]
pub(super) struct Guard {
    /// It has this CAS. None has 0.
    pub(super) cas: Option<u64>,
    /// Or a later one; then what is stored is stale already (MCM-STA-13).
    pub(super) or_later: bool,
}

/// How a store that is allowed goes on.
enum Allowed {
    Anew,
    AsStale,
}

impl Items {
    /// SET, ADD and REPLACE. Of `meta` the CAS is still to be given out.
    pub(super) fn put_value(
        &mut self,
        now: Now,
        key: &[u8],
        guard: Guard,
        mode: StoreMode,
        mut meta: Meta,
        value: &Value,
    ) -> Reply {
        let value = match self.fitting(key, meta.flags, value) {
            Ok(value) => value,
            Err(status) => {
                self.forget_failed_set(key, mode);
                return failed(status);
            }
        };
        self.counted.cmd_set += 1;
        let place = self.claim(now, key);
        match (self.may_store(place, guard, mode), place) {
            (Err(status), _) => return failed(status),
            (Ok(Allowed::AsStale), Some(place)) => {
                let Meta { deadline, marks, .. } = self.store.item(place).meta();
                let taken = if marks.has(Marks::TAKEN) { Marks::TAKEN } else { Marks::default() };
                meta = Meta { deadline, marks: meta.marks.with(Marks::STALE).with(taken), ..meta };
            }
            _ => {}
        }
        if let Ok(cas) = self.put(now, key, place, meta, [value, b""]) {
            Reply::Stored { cas }
        } else {
            self.forget_failed_set(key, mode);
            failed(Status::OUT_OF_MEMORY)
        }
    }

    /// APPEND and PREPEND, which keep flags and expiry (MCB-APP-02).
    pub(super) fn concat(
        &mut self,
        now: Now,
        key: &[u8],
        cas: Option<u64>,
        side: Side,
        value: &Value,
    ) -> Reply {
        let added = match self.fitting(key, 0, value) {
            Ok(added) => added,
            Err(status) => return failed(status),
        };
        self.counted.cmd_set += 1;
        let Some(place) = self.claim(now, key) else { return failed(Status::NOT_STORED) };
        let before = self.store.item(place).meta();
        if self.config.cas && cas.is_some_and(|cas| cas != before.cas) {
            return failed(Status::KEY_EXISTS);
        }
        let stored = self.store.item(place).hit().to_bytes();
        let parts: [&[u8]; 2] = match side {
            Side::Append => [&stored, added],
            Side::Prepend => [added, &stored],
        };
        match self.put(now, key, Some(place), before.anew(), parts) {
            Ok(cas) => Reply::Stored { cas },
            // MCB-APP-07, MCB-LIM-19: too large together, or no memory for both.
            Err(NoRoom) => failed(Status::NOT_STORED),
        }
    }

    /// Stores under a key whose live item, if any, is at `place`; returns the new CAS. Makes room,
    /// and changes nothing but the room when there is none.
    pub(super) fn put(
        &mut self,
        now: Now,
        key: &[u8],
        place: Option<Place>,
        meta: Meta,
        value: [&[u8]; 2],
    ) -> Result<u64, NoRoom> {
        let size = item_size(key.len(), meta.flags, value[0].len() + value[1].len());
        if size > self.config.item_max {
            return Err(NoRoom);
        }
        let is_past = meta.deadline.is_over(now);
        if !is_past && !self.make_room(now, footprint(size), place) {
            return Err(NoRoom);
        }
        let meta = Meta { cas: self.next_cas(), ..meta };
        // MCB-EXP-05: stored, and at once unreadable. Nobody can tell this from not stored.
        let item = if is_past { None } else { Some(Item::new(meta, key, value).ok_or(NoRoom)?) };
        self.counted.total_items += 1;
        match (place, item) {
            (Some(place), None) => self.store.remove(place),
            (None, None) => {}
            (Some(place), Some(item)) => self.store.replace(now, place, item),
            (None, Some(item)) => self.store.insert(now, item),
        }
        Ok(meta.cas)
    }

    /// The value, unless it is too large for an item by itself (MCB-LIM-06, MCB-LIM-07), or was not kept.
    fn fitting<'a>(&self, key: &[u8], flags: u32, value: &'a Value) -> Result<&'a [u8], Status> {
        match value {
            Value::Present(value)
                if item_size(key.len(), flags, value.len()) <= self.config.item_max =>
            {
                Ok(value)
            }
            Value::Present(_) | Value::TooLarge(_) => Err(Status::TOO_LARGE),
            Value::NoMemory(_) => Err(Status::OUT_OF_MEMORY),
        }
    }

    /// A SET that fails for its size takes the old item with it, so that nobody goes on to read
    /// what its writer meant to replace; the other modes leave it (MCB-LIM-08, -09, -19).
    fn forget_failed_set(&mut self, key: &[u8], mode: StoreMode) {
        if mode == StoreMode::Set
            && let Some(place) = self.store.find(key)
        {
            self.store.remove(place);
        }
    }

    /// Whether the item that is there, or its absence, allows the store. With a CAS to match, ADD
    /// and REPLACE are a SET (MCB-CAS-07).
    fn may_store(
        &mut self,
        place: Option<Place>,
        guard: Guard,
        mode: StoreMode,
    ) -> Result<Allowed, Status> {
        let current = place.map(|place| self.store.item(place).meta().cas);
        if let Some(cas) = guard.cas.filter(|_| self.config.cas) {
            return match current {
                None => {
                    self.counted.cas_misses += 1;
                    Err(Status::KEY_NOT_FOUND)
                }
                Some(current) if current == cas => {
                    self.counted.cas_hits += 1;
                    Ok(Allowed::Anew)
                }
                Some(current) if guard.or_later && (1..current).contains(&cas) => {
                    self.counted.cas_hits += 1;
                    Ok(Allowed::AsStale)
                }
                Some(_) => {
                    self.counted.cas_badval += 1;
                    Err(Status::KEY_EXISTS)
                }
            };
        }
        match (mode, place) {
            (StoreMode::Add, Some(place)) => {
                self.store.visit(place);
                Err(Status::KEY_EXISTS)
            }
            (StoreMode::Replace, None) => Err(Status::KEY_NOT_FOUND),
            _ => Ok(Allowed::Anew),
        }
    }

    /// Makes room for `needed` bytes, which take the place of the item at `place`.
    fn make_room(&mut self, now: Now, needed: usize, place: Option<Place>) -> bool {
        // What may stay beside them. No item is larger than the memory, and `place` is spared.
        let freed = place.map_or(0, |place| footprint(self.store.item(place).size()));
        let others_max = self.config.memory_max - needed;
        let is_full = |store: &Store| store.bytes() - freed > others_max;
        if !self.config.evict {
            if is_full(&self.store) {
                self.sweep(now);
            }
            return !is_full(&self.store);
        }
        while is_full(&self.store) {
            let is_expired = self.store.evict(now, place);
            let count =
                if is_expired { &mut self.counted.reclaimed } else { &mut self.counted.evictions };
            *count += 1;
        }
        true
    }

    /// Reclaims what is expired.
    fn sweep(&mut self, now: Now) {
        if now >= self.sweep_after {
            self.sweep_after = now.saturating_add(SWEEP_PAUSE);
            self.counted.reclaimed += self.store.sweep(now);
        }
    }

    /// A CAS that was never given out, and is not 0 (MCB-CAS-01); 0 when CAS is off (MCB-CAS-17).
    pub(super) fn next_cas(&mut self) -> u64 {
        if !self.config.cas {
            return 0;
        }
        let step = self.config.cas_step.max(1);
        if self.cas_next == 0 {
            self.cas_next = step;
        }
        let cas = self.cas_next;
        self.cas_next = cas.wrapping_add(step);
        cas
    }
}
