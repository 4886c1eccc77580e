//! Who holds which page, and who waits for it, in what order.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::defects::{Switch, Switches};
use super::frame::{LOCK, READ, Reply, Request, UPDATE};

/// A page's lock.
#[derive(Default)]
pub(super) struct Lock {
    pub(super) holder: Option<u64>,
    /// How many unlocks are missing; above 1 only with `relock-counts`.
    pub(super) depth: u32,
    pub(super) queue: VecDeque<Waiter>,
}

/// A request that waits, and where its reply is awaited.
pub(super) struct Waiter {
    pub(super) session: u64,
    pub(super) request: Request,
    pub(super) told: oneshot::Sender<Reply>,
    /// Was it decided already whether the reply has data?
    pub(super) sends_data: Option<bool>,
}

impl Lock {
    /// Must that request wait?
    pub(super) fn keeps_waiting(&self, session: u64, code: u8, switches: Switches) -> bool {
        let Some(holder) = self.holder else { return false };
        match code {
            LOCK if holder == session => switches.on(Switch::RelockWaits),
            LOCK => !switches.on(Switch::LockNeverWaits),
            UPDATE if holder == session => switches.on(Switch::HoldersUpdateWaits),
            UPDATE => !switches.on(Switch::UpdateNeverWaits),
            READ => holder != session && switches.on(Switch::ReadWaitsForLock),
            _ => false,
        }
    }

    /// Takes whose turn it is out of the queue.
    pub(super) fn next(&mut self, switches: Switches) -> Option<Waiter> {
        if switches.on(Switch::LastWaiterFirst) {
            return self.queue.pop_back();
        }
        let places = 0..self.queue.len();
        let first = if switches.on(Switch::OldestConnectionFirst) {
            places.min_by_key(|place| self.queue[*place].session)
        } else if switches.on(Switch::UpdatesBehindLocks) {
            places.min_by_key(|place| self.queue[*place].request.code == UPDATE)
        } else {
            Some(0)
        };
        self.queue.remove(first?)
    }

    /// Strikes out a session that has ended. What is returned was struck out with it and must still wait.
    pub(super) fn forget(&mut self, session: u64, switches: Switches) -> VecDeque<Waiter> {
        let is_dead = |waiter: &Waiter| waiter.session == session;
        if switches.on(Switch::DeadWaiterIsGranted) {
            return VecDeque::new();
        }
        if switches.on(Switch::DeadWaiterCutsTheQueue) {
            let place = self.queue.iter().position(is_dead);
            return place.map(|place| self.queue.split_off(place)).unwrap_or_default();
        }
        let stays = |waiter: &Waiter| {
            switches.on(Switch::DeadUpdateApplied) && waiter.request.code == UPDATE
        };
        self.queue.retain(|waiter| !is_dead(waiter) || stays(waiter));
        VecDeque::new()
    }
}
