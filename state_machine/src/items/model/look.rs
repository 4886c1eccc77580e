//! The model's meta protocol: what a look shows and changes.

use alloc::vec::Vec;
use lockproof_protocol::memcached::Lookup;

use super::{FOREVER, Model};

/// What a look of the meta protocol shows.
#[derive(Debug, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the protocol's own")]
pub(in crate::items) struct Look {
    pub(in crate::items) value: Vec<u8>,
    pub(in crate::items) flags: u32,
    pub(in crate::items) cas: u64,
    pub(in crate::items) ttl_before: Option<u64>,
    pub(in crate::items) ttl: Option<u64>,
    pub(in crate::items) read: bool,
    pub(in crate::items) stale: bool,
    pub(in crate::items) taken: bool,
    pub(in crate::items) won: bool,
    pub(in crate::items) binary: bool,
}

impl Model {
    /// `mg`, told as a story: what is there, what becomes of it, who wins.
    pub(in crate::items) fn fetch(
        &mut self,
        now_ms: u64,
        key: &[u8],
        lookup: &Lookup,
    ) -> Option<Look> {
        self.forget_the_dead(now_ms);
        let is_there = self.items.contains_key(key);
        self.bump("cmd_get");
        self.bump(if is_there { "get_hits" } else { "get_misses" });
        if lookup.touch.is_some() {
            self.bump("cmd_touch");
            self.bump(if is_there { "touch_hits" } else { "touch_misses" });
        }
        if !is_there {
            let expiry = lookup.vivify?;
            let dies_ms = Self::dies(now_ms, expiry);
            let cas = self.put(now_ms, key, Vec::new(), 0, dies_ms);
            let mut look = Look { cas, ..self.look_of(now_ms, key).unwrap_or(Look::of_nothing()) };
            if let Some(item) = self.items.get_mut(key) {
                (item.taken, item.binary) = (true, lookup.key_is_binary);
                item.read = !lookup.is_peek;
                look.binary = item.binary;
            }
            look.won = true;
            return Some(look);
        }
        let mut look = self.look_of(now_ms, key)?;
        let item = self.items.get_mut(key)?;
        if let Some(expiry) = lookup.touch {
            item.dies_ms = Self::dies(now_ms, expiry);
            look.ttl = left(now_ms, item.dies_ms);
        }
        let due = lookup.recache.is_some_and(|recache| {
            let ttl = if recache.after_touch { look.ttl } else { look.ttl_before };
            ttl.is_some_and(|ttl| ttl < u64::from(recache.below))
        });
        look.won = !item.taken && (item.stale || due);
        item.taken |= look.won;
        if !lookup.is_peek {
            (item.read, item.seen_ms) = (true, now_ms);
        }
        Some(look)
    }

    /// `me`, and how long ago the item was seen.
    pub(in crate::items) fn peek(&mut self, now_ms: u64, key: &[u8]) -> Option<(Look, u64)> {
        self.forget_the_dead(now_ms);
        let idle = now_ms - self.items.get(key)?.seen_ms;
        Some((self.look_of(now_ms, key)?, idle / 1000))
    }

    fn look_of(&self, now_ms: u64, key: &[u8]) -> Option<Look> {
        let item = self.items.get(key)?;
        let ttl = left(now_ms, item.dies_ms);
        Some(Look {
            value: item.value.clone(),
            flags: item.flags,
            cas: item.cas,
            ttl_before: ttl,
            ttl,
            read: item.read,
            stale: item.stale,
            taken: item.taken,
            won: false,
            binary: item.binary,
        })
    }
}

impl Look {
    fn of_nothing() -> Self {
        Self {
            value: Vec::new(),
            flags: 0,
            cas: 0,
            ttl_before: Some(0),
            ttl: Some(0),
            read: false,
            stale: false,
            taken: false,
            won: false,
            binary: false,
        }
    }
}

/// Seconds, the last one begun or not.
fn left(now_ms: u64, dies_ms: u64) -> Option<u64> {
    (dies_ms != FOREVER).then(|| dies_ms.saturating_sub(now_ms).div_ceil(1000))
}
