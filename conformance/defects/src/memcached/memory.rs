//! How much the items may take together, and who goes when that is not enough: the one whom nobody used
//! for longest, or nobody, and then the store is refused. Only servers that are set up so have a limit.

use std::collections::BTreeSet;

use super::defect::Switch;
use super::frame::{Request, Status};
use super::opcode::{Command, Verb};
use super::store::{Item, Store};
use crate::Setup;

/// What the items of a small server may take.
const SMALL_BYTES: usize = 1 << 20;
/// What those of others may take, as they say; none comes near it.
const LARGE_BYTES: usize = 64 << 20;
/// What an item takes besides key and value.
const ITEM_BYTES: usize = 56;
/// What flags take that are not 0.
pub(super) const FLAGS_BYTES: usize = 4;

/// What a server with a limit knows besides its items.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Keys, the longest unused first; some of them are gone.
    unused: Vec<Vec<u8>>,
    /// Keys that were read.
    pub(super) asked: BTreeSet<Vec<u8>>,
    /// Bytes that nobody gets back; only defects lose any.
    pub(super) lost: usize,
}

impl Store {
    fn is_small(&self) -> bool {
        matches!(self.setup, Setup::Evicts | Setup::Refuses)
    }

    /// How many bytes the items may take.
    pub(super) fn limit(&self) -> usize {
        if self.is_small() { SMALL_BYTES } else { LARGE_BYTES }
    }

    /// How many they take.
    pub(super) fn taken(&self) -> usize {
        self.items.keys().map(|key| self.size_of(key)).sum()
    }

    /// How many the item under that key takes.
    pub(super) fn size_of(&self, key: &[u8]) -> usize {
        self.items.get(key).map_or(0, |item| {
            let flags = if item.flags == 0 { 0 } else { FLAGS_BYTES };
            size(key, item.value.len()) + flags
        })
    }

    /// Nobody was used later.
    pub(super) fn used(&mut self, key: &[u8]) {
        if self.is_small() {
            self.memory.unused.retain(|other| other != key);
            self.memory.unused.push(key.to_vec());
        }
    }

    /// Makes room for a value of that length under the request's key, or refuses it.
    pub(super) fn make_room(
        &mut self,
        command: Command,
        request: &Request,
        value: usize,
    ) -> Result<(), Status> {
        if !self.is_small() || self.wrong(Switch::MemoryHasNoLimit) {
            return Ok(());
        }
        let key = &request.key;
        if !self.wrong(Switch::ExpiredKeepTheirMemory) {
            self.reclaim();
        }
        let half = self.wrong(Switch::HalfOfTheMemoryIsUsed);
        let limit = if half { SMALL_BYTES / 2 } else { SMALL_BYTES };
        let needed = size(key, value);
        while self.taken() - self.size_of(key) + self.memory.lost + needed > limit {
            if !self.evicts() {
                return Err(self.refuse(command.verb, key, needed));
            }
            let Some(victim) = self.victim(command.verb, key) else { break };
            self.evict(&victim);
            if self.wrong(Switch::EvictsTwice)
                && let Some(another) = self.victim(command.verb, key)
            {
                self.evict(&another);
            }
            if self.wrong(Switch::EvictsEverybody) {
                self.items.clear();
            }
        }
        if self.wrong(Switch::OverwrittenKeepTheirMemory) {
            self.memory.lost += self.size_of(key);
        }
        Ok(())
    }

    /// Removes what has expired.
    fn reclaim(&mut self) {
        let (now, before) = (self.clock.unix(), self.items.len());
        self.items.retain(|_, item: &mut Item| item.expires.is_none_or(|at| now < at));
        self.statistics.add("reclaimed", before - self.items.len());
    }

    fn evicts(&self) -> bool {
        match self.active.0 {
            Some(Switch::FullServerRefuses) => false,
            Some(Switch::RefusingServerEvicts) => true,
            Some(Switch::AskedForItemsNeverGo) => {
                self.items.keys().any(|key| !self.memory.asked.contains(key))
            }
            _ => self.setup == Setup::Evicts,
        }
    }

    /// Who goes: the one unused for longest, but for the item that is written.
    fn victim(&self, verb: Verb, written: &[u8]) -> Option<Vec<u8>> {
        let joins = matches!(verb, Verb::Append | Verb::Prepend);
        let takes_itself = joins && self.wrong(Switch::GrowingItemIsEvicted);
        let spares_asked = self.wrong(Switch::AskedForItemsNeverGo);
        let mut candidates = self.memory.unused.iter().filter(|key| {
            self.items.contains_key(*key)
                && (*key != written || takes_itself)
                && !(spares_asked && self.memory.asked.contains(*key))
        });
        let newest = self.wrong(Switch::EvictsTheNewest);
        if newest { candidates.next_back() } else { candidates.next() }.cloned()
    }

    fn evict(&mut self, key: &[u8]) {
        self.items.remove(key);
        if !self.wrong(Switch::EvictionsAreNotCounted) {
            self.statistics.count("evictions");
        }
    }

    /// What a refused store leaves behind, and what is said of it.
    fn refuse(&mut self, verb: Verb, key: &[u8], needed: usize) -> Status {
        let joins = matches!(verb, Verb::Append | Verb::Prepend);
        match self.active.0 {
            Some(Switch::RefusedReplaceRemoves) if verb == Verb::Replace => {
                self.items.remove(key);
            }
            Some(Switch::RefusedAppendRemoves) if joins => drop(self.items.remove(key)),
            Some(Switch::RefusedSetEmptiesTheItem) if verb == Verb::Set => {
                self.items.entry(key.to_vec()).and_modify(|item| item.value.clear());
            }
            Some(Switch::RefusedStoresTakeMemory) => self.memory.lost += needed,
            Some(Switch::OutOfMemoryIsNotStored) => return Status::NotStored,
            Some(Switch::OutOfMemoryIsTooLarge) => return Status::TooLarge,
            _ => {}
        }
        Status::OutOfMemory
    }
}

fn size(key: &[u8], value: usize) -> usize {
    ITEM_BYTES + key.len() + value
}
