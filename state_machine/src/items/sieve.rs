//! Which item goes first when memory is short: SIEVE, a queue in the order of storing, and a hand.
//!
//! The hand walks from the oldest to the newest. An item that was asked for since the hand's last
//! visit is spared once; the first other one goes. A hit thus only sets a mark, which readers can do
//! side by side. The links and the marks are the slots'.

use super::slot::{NONE, Slot};

/// What an item is worth to the one who looks for room.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
pub(super) enum Worth {
    /// It goes if nobody asked for it.
    Usual,
    /// It goes at once: it is expired.
    Nothing,
    /// It stays: the room is for its own new value.
    Spared,
}

/// The ends of the queue, and the hand.
#[derive(Debug)]
pub(super) struct Sieve {
    newest: u32,
    oldest: u32,
    hand: u32,
}

impl Sieve {
    pub(super) fn new() -> Self {
        Self { newest: NONE, oldest: NONE, hand: NONE }
    }

    /// Adds a slot that is not in the queue, as the newest.
    pub(super) fn push(&mut self, slots: &mut [Slot], slot: u32) {
        let added = &mut slots[slot as usize];
        (added.newer, added.older) = (NONE, self.newest);
        match slots.get_mut(self.newest as usize) {
            Some(second) => second.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
    }

    /// Takes a slot that is in the queue out of it.
    pub(super) fn remove(&mut self, slots: &mut [Slot], slot: u32) {
        let Slot { newer, older, .. } = slots[slot as usize];
        match slots.get_mut(newer as usize) {
            Some(neighbour) => neighbour.older = older,
            None => self.newest = older,
        }
        match slots.get_mut(older as usize) {
            Some(neighbour) => neighbour.newer = newer,
            None => self.oldest = newer,
        }
        if self.hand == slot {
            self.hand = newer;
        }
    }

    /// Moves the hand to the slot that shall go: the first that nobody asked for, or that is of no use.
    /// There must be one that does not stay.
    ///
    /// The slot stays in the queue until [`remove`](Self::remove).
    pub(super) fn victim(
        &mut self,
        slots: &mut [Slot],
        worth: impl Fn(u32, &Slot) -> Worth,
    ) -> u32 {
        loop {
            if self.hand == NONE {
                // Past the newest, or at the very start.
                self.hand = self.oldest;
            }
            let slot = &mut slots[self.hand as usize];
            let was_visited = slot.take_visit();
            match worth(self.hand, slot) {
                Worth::Usual if !was_visited => return self.hand,
                Worth::Nothing => return self.hand,
                Worth::Usual | Worth::Spared => self.hand = slot.newer,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NONE, Sieve, Slot, Worth};
    use alloc::vec::Vec;

    struct Queue(Sieve, Vec<Slot>);

    impl Queue {
        fn of(count: u32) -> Self {
            let slots = (0..count).map(|_| Slot::vacant()).collect();
            let mut queue = Self(Sieve::new(), slots);
            (0..count).for_each(|slot| queue.0.push(&mut queue.1, slot));
            queue
        }

        fn evict(&mut self) -> u32 {
            let slot = self.0.victim(&mut self.1, |_, _| Worth::Usual);
            self.0.remove(&mut self.1, slot);
            slot
        }

        /// Evicts until none is left, after somebody asked for the `visited` slots.
        fn order(mut self, visited: &[usize]) -> Vec<u32> {
            for slot in visited {
                self.1[*slot].visit();
            }
            let mut gone = Vec::new();
            while self.0.oldest != NONE {
                gone.push(self.evict());
            }
            gone
        }
    }

    #[test]
    fn oldest_goes_first() {
        assert_eq!(Queue::of(4).order(&[]), [0, 1, 2, 3]);
    }

    #[test]
    fn visited_are_spared_once() {
        assert_eq!(Queue::of(4).order(&[0, 2]), [1, 3, 0, 2]);
        assert_eq!(Queue::of(3).order(&[0, 1, 2]), [0, 1, 2]);
    }

    #[test]
    fn newcomers_are_not_in_the_hands_way() {
        let mut queue = Queue::of(3);
        assert_eq!(queue.evict(), 0);
        queue.0.push(&mut queue.1, 0);
        assert_eq!(queue.order(&[]), [1, 2, 0]);
    }

    #[test]
    fn removal_anywhere_keeps_the_queue_whole() {
        for removed in 0..5 {
            let Queue(mut sieve, mut slots) = Queue::of(5);
            let worth =
                |slot, _: &Slot| if slot == removed { Worth::Nothing } else { Worth::Spared };
            assert_eq!(sieve.victim(&mut slots, worth), removed);
            sieve.remove(&mut slots, removed);
            let mut left = Queue(sieve, slots).order(&[]);
            left.sort_unstable();
            assert_eq!(left, (0..5).filter(|slot| *slot != removed).collect::<Vec<_>>());
        }
    }
}
