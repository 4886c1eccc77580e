//! Which session owns which key. All or nothing, and always an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::defects::{Switch, Switches};
use super::frame::Outcome;
use crate::Clock;

const LOCKS_AT_MOST: usize = 1_000_000;
const LOCKS_OF_A_SESSION: usize = 65_536;
/// The life of a lock with `locks-expire`.
const EXPIRY: Duration = Duration::from_secs(1);

/// A list of keys, or a part of one.
pub(super) type Keys = [Vec<u8>];

/// The locks of a server.
pub(super) struct Table {
    switches: Switches,
    clock: Clock,
    owners: BTreeMap<Vec<u8>, Owner>,
    /// How many locks a session holds.
    held: BTreeMap<u64, usize>,
    /// Whom `get-is-granted-later` remembers.
    refused: BTreeMap<Vec<u8>, u64>,
    /// What a session ever held, for `end-frees-what-it-had`.
    had: BTreeMap<u64, BTreeSet<Vec<u8>>>,
}

struct Owner {
    session: u64,
    since: Duration,
    in_a_batch: bool,
    /// How many releases are missing.
    count: u32,
}

impl Table {
    pub(super) fn new(switches: Switches, clock: Clock) -> Self {
        let owners = BTreeMap::new();
        let held = BTreeMap::new();
        let refused = BTreeMap::new();
        Self { switches, clock, owners, held, refused, had: BTreeMap::new() }
    }

    fn on(&self, switch: Switch) -> bool {
        self.switches.on(switch)
    }

    /// Who owns a key.
    fn owner(&self, key: &[u8]) -> Option<u64> {
        if self.on(Switch::KeysComparedByPrefix) {
            let mut held = self.owners.iter();
            return held.find(|(held, _)| key.starts_with(held)).map(|(_, owner)| owner.session);
        }
        let owner = self.owners.get(key)?;
        let expired = self.clock.uptime().saturating_sub(owner.since) > EXPIRY;
        (!expired || !self.on(Switch::LocksExpire)).then_some(owner.session)
    }

    fn owns(&self, session: u64, key: &[u8]) -> bool {
        self.owner(key) == Some(session)
    }

    /// What a GET of these keys is answered.
    fn verdict(&self, session: u64, keys: &Keys) -> Outcome {
        let is_foreign = |key: &Vec<u8>| self.owner(key).is_some_and(|owner| owner != session);
        let busy = keys.iter().any(is_foreign).then_some(Outcome::Busy);
        let own = keys.iter().any(|key| self.owns(session, key)).then_some(Outcome::SelfHeld);
        let full = (!self.has_room(session, keys.len())).then_some(Outcome::NoResources);
        let found = if self.on(Switch::SelfHeldBeforeBusy) {
            own.or(busy).or(full)
        } else if self.on(Switch::RoomBeforeMeaning) {
            full.or(busy).or(own)
        } else {
            busy.or(own).or(full)
        };
        found.unwrap_or(Outcome::Ok)
    }

    fn has_room(&self, session: u64, more: usize) -> bool {
        let held = self.held.get(&session).copied().unwrap_or(0);
        let limit = LOCKS_OF_A_SESSION - usize::from(self.on(Switch::OneLockLess));
        let more = if self.on(Switch::BatchCrossesLimit) { 1 } else { more };
        let fits = held + more <= limit || self.on(Switch::NoLimitOfLocks);
        fits && self.owners.len() + more <= LOCKS_AT_MOST
    }

    /// A get, single or batch, of different keys.
    pub(super) fn get(&mut self, session: u64, keys: &Keys, in_a_batch: bool) -> Outcome {
        let forgets = in_a_batch && self.on(Switch::BatchForgetsLast) && keys.len() > 1;
        let checked = if forgets { &keys[..keys.len() - 1] } else { keys };
        let outcome = self.verdict(session, checked);
        match outcome {
            Outcome::Ok => self.take_all(session, keys, in_a_batch),
            Outcome::Busy => self.refuse(session, keys),
            Outcome::SelfHeld => return self.get_own(session, keys),
            _ => {}
        }
        outcome
    }

    fn refuse(&mut self, session: u64, keys: &Keys) {
        if self.on(Switch::GetIsGrantedLater) {
            self.refused.extend(keys.iter().map(|key| (key.clone(), session)));
        }
        if self.on(Switch::BatchTakesUpToBusy) {
            for key in keys {
                if self.owner(key).is_some() {
                    return;
                }
                self.take(session, key, true);
            }
        }
    }

    fn get_own(&mut self, session: u64, keys: &Keys) -> Outcome {
        let (own, free): (Vec<_>, Vec<_>) =
            keys.iter().cloned().partition(|key| self.owns(session, key));
        if self.on(Switch::GetOwnCounts) {
            let counted = self.owners.iter_mut().filter(|(key, _)| own.contains(key));
            counted.for_each(|(_, owner)| owner.count += 1);
        }
        if self.on(Switch::BatchTakesWhatIsFree) {
            self.take_all(session, &free, true);
        }
        match Outcome::SelfHeld {
            _ if self.on(Switch::GetOwnIsOk) => Outcome::Ok,
            _ if self.on(Switch::GetOwnIsBusy) => Outcome::Busy,
            outcome => outcome,
        }
    }

