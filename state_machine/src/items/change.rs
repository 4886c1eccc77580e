//! What changes or removes an item: DELETE, INCREMENT, DECREMENT, TOUCH, GAT, FLUSH.

use alloc::vec;
use lockproof_protocol::memcached_binary::{Direction, Reply, Status};

use super::counter::{self, Digits};
use super::expiry::Deadline;
use super::item::Meta;
use super::store::Place;
use super::write::NoRoom;
use super::{Hit, Items, failed};
use crate::Now;

/// The expiry of a counter that shall not be created (MCB-ARI-06).
const DO_NOT_CREATE: u32 = u32::MAX;

impl Items {
    pub(super) fn delete(&mut self, now: Now, key: &[u8], cas: u64) -> Reply {
        let Some(place) = self.claim(now, key) else {
            self.counted.delete_misses += 1;
            return failed(Status::KEY_NOT_FOUND);
        };
        // With CAS off no CAS matches (MCB-CAS-17).
        if cas != 0 && cas != self.store.item(place).meta().cas {
            return failed(Status::KEY_EXISTS);
        }
        self.counted.delete_hits += 1;
        self.store.remove(place);
        Reply::Done
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
        self.store.visit(place);
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
        cas: u64,
        direction: Direction,
        delta: u64,
    ) -> Reply {
        let item = self.store.item(place);
        let Meta { cas: current, flags, deadline } = item.meta();
        let len_before = item.value().len();
        if len_before == 0 {
            return failed(Status::NON_NUMERIC);
        }
        if cas != 0 && cas != current {
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
        match self.put(now, key, Some(place), flags, deadline, text) {
            Ok(cas) => {
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
    ) -> Reply {
        if expiry == DO_NOT_CREATE {
            *self.arithmetic_counters(direction).1 += 1;
            return failed(Status::KEY_NOT_FOUND);
        }
        let deadline = Deadline::of_expiry(expiry, now, self.config.unix_start);
        match self.put(now, key, None, 0, deadline, [Digits::of(initial).as_bytes(), b""]) {
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
