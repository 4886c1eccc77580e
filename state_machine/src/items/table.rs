//! The hash table: chains of slots. A look-up touches the head of a chain and the slots in it, and the items of none but those
//! with the same hash.
//!
//! The links are the slots'; left out is what they are slots of.

use alloc::vec;
use alloc::vec::Vec;

use super::slot::{Hash, NONE, Slot};

/// Chains of an empty table.
const CHAINS_MIN: usize = 8;

/// The heads of all chains.
#[derive(Debug)]
pub(super) struct Table {
    heads: Vec<u32>,
    len: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { heads: vec![NONE; CHAINS_MIN], len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The slot with that hash that is the one.
    pub(super) fn find(
        &self,
        slots: &[Slot],
        hash: Hash,
        is_it: impl Fn(&Slot) -> bool,
    ) -> Option<u32> {
        let mut at = self.heads[hash.chain(self.heads.len())];
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
            self.grow(slots);
        }
        self.link(slots, slot);
        self.len += 1;
    }

    /// Takes a slot out that is in it.
    pub(super) fn remove(&mut self, slots: &mut [Slot], slot: u32) {
        let Slot { next, .. } = slots[slot as usize];
        let chain = slots[slot as usize].hash().chain(self.heads.len());
        self.len -= 1;
        if self.heads[chain] == slot {
            self.heads[chain] = next;
            return;
        }
        let mut at = self.heads[chain];
        while slots[at as usize].next != slot {
            at = slots[at as usize].next;
        }
        slots[at as usize].next = next;
    }

    fn grow(&mut self, slots: &mut [Slot]) {
        let before = core::mem::take(&mut self.heads);
        self.heads = vec![NONE; before.len() * 2];
        for mut at in before {
            while let Some(slot) = slots.get(at as usize) {
                let next = slot.next;
                self.link(slots, at);
                at = next;
            }
        }
    }

    fn link(&mut self, slots: &mut [Slot], slot: u32) {
        let filled = &mut slots[slot as usize];
        let chain = filled.hash().chain(self.heads.len());
        let head = &mut self.heads[chain];
        filled.next = *head;
        *head = slot;
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
            hashes in prop::collection::vec(prop::sample::select(vec![0_u64, 1, 8, 9, 1 << 30]), 1..40),
            steps in prop::collection::vec(any::<prop::sample::Index>(), 1..200),
        ) {
            let mut slots: Vec<Slot> = hashes.iter().map(|_| Slot::vacant()).collect();
            for (slot, hash) in slots.iter_mut().zip(&hashes) {
                slot.fill(Item::vacant(), Hash::of(*hash << 33));
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
                    let found = table.find(&slots, Hash::of(*hash << 33), |slot| core::ptr::eq(slot, wanted));
                    prop_assert_eq!(found, model.contains(&at).then_some(at));
                }
            }
        }
    }
}
