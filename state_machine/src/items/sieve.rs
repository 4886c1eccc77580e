//! Which item goes first when memory is short: SIEVE, a queue in the order of storing, and a hand.
//!
//! The hand walks from the oldest to the newest. An item that was asked for since the hand's last
//! visit is spared once; the first other one goes. A hit thus only sets a mark, which readers can do
//! side by side. Items are named by their slots.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// No slot.
const NONE: u32 = u32::MAX;

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

#[derive(Debug, Copy, Clone)]
struct Link {
    newer: u32,
    older: u32,
}

/// The queue of slots, and the hand.
#[derive(Debug)]
pub(super) struct Sieve {
    /// By slot.
    links: Vec<Link>,
    /// By slot: asked for since the hand came by.
    visited: Vec<AtomicBool>,
    newest: u32,
    oldest: u32,
    hand: u32,
}

impl Sieve {
    pub(super) fn new() -> Self {
        Self { links: Vec::new(), visited: Vec::new(), newest: NONE, oldest: NONE, hand: NONE }
    }

    /// Adds a slot that is not in the queue, as the newest.
    pub(super) fn push(&mut self, slot: u32) {
        let link = Link { newer: NONE, older: self.newest };
        let at = slot as usize;
        if at >= self.links.len() {
            self.links.resize(at + 1, Link { newer: NONE, older: NONE });
            self.visited.resize_with(at + 1, AtomicBool::default);
        }
        self.links[at] = link;
        *self.visited[at].get_mut() = false;
        match self.links.get_mut(self.newest as usize) {
            Some(second) => second.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
    }

    /// Takes a slot that is in the queue out of it.
    pub(super) fn remove(&mut self, slot: u32) {
        let Link { newer, older } = self.links[slot as usize];
        match self.links.get_mut(newer as usize) {
            Some(link) => link.older = older,
            None => self.newest = older,
        }
        match self.links.get_mut(older as usize) {
            Some(link) => link.newer = newer,
            None => self.oldest = newer,
        }
        if self.hand == slot {
            self.hand = newer;
        }
    }

    /// Notes that somebody asked for a slot. Writes only when that is news, so that readers of a hot
    /// item share its cache line.
    pub(super) fn visit(&self, slot: u32) {
        let visited = &self.visited[slot as usize];
        if !visited.load(Relaxed) {
            visited.store(true, Relaxed);
        }
    }

    /// Moves the hand to the slot that shall go: the first that nobody asked for, or that is of no use.
    /// There must be one that does not stay.
    ///
    /// The slot stays in the queue until [`remove`](Self::remove).
    pub(super) fn victim(&mut self, worth: impl Fn(u32) -> Worth) -> u32 {
        loop {
            if self.hand == NONE {
                // Past the newest, or at the very start.
                self.hand = self.oldest;
            }
            let was_visited = core::mem::take(self.visited[self.hand as usize].get_mut());
            match worth(self.hand) {
                Worth::Usual if !was_visited => return self.hand,
                Worth::Nothing => return self.hand,
                Worth::Usual | Worth::Spared => {}
            }
            self.hand = self.links[self.hand as usize].newer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NONE, Sieve, Worth};
    use alloc::vec::Vec;

    /// Evicts until none is left, after somebody asked for the `visited` slots.
    fn order(sieve: &mut Sieve, visited: &[u32]) -> Vec<u32> {
        visited.iter().for_each(|slot| sieve.visit(*slot));
        let mut gone = Vec::new();
        while sieve.oldest != NONE {
            let slot = sieve.victim(|_| Worth::Usual);
            sieve.remove(slot);
            gone.push(slot);
        }
        gone
    }

    fn filled(count: u32) -> Sieve {
        let mut sieve = Sieve::new();
        (0..count).for_each(|slot| sieve.push(slot));
        sieve
    }

    #[test]
    fn oldest_goes_first() {
        assert_eq!(order(&mut filled(4), &[]), [0, 1, 2, 3]);
    }

    #[test]
    fn visited_are_spared_once() {
        assert_eq!(order(&mut filled(4), &[0, 2]), [1, 3, 0, 2]);
        assert_eq!(order(&mut filled(3), &[0, 1, 2]), [0, 1, 2]);
    }

    #[test]
    fn newcomers_are_not_in_the_hands_way() {
        let mut sieve = filled(3);
        assert_eq!(sieve.victim(|_| Worth::Usual), 0);
        sieve.remove(0);
        sieve.push(0);
        assert_eq!(order(&mut sieve, &[]), [1, 2, 0]);
    }

    #[test]
    fn removal_anywhere_keeps_the_queue_whole() {
        for removed in 0..5 {
            let mut sieve = filled(5);
            sieve.victim(|slot| if slot == removed { Worth::Nothing } else { Worth::Spared });
            sieve.remove(removed);
            let mut left = order(&mut sieve, &[]);
            left.sort_unstable();
            assert_eq!(left, (0..5).filter(|slot| *slot != removed).collect::<Vec<_>>());
        }
    }
}
