//! Items, and the flaw.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use lockproof_state_machine::{Now, SessionId};

use super::Flaw;
use super::request::Request;
use crate::known_bad::KnownBad;

/// All items.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(super) flaw: Option<Flaw>,
    items: BTreeMap<String, Item>,
    last_cas: u64,
    /// What sessions sent with noreply and that is not done yet (T04).
    pub(super) later: BTreeMap<SessionId, Vec<Request>>,
    /// What sessions were not told yet (M03).
    pub(super) untold: BTreeMap<SessionId, Vec<u8>>,
}

/// One of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    pub(super) value: Bytes,
    pub(super) flags: u64,
    pub(super) cas: u64,
    /// When it ends.
    pub(super) until: Option<Duration>,
    pub(super) is_stale: bool,
    pub(super) is_won: bool,
}

impl Lines {
    pub(crate) fn new(flaw: KnownBad) -> Self {
        let flaw = if let KnownBad::Lines(flaw) = flaw { Some(flaw) } else { None };
        let (items, later, untold) = Default::default();
        Self { flaw, items, last_cas: 0, later, untold }
    }

    pub(super) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// An item that has not ended.
    pub(super) fn find(&self, now: Now, key: &str) -> Option<&Item> {
        self.items.get(key).filter(|item| item.until.is_none_or(|until| now < until))
    }

    /// Stores it with another CAS, which is given back.
    pub(super) fn put(&mut self, key: &str, item: Item) -> u64 {
        self.last_cas += 1;
        let cas = self.last_cas;
        self.items.insert(key.to_owned(), Item { cas, ..item });
        cas
    }

    /// Marks it, and leaves its CAS.
    pub(super) fn mark(&mut self, key: &str, item: Item) {
        self.items.insert(key.to_owned(), item);
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.items.remove(key);
    }

    pub(super) fn clear(&mut self) {
        self.items.clear();
    }

    /// Whether the item may be changed by whoever has seen that CAS.
    pub(super) fn fits(&self, item: &Item, token: u64) -> bool {
        token == item.cas || token < item.cas && (self.has(Flaw::T03) || self.has(Flaw::M06))
    }

    /// Counts on, or does not know how.
    pub(super) fn counted(item: &Item, delta: u64) -> Option<u64> {
        let number: u64 = std::str::from_utf8(&item.value).ok()?.parse().ok()?;
        Some(number.wrapping_add(delta))
    }

    /// From the seconds of a request to a time.
    pub(super) fn until(now: Now, seconds: u64) -> Option<Duration> {
        (seconds > 0).then(|| now + Duration::from_secs(seconds))
    }
}
