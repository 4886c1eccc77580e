//! How the meta protocol reads: what is known of an item beside its value, and who shall store it anew.

use lockproof_protocol::memcached::Lookup;

use super::expiry::Deadline;
use super::item::{Hit, Marks, Meta};
use super::store::Place;
use super::write::NoRoom;
use super::{Items, KEY_LEN_MAX};
use crate::Now;

/// What a look at an item shows.
#[derive(Debug, Copy, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the protocol's own")]
pub struct Seen<'a> {
    /// The item.
    pub hit: Hit<'a>,
    /// Seconds that it has left; `None` is for ever (MCM-GET-06).
    pub ttl: Option<u64>,
    /// The same before a new expiry.
    pub ttl_before: Option<u64>,
    /// Whether it was read since it was stored, before this (MCM-GET-07).
    pub was_read: bool,
    /// Seconds since the last access before this (MCM-GET-08).
    pub idle: u64,
    /// It was invalidated, and not stored anew since (MCM-STA-09).
    pub is_stale: bool,
    /// Somebody was told before to store it anew (MCM-STA-02).
    pub is_taken: bool,
    /// Whoever looks now shall store it anew.
    pub is_won: bool,
    /// Its key came in base64 when it was stored (MCM-KEY-05).
    pub key_is_binary: bool,
    /// Bytes that it takes.
    pub size: usize,
}

/// The look changes the item: [`Items::fetch_mut`] is needed. Nothing was counted.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
pub struct NeedsWrite;

impl Items {
    /// Keeps the time of each item's last access from now on, four bytes for each. Until the first meta command nobody
    /// wants to know it, so until then it costs nothing.
    pub fn keep_access_times(&mut self, now: Now) {
        self.store.keep_times(now);
    }

    /// Shows an item, which leaves no trace (MCM-DBG-01).
    pub fn peek(&self, now: Now, key: &[u8]) -> Option<Seen<'_>> {
        self.live(now, key).map(|place| self.seen(now, place))
    }

    /// Reads an item as `mg` does, unless that changes more than [`look`](Self::look) does.
    pub fn fetch(
        &self,
        now: Now,
        key: &[u8],
        lookup: &Lookup,
    ) -> Result<Option<Seen<'_>>, NeedsWrite> {
        let place = self.live(now, key);
        let seen = place.map(|place| self.seen(now, place));
        if !lookup.is_read() || seen.is_some_and(|seen| seen.is_stale && !seen.is_taken) {
            return Err(NeedsWrite);
        }
        match place {
            None => drop(self.look_up(now, key)),
            Some(place) => {
                self.reads.count(true);
                if !lookup.is_peek {
                    self.store.read(place, now);
                }
            }
        }
        Ok(seen)
    }

    /// Reads an item as `mg` does, and whatever else that says.
    pub fn fetch_mut(
        &mut self,
        now: Now,
        key: &[u8],
        lookup: &Lookup,
    ) -> Result<Option<Seen<'_>>, NoRoom> {
        self.fire_flush(now);
        if key.len() > KEY_LEN_MAX {
            return Ok(None); // The decoder refuses them (MCM-GEN-11); this is for other callers.
        }
        let place = self.claim(now, key);
        self.reads.count(place.is_some());
        if lookup.touch.is_some() {
            self.counted.cmd_touch += 1;
            let hits = &mut self.counted;
            *(if place.is_some() { &mut hits.touch_hits } else { &mut hits.touch_misses }) += 1;
        }
        match (place, lookup.vivify) {
            (Some(place), _) => Ok(Some(self.fetch_at(now, place, lookup))),
            (None, Some(expiry)) => self.vivify(now, key, expiry, lookup).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn fetch_at(&mut self, now: Now, place: Place, lookup: &Lookup) -> Seen<'_> {
        let before = self.seen(now, place);
        let (was_read, idle) = (before.was_read, before.idle);
        let ttl_before = before.ttl;
        if let Some(expiry) = lookup.touch {
            let deadline = Deadline::of_expiry(expiry, now, self.config.unix_start);
            // One that is over leaves an item that nobody can see, and that is swept.
            self.store.item_mut(place).set_deadline(deadline);
        }
        if !lookup.is_peek {
            self.store.read(place, now);
        }
        let Meta { deadline, marks, .. } = self.store.item(place).meta();
        let ttl = deadline.seconds_left(now);
        // MCM-STA-06, MCM-STA-08
        let is_due = lookup.recache.is_some_and(|recache| {
            let left = if recache.after_touch { ttl } else { ttl_before };
            left.is_some_and(|left| left < recache.below.into())
        });
        let is_won = !marks.has(Marks::TAKEN) && (is_due || marks.has(Marks::STALE));
        if is_won {
            self.store.item_mut(place).set_marks(marks.with(Marks::TAKEN));
        }
        let is_taken = marks.has(Marks::TAKEN);
        Seen { ttl_before, was_read, idle, is_taken, is_won, ..self.seen(now, place) }
    }

    /// Stores an empty item, which whoever asked first shall store anew (MCM-STA-01).
    fn vivify(
        &mut self,
        now: Now,
        key: &[u8],
        expiry: u32,
        lookup: &Lookup,
    ) -> Result<Seen<'_>, NoRoom> {
        let deadline = Deadline::of_expiry(expiry, now, self.config.unix_start);
        let marks = Marks::of_key(lookup.key_is_binary).with(Marks::TAKEN);
        let meta = Meta { cas: 0, flags: 0, deadline, marks };
        let cas = self.put(now, key, None, meta, [b"", b""])?;
        let ttl = deadline.seconds_left(now);
        let place = self.store.find(key);
        let seen = place.map_or(Seen::of_nothing(cas), |place| self.seen(now, place));
        if let Some(place) = place.filter(|_| !lookup.is_peek) {
            self.store.read(place, now);
        }
        Ok(Seen { ttl, ttl_before: ttl, is_taken: false, is_won: true, ..seen })
    }

    fn seen(&self, now: Now, place: Place) -> Seen<'_> {
        let item = self.store.item(place);
        let Meta { deadline, marks, .. } = item.meta();
        let history = self.store.history(place);
        let ttl = deadline.seconds_left(now);
        Seen {
            hit: item.hit(),
            ttl,
            ttl_before: ttl,
            was_read: history.was_read,
            idle: history.idle(now),
            is_stale: marks.has(Marks::STALE),
            is_taken: marks.has(Marks::TAKEN),
            is_won: false,
            key_is_binary: marks.has(Marks::BINARY_KEY),
            size: item.size(),
        }
    }
}

impl Seen<'_> {
    /// An item whose expiry was over when it was stored.
    const fn of_nothing(cas: u64) -> Self {
        Self {
            hit: Hit::of_nothing(cas),
            ttl: Some(0),
            ttl_before: Some(0),
            was_read: false,
            idle: 0,
            is_stale: false,
            is_taken: false,
            is_won: false,
            key_is_binary: false,
            size: 0,
        }
    }
}
