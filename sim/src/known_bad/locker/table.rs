//! A table of locks of its own, right until a flaw is switched on. It shares nothing with the production one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lockproof_protocol::locker::{Outcome, Verb};

use super::Flaw;
use crate::account::{Account, Event};

/// Who owns which key.
#[derive(Debug)]
pub(crate) struct Keys {
    flaw: Option<Flaw>,
    owners: BTreeMap<Vec<u8>, u64>,
    /// Every key that a session was ever granted, for L04.
    ever: BTreeMap<u64, BTreeSet<Vec<u8>>>,
    /// Who was refused what, for L21.
    refused: BTreeMap<Vec<u8>, VecDeque<u64>>,
    account: Account,
}

impl Keys {
    pub(crate) fn new(flaw: Option<Flaw>, account: Account) -> Self {
        let (owners, ever, refused) = Default::default();
        Self { flaw, owners, ever, refused, account }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub(super) fn apply(&mut self, session: u64, verb: Verb, keys: &[Vec<u8>]) -> Outcome {
        match verb {
            Verb::Query => self.would_get(session, keys),
            Verb::Get => self.get(session, keys),
            Verb::Release => self.release(session, keys),
        }
    }

    /// What a GET would say now.
    pub(super) fn would_get(&self, session: u64, keys: &[Vec<u8>]) -> Outcome {
        let owners: Vec<u64> =
            keys.iter().filter_map(|key| self.owners.get(key).copied()).collect();
        if owners.iter().any(|owner| *owner != session) {
            Outcome::Busy
        } else if owners.is_empty() || self.has(Flaw::L20) {
            Outcome::Ok
        } else {
            Outcome::SelfHeld
        }
    }

    fn get(&mut self, session: u64, keys: &[Vec<u8>]) -> Outcome {
        let outcome = self.would_get(session, keys);
        match outcome {
            Outcome::Ok => self.grant(session, keys),
            Outcome::Busy if self.has(Flaw::L08) => {
                let foreign = |key: &&Vec<u8>| self.owners.contains_key(*key);
                let part = keys.iter().position(|key| foreign(&key)).unwrap_or_default();
                self.grant(session, &keys[..part]);
            }
            Outcome::Busy if self.has(Flaw::L21) => {
                for key in keys {
                    self.refused.entry(key.clone()).or_default().push_back(session);
                }
            }
            _ => {}
        }
        outcome
    }

    /// Grants keys, whoever has them.
    pub(super) fn grant(&mut self, session: u64, keys: &[Vec<u8>]) {
        let new: Vec<Vec<u8>> =
            keys.iter().filter(|key| self.owners.get(*key) != Some(&session)).cloned().collect();
        if new.is_empty() {
            return;
        }
        for key in &new {
            self.owners.insert(key.clone(), session);
        }
        self.ever.entry(session).or_default().extend(new.iter().cloned());
        self.account.add(session, Event::Granted(new));
    }

    fn release(&mut self, session: u64, keys: &[Vec<u8>]) -> Outcome {
        if self.has(Flaw::L07) {
            return Outcome::Ok;
        }
        let may = |key: &Vec<u8>| match self.owners.get(key) {
            Some(owner) => *owner == session || self.has(Flaw::L06),
            None => false,
        };
        if !keys.iter().all(may) {
            if self.has(Flaw::L23) {
                let part: Vec<Vec<u8>> = keys.iter().filter(|key| may(key)).cloned().collect();
                self.free(session, &part);
            }
            return Outcome::NotHeld;
        }
        self.free(session, keys);
        Outcome::Ok
    }

    /// Frees keys, whoever has them.
    pub(super) fn free(&mut self, session: u64, keys: &[Vec<u8>]) {
        for key in keys {
            self.owners.remove(key);
        }
        self.account.add(session, Event::Freed(keys.to_vec()));
        for key in keys {
            self.pass_on(key);
        }
    }

    /// L21: what was refused is granted after all.
    fn pass_on(&mut self, key: &[u8]) {
        let next = self.refused.get_mut(key).and_then(VecDeque::pop_front);
        if let Some(next) = next {
            self.grant(next, &[key.to_vec()]);
        }
    }

    /// Whether nobody owns a key.
    pub(super) fn is_free(&self, key: &[u8]) -> bool {
        !self.owners.contains_key(key)
    }

    /// Whether a session owns anything.
    pub(super) fn holds(&self, session: u64) -> bool {
        self.owners.values().any(|owner| *owner == session)
    }

    /// Frees what a session still owns.
    pub(super) fn end(&mut self, session: u64) {
        let mine: Vec<Vec<u8>> = if self.has(Flaw::L04) {
            let ever = self.ever.remove(&session).unwrap_or_default();
            ever.into_iter().filter(|key| self.owners.contains_key(key)).collect()
        } else {
            self.ever.remove(&session);
            let mine = self.owners.iter().filter(|(_, owner)| **owner == session);
            mine.map(|(key, _)| key.clone()).collect()
        };
        self.owners.retain(|key, _| !mine.contains(key));
        for key in &mine {
            self.pass_on(key);
        }
        self.account.add(session, Event::Ended(mine));
    }
}
