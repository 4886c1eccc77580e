//! The hash table: chains of slots. A look-up touches the head of a chain and the slots in it, and the items of none but those
//! with the same hash.
//!
//! When it is full, it doubles, and from then on every insertion moves a few chains, so that nobody waits for all of
//! them. The links are the slots'; left out is what they are slots of.

use alloc::vec;
use alloc::vec::Vec;

use super::slot::{Hash, NONE, Slot};

/// Chains of an empty table.
const CHAINS_MIN: usize = 8;

/// Chains moved by an insertion: enough to be done long before the table is full again.
const MOVED_AT_ONCE: usize = 2;

/// The heads of all chains. They are complements of slot numbers: no slot is 0, so that a large new table costs nothing
/// before it is used.
#[derive(Debug)]
pub(super) struct Table {
    heads: Vec<u32>,
    /// The heads of before it doubled, while some have to be moved.
    old: Vec<u32>,
    /// How many of those are moved.
    moved: usize,
    len: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { heads: vec![!NONE; CHAINS_MIN], old: Vec::new(), moved: 0, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first slot that may have that hash, or none.
    pub(super) fn first(&self, hash: Hash) -> u32 {
        let old = hash.chain(self.old.len());
        match self.old.get(old) {
            Some(head) if old >= self.moved => !head,
            _ => !self.heads[hash.chain(self.heads.len())],
        }
    }

    /// The slot with that hash that is the one.
    pub(super) fn find(
        &self,
        slots: &[Slot],
        hash: Hash,
        is_it: impl Fn(&Slot) -> bool,
    ) -> Option<u32> {
        let mut at = self.first(hash);
        while let Some(slot) = slots.get(at as usize) {
            if slot.hash() == hash && is_it(slot) {
                return Some(at);
            }
            at = slot.next;
        }
        None
    }

    /// Adds a filled slot. As many chains as slots: they are short.
    pub(super) fn insert(&mut self, slots: &mut [Slot], slot: u32) {
        if self.len == self.heads.len() {
            self.old = core::mem::replace(&mut self.heads, vec![!NONE; self.len * 2]);
            self.moved = 0;
        }
        self.move_some(slots);
        self.link(slots, slot);
        self.len += 1;
    }

    /// Takes a slot out that is in it.
    pub(super) fn remove(&mut self, slots: &mut [Slot], slot: u32) {
        let Slot { next, .. } = slots[slot as usize];
        self.len -= 1;
        let head = self.head(slots[slot as usize].hash());
        if !*head == slot {
            *head = !next;
            return;
        }
        let mut at = !*head;
        while slots[at as usize].next != slot {
            at = slots[at as usize].next;
        }
        slots[at as usize].next = next;
    }

    fn move_some(&mut self, slots: &mut [Slot]) {
        for _ in 0..MOVED_AT_ONCE {
            let Some(head) = self.old.get(self.moved) else { break };
            let mut at = !head;
            self.moved += 1;
            while let Some(slot) = slots.get(at as usize) {
                let next = slot.next;
                self.link(slots, at);
                at = next;
            }
        }
        if self.moved == self.old.len() {
            self.old = Vec::new();
        }
    }

    fn link(&mut self, slots: &mut [Slot], slot: u32) {
        let head = self.head(slots[slot as usize].hash());
        slots[slot as usize].next = !*head;
        *head = !slot;
    }

    /// The head of the chain that a hash belongs to now.
    fn head(&mut self, hash: Hash) -> &mut u32 {
        let old = hash.chain(self.old.len());
        if old >= self.moved && old < self.old.len() {
            return &mut self.old[old];
        }
        let chain = hash.chain(self.heads.len());
        &mut self.heads[chain]
    }
}

#[cfg(test)]
mod tests {
    use super::{Hash, Slot, Table};
    use crate::items::item::Item;
    use alloc::collections::BTreeSet;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        /// Few hashes, so that chains are long.
        #[test]
        fn it_holds_what_was_added_and_not_removed(
            hashes in prop::collection::vec(prop::sample::select(vec![0_u64, 1, 8, 9, 1 << 29]), 1..40),
            steps in prop::collection::vec(any::<prop::sample::Index>(), 1..200),
        ) {
            let mut slots: Vec<Slot> = hashes.iter().map(|_| Slot::vacant()).collect();
            for (slot, hash) in slots.iter_mut().zip(&hashes) {
                slot.fill(Item::vacant(), Hash::of(*hash << 34));
            }
            let (mut table, mut model) = (Table::new(), BTreeSet::new());
            for step in steps {
                let slot = u32::try_from(step.index(slots.len())).unwrap();
                if model.remove(&slot) {
                    table.remove(&mut slots, slot);
                } else {
                    model.insert(slot);
                    table.insert(&mut slots, slot);
                }
                prop_assert_eq!(table.len(), model.len());
                for (at, hash) in (0..).zip(&hashes) {
                    let wanted = &raw const slots[at as usize];
                    let found = table.find(&slots, Hash::of(*hash << 34), |slot| core::ptr::eq(slot, wanted));
                    prop_assert_eq!(found, model.contains(&at).then_some(at));
                }
            }
        }
    }
}
