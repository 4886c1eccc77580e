//! The table: which session owns which key. Keeps both directions, and knows no rules but that one
//! key has one owner (LKR-501).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use bytes::Bytes;

use crate::{Now, SessionId};

/// One held key, as a dump shows it (LKR-702). The peer's address is the server's to add.
#[derive(Debug, Clone, Eq, PartialEq)]
pub struct Held {
    /// The key.
    pub key: Bytes,
    /// Its owner.
    pub session: SessionId,
    /// How long it has been held.
    pub age: Now,
    /// The number of this grant, from 1, among all grants of the server.
    pub grant: u64,
}

/// What the keys of one request look like to a session. All false for no keys.
#[derive(Debug, Default, Copy, Clone)]
pub(super) struct Seen {
    /// At least one key is free.
    pub(super) free: bool,
    /// At least one key is owned by the session that asks.
    pub(super) own: bool,
    /// At least one key is owned by another session.
    pub(super) foreign: bool,
}

/// A session that holds something.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
pub struct Holder {
    /// Which one.
    pub session: SessionId,
    /// How many keys.
    pub keys: usize,
    /// How long it has held something without a pause, which may be longer than each of its keys.
    pub age: Now,
}

#[derive(Debug, Copy, Clone)]
struct Grant {
    session: SessionId,
    number: u64,
    at: Now,
}

impl Grant {
    fn shown(&self, now: Now, key: &Bytes) -> Held {
        let (session, grant) = (self.session, self.number);
        Held { key: key.clone(), session, age: now.saturating_sub(self.at), grant }
    }
}

/// What one session owns.
#[derive(Debug)]
struct Owned {
    /// When it owned nothing for the last time.
    since: Now,
    keys: BTreeSet<Bytes>,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    grants: BTreeMap<Bytes, Grant>,
    /// The same ownership by session; without empty sets, so that churn leaves nothing (LKR-604).
    by_session: BTreeMap<SessionId, Owned>,
    granted: u64,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.grants.len()
    }

    /// How many sessions own at least one key.
    pub(super) fn holders(&self) -> usize {
        self.by_session.len()
    }

    pub(super) fn held_by(&self, session: SessionId) -> usize {
        self.by_session.get(&session).map_or(0, |owned| owned.keys.len())
    }

    pub(super) fn look(&self, session: SessionId, keys: &[Bytes]) -> Seen {
        let mut seen = Seen::default();
        for key in keys {
            match self.grants.get(key) {
                None => seen.free = true,
                Some(grant) if grant.session == session => seen.own = true,
                Some(_) => seen.foreign = true,
            }
        }
        seen
    }

    /// Grants a key that is free; does nothing otherwise, so duplicates collapse (LKR-305).
    pub(super) fn grant(&mut self, now: Now, session: SessionId, key: &Bytes) {
        if self.grants.contains_key(key) {
            return;
        }
        // A copy, because the request's key keeps the connection's whole input buffer alive.
        let key = Bytes::copy_from_slice(key);
        self.granted += 1;
        self.grants.insert(key.clone(), Grant { session, number: self.granted, at: now });
        let first = || Owned { since: now, keys: BTreeSet::new() };
        self.by_session.entry(session).or_insert_with(first).keys.insert(key);
    }

    /// Frees a key that the session owns; does nothing otherwise.
    pub(super) fn free(&mut self, session: SessionId, key: &Bytes) {
        let Some(owned) = self.by_session.get_mut(&session) else { return };
        if owned.keys.remove(key) {
            self.grants.remove(key);
        }
        if owned.keys.is_empty() {
            self.by_session.remove(&session);
        }
    }

    /// Frees all keys of a session; returns them in their order.
    pub(super) fn free_all_of(&mut self, session: SessionId) -> Vec<Bytes> {
        let keys = self.by_session.remove(&session).map(|owned| owned.keys).unwrap_or_default();
        for key in &keys {
            self.grants.remove(key);
        }
        keys.into_iter().collect()
    }

    pub(super) fn dump(&self, now: Now) -> Vec<Held> {
        self.grants.iter().map(|(key, grant)| grant.shown(now, key)).collect()
    }

    pub(super) fn each_holder(&self, now: Now) -> impl Iterator<Item = Holder> {
        self.by_session.iter().map(move |(session, owned)| Holder {
            session: *session,
            keys: owned.keys.len(),
            age: now.saturating_sub(owned.since),
        })
    }

    pub(super) fn keys_of(&self, now: Now, session: SessionId) -> impl Iterator<Item = Held> {
        let keys = self.by_session.get(&session).into_iter().flat_map(|owned| &owned.keys);
        keys.filter_map(move |key| Some(self.grants.get(key)?.shown(now, key)))
    }
}