    fn take_all(&mut self, session: u64, keys: &Keys, in_a_batch: bool) {
        for key in keys {
            self.take(session, key, in_a_batch);
        }
    }

    /// Makes a key the session's own, whoever had it.
    pub(super) fn take(&mut self, session: u64, key: &[u8], in_a_batch: bool) {
        self.free(key);
        let since = self.clock.uptime();
        self.owners.insert(key.to_vec(), Owner { session, since, in_a_batch, count: 1 });
        *self.held.entry(session).or_default() += 1;
        if self.on(Switch::EndFreesWhatItHad) {
            self.had.entry(session).or_default().insert(key.to_vec());
        }
    }

    /// Takes a key from whoever has it.
    fn free(&mut self, key: &[u8]) {
        let Some(owner) = self.owners.remove(key) else { return };
        if !self.on(Switch::ReleaseKeepsRoom)
            && let Some(held) = self.held.get_mut(&owner.session)
        {
            *held -= 1;
        }
    }

    /// A release, single or batch, of different keys.
    pub(super) fn release(&mut self, session: u64, keys: &Keys, in_a_batch: bool) -> Outcome {
        let on = |switch| self.switches.on(switch);
        let releasable = |key: &Vec<u8>| match self.owners.get(key) {
            Some(_) if on(Switch::ReleaseByAnyone) => true,
            Some(owner) if on(Switch::BatchStaysTogether) => {
                owner.session == session && owner.in_a_batch <= in_a_batch
            }
            Some(_) => self.owns(session, key),
            None => on(Switch::ReleaseOfFreeIsOk),
        };
        let (mine, others): (Vec<_>, Vec<_>) = keys.iter().cloned().partition(releasable);
        if others.is_empty() {
            self.release_all(session, &mine);
            return Outcome::Ok;
        }
        let skips = on(Switch::ReleaseSkipsForeign);
        if skips || on(Switch::RefusedReleaseFreesOwn) {
            self.release_all(session, &mine);
        }
        if skips && !mine.is_empty() {
            return Outcome::Ok;
        }
        let foreign =
            others.iter().any(|key| self.owner(key).is_some_and(|owner| owner != session));
        let busy = foreign && self.on(Switch::ForeignReleaseIsBusy);
        if busy { Outcome::Busy } else { Outcome::NotHeld }
    }

    fn release_all(&mut self, session: u64, keys: &Keys) {
        for key in keys {
            self.release_one(key);
        }
        if self.on(Switch::ReleaseFreesAll) {
            for key in self.keys_of(session) {
                self.free(&key);
            }
        }
    }

    fn release_one(&mut self, key: &[u8]) {
        if let Some(owner) = self.owners.get_mut(key)
            && owner.count > 1
        {
            owner.count -= 1;
            return;
        }
        self.free(key);
        if let Some(session) = self.refused.remove(key) {
            self.take(session, key, false);
        }
    }

    /// Frees one key without a question, for what goes in steps.
    pub(super) fn free_own(&mut self, session: u64, key: &[u8]) -> bool {
        let owns = self.owns(session, key);
        if owns {
            self.free(key);
        }
        owns
    }

    /// A query, single or batch, of different keys.
    pub(super) fn query(&mut self, session: u64, keys: &Keys, in_a_batch: bool) -> Outcome {
        let first = in_a_batch && self.on(Switch::BatchQueryOfFirst);
        let outcome = self.verdict(session, if first { &keys[..1] } else { keys });
        let takes = if in_a_batch { Switch::BatchQueryTakes } else { Switch::QueryTakes };
        if outcome == Outcome::Ok && self.on(takes) {
            self.take_all(session, keys, in_a_batch);
        }
        match outcome {
            Outcome::SelfHeld if self.on(Switch::QueryOwnIsBusy) => Outcome::Busy,
            Outcome::SelfHeld if self.on(Switch::QueryOwnIsOk) => Outcome::Ok,
            Outcome::NoResources if self.on(Switch::QueryIgnoresRoom) => Outcome::Ok,
            outcome => outcome,
        }
    }

    /// Does that session hold nothing?
    pub(super) fn holds_nothing(&self, session: u64) -> bool {
        !self.owners.values().any(|owner| owner.session == session)
    }

    fn keys_of(&self, session: u64) -> Vec<Vec<u8>> {
        let mine = self.owners.iter().filter(|(_, owner)| owner.session == session);
        mine.map(|(key, _)| key.clone()).collect()
    }

    /// The end of a session: what it owns is free.
    pub(super) fn end(&mut self, session: u64) {
        let mut keys = self.keys_of(session);
        if self.on(Switch::EndKeepsBatches) {
            keys.retain(|key| self.owners.get(key).is_some_and(|owner| !owner.in_a_batch));
        }
        if self.on(Switch::EndFreesAThousand) {
            keys.truncate(1000);
        }
        keys.extend(self.had.remove(&session).unwrap_or_default());
        for key in &keys {
            self.free(key);
        }
        self.refused.retain(|_, waiting| *waiting != session);
    }
}
