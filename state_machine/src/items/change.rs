//! What changes or removes an item: DELETE, INCREMENT, DECREMENT, TOUCH, GAT, FLUSH.

use alloc::vec;
use lockproof_protocol::memcached::{DO_NOT_CREATE, Direction, Extras};
use lockproof_protocol::memcached_binary::{Reply, Status};

use super::counter::{self, Digits};
use super::expiry::Deadline;
use super::item::{Marks, Meta};
use super::store::Place;
use super::write::NoRoom;
use super::{Hit, Items, failed};
use crate::Now;

impl Items {
    pub(super) fn delete(
        &mut self,
        now: Now,
        key: &[u8],
        cas: Option<u64>,
        extras: Extras,
    ) -> Reply {
        let Some(place) = self.claim(now, key) else {
            self.counted.delete_misses += 1;
            return failed(Status::KEY_NOT_FOUND);
        };
        // With CAS off no CAS matches (MCB-CAS-17).
        if cas.is_some_and(|cas| cas != self.store.item(place).meta().cas) {
            return failed(Status::KEY_EXISTS);
        }
        self.counted.delete_hits += 1;
        if extras.invalidates {
            self.invalidate(now, place, extras.expiry);
        } else {
            self.store.remove(place);
        }
        Reply::Done
    }

    /// Marks an item as stale, for one client to store anew: whoever wanted to store by the CAS of before is late
    /// (MCM-STA-09, MCM-STA-11, MCM-DEL-04).
    fn invalidate(&mut self, now: Now, place: Place, expiry: Option<u32>) {
        let cas = self.next_cas();
        let item = self.store.item_mut(place);
        item.set_marks(item.meta().marks.without(Marks::TAKEN).with(Marks::STALE));
        item.set_cas(cas);
        if let Some(expiry) = expiry {
            self.expire(now, place, expiry);
        }
    }

    /// A new expiry; one that is over removes the item.
    pub(super) fn expire(&mut self, now: Now, place: Place, expiry: u32) {
        let deadline = Deadline::of_expiry(expiry, now, self.config.unix_start);
        self.store.item_mut(place).set_deadline(deadline);
        if deadline.is_over(now) {
            self.store.remove(place);
        }
    }

    /// TOUCH and GAT: a new expiry, the same CAS (MCB-CAS-02). The reply shows the item as it is,
    /// also when the new expiry ends it (MCB-TCH-10).
    pub(super) fn touch(
        &mut self,
        now: Now,
        key: &[u8],
        expiry: u32,
        show: impl FnOnce(Hit<'_>) -> Reply,
    ) -> Reply {
        self.counted.cmd_touch += 1;
        let Some(place) = self.claim(now, key) else {
            self.counted.touch_misses += 1;
            return failed(Status::KEY_NOT_FOUND);
        };
        self.counted.touch_hits += 1;
        let deadline = Deadline::of_expiry(expiry, now, self.config.unix_start);
        self.store.item_mut(place).set_deadline(deadline);
        self.store.read(place, now);
        let reply = show(self.store.item(place).hit());
        if deadline.is_over(now) {
            self.store.remove(place);
        }
        reply
    }

    /// INCREMENT and DECREMENT of an item that is there. An empty value is refused before the CAS
    /// is looked at, any other text after it (MCB-CAS-12).
    pub(super) fn count(
        &mut self,
        now: Now,
        key: &[u8],
        place: Place,
        cas: Option<u64>,
        direction: Direction,
        delta: u64,
    ) -> Reply {
        let item = self.store.item(place);
        let before = item.meta();
        let len_before = item.value().len();
        if len_before == 0 {
            return failed(Status::NON_NUMERIC);
        }
        if cas.is_some_and(|cas| cas != before.cas) {
            return failed(Status::KEY_EXISTS);
        }
        let Some(stored) = counter::parse(item.value()) else {
            return failed(Status::NON_NUMERIC);
        };
        let value = match direction {
            Direction::Increment => stored.wrapping_add(delta),
            Direction::Decrement => stored.saturating_sub(delta),
        };
        let digits = Digits::of(value);
        let padding = vec![b' '; digits.padding(len_before)];
        let text = [digits.as_bytes(), &padding];
        // One that has room goes on being the same item (MCM-STA-12, MCM-GET-07).
        let has_room = digits.as_bytes().len() <= len_before;
        let meta = if has_room { before } else { before.anew() };
        let history = self.store.history(place);
        match self.put(now, key, Some(place), meta, text) {
            Ok(cas) => {
                if has_room {
                    self.store.set_history(place, history);
                }
                *self.arithmetic_counters(direction).0 += 1;
                Reply::Counter { value, cas }
            }
            Err(NoRoom) => no_memory("Out of memory incrementing value"),
        }
    }

    /// INCREMENT and DECREMENT of an absent key. The CAS is not looked at (MCB-CAS-11), and a
    /// counter that is created counts as neither hit nor miss (MCB-STT-09).
    pub(super) fn seed_counter(
        &mut self,
        now: Now,
        key: &[u8],
        direction: Direction,
        initial: u64,
        expiry: u32,
        marks: Marks,
    ) -> Reply {
        if expiry == DO_NOT_CREATE {
            *self.arithmetic_counters(direction).1 += 1;
            return failed(Status::KEY_NOT_FOUND);
        }
        let deadline = Deadline::of_expiry(expiry, now, self.config.unix_start);
        let meta = Meta { cas: 0, flags: 0, deadline, marks };
        match self.put(now, key, None, meta, [Digits::of(initial).as_bytes(), b""]) {
            Ok(cas) => Reply::Counter { value: initial, cas },
            Err(NoRoom) => no_memory("Out of memory allocating new item"),
        }
    }

    /// FLUSH: at once, or at a deadline that replaces a pending one (MCB-FLU-08).
    pub(super) fn flush(&mut self, now: Now, delay: u32) -> Reply {
        if !self.config.flush_enabled {
            return failed(Status::AUTH_ERROR);
        }
        self.counted.cmd_flush += 1;
        self.flush = Some(Deadline::of_delay(delay, now, self.config.unix_start));
        self.fire_flush(now);
        Reply::Done
    }

    /// The counters of hits and of misses.
    fn arithmetic_counters(&mut self, direction: Direction) -> (&mut u64, &mut u64) {
        let counted = &mut self.counted;
        match direction {
            Direction::Increment => (&mut counted.incr_hits, &mut counted.incr_misses),
            Direction::Decrement => (&mut counted.decr_hits, &mut counted.decr_misses),
        }
    }
}

fn no_memory(text: &'static str) -> Reply {
    Reply::FailedWith { status: Status::OUT_OF_MEMORY, text }
}
