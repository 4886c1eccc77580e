//! Named locks as a map from key to owner, with the rules of LKR-109 written down one after the other.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use lockproof_protocol::locker::{Outcome, Request, Verb};

/// Who owns which key.
#[derive(Clone, Debug)]
pub struct Model {
    owners: BTreeMap<Bytes, u64>,
    keys_max: usize,
    keys_of_one_max: usize,
}

impl Model {
    /// Nobody owns anything; so many keys in all, and so many of one session, can be held.
    pub const fn new(keys_max: usize, keys_of_one_max: usize) -> Self {
        Self { owners: BTreeMap::new(), keys_max, keys_of_one_max }
    }

    /// What a request is answered, and what it changes.
    pub fn ask(&mut self, session: u64, request: &Request) -> Outcome {
        let keys: BTreeSet<&Bytes> = request.keys.iter().collect();
        let owners = || keys.iter().map(|key| self.owners.get(*key).copied());
        if request.verb == Verb::Release {
            if owners().any(|owner| owner != Some(session)) {
                return Outcome::NotHeld;
            }
            self.owners.retain(|key, _| !keys.contains(key));
            return Outcome::Ok;
        }
        if owners().flatten().any(|owner| owner != session) {
            return Outcome::Busy;
        }
        if owners().any(|owner| owner == Some(session)) {
            return Outcome::SelfHeld;
        }
        let own = self.owners.values().filter(|owner| **owner == session).count();
        if self.owners.len() + keys.len() > self.keys_max || own + keys.len() > self.keys_of_one_max
        {
            return Outcome::NoResources;
        }
        if request.verb == Verb::Get {
            self.owners.extend(keys.into_iter().map(|key| (key.clone(), session)));
        }
        Outcome::Ok
    }

    /// A session ends; returns how many keys that frees.
    pub fn end(&mut self, session: u64) -> usize {
        let before = self.owners.len();
        self.owners.retain(|_, owner| *owner != session);
        before - self.owners.len()
    }

    /// Keys and their owners, in the order of the keys.
    pub fn held(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.owners.iter().map(|(key, owner)| (&key[..], *owner))
    }

    /// How many sessions own something.
    pub fn holders(&self) -> u64 {
        self.owners.values().collect::<BTreeSet<_>>().len() as u64
    }
}
