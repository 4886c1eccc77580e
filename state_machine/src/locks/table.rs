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

#[derive(Debug, Copy, Clone)]
struct Grant {
    session: SessionId,
    number: u64,
    at: Now,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    grants: BTreeMap<Bytes, Grant>,
    /// The same ownership by session; without empty sets, so that churn leaves nothing (LKR-604).
    by_session: BTreeMap<SessionId, BTreeSet<Bytes>>,
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
        self.by_session.get(&session).map_or(0, BTreeSet::len)
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
        self.by_session.entry(session).or_default().insert(key);
    }

    /// Frees a key that the session owns; does nothing otherwise.
    pub(super) fn free(&mut self, session: SessionId, key: &Bytes) {
        let Some(keys) = self.by_session.get_mut(&session) else { return };
        if keys.remove(key) {
            self.grants.remove(key);
        }
        if keys.is_empty() {
            self.by_session.remove(&session);
        }
    }

    /// Frees all keys of a session; returns them in their order.
    pub(super) fn free_all_of(&mut self, session: SessionId) -> Vec<Bytes> {
        let keys = self.by_session.remove(&session).unwrap_or_default();
        for key in &keys {
            self.grants.remove(key);
        }
        keys.into_iter().collect()
    }

    pub(super) fn dump(&self, now: Now) -> Vec<Held> {
        let held = |(key, grant): (&Bytes, &Grant)| Held {
            key: key.clone(),
            session: grant.session,
            age: now.saturating_sub(grant.at),
            grant: grant.number,
        };
        self.grants.iter().map(held).collect()
    }
}
