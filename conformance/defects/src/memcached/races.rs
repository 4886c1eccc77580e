//! Defects that let others in between: what a server does that looks first and acts later, or that takes
//! a lock for longer than it needs.

use std::time::Duration;

use tokio::sync::{RwLockReadGuard, RwLockWriteGuard};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::Memcached;
use super::defect::Switch;
use super::frame::{Reply, Request};
use super::opcode::{Command, Verb};

/// What is held while something is executed; most often nothing.
#[derive(Debug)]
#[expect(dead_code, reason = "guards are held, not looked at")]
pub(super) enum Held<'a> {
    Nothing,
    Reading(RwLockReadGuard<'a, ()>),
    Writing(RwLockWriteGuard<'a, ()>),
}

impl Memcached {
    /// The lock that a defect holds from before a body is read until its reply is sent.
    pub(super) async fn hold(&self, command: Command, switch: Switch) -> Held<'_> {
        if !self.active.is(switch) {
            Held::Nothing
        } else if command.verb.reads() {
            Held::Reading(self.lock.read().await)
        } else {
            Held::Writing(self.lock.write().await)
        }
    }

    /// Executes a request, at once unless a defect takes two steps.
    pub(super) async fn execute(&self, command: Command, request: &Request) -> Vec<Reply> {
        if self.looks_first(command, request) {
            let seen = self.store.borrow().items.get(&request.key).cloned();
            sleep(Duration::from_millis(1)).await;
            let items = &mut self.store.borrow_mut().items;
            match seen {
                Some(item) => items.insert(request.key.clone(), item),
                None => items.remove(&request.key),
            };
        }
        if self.active.is(Switch::LargeValuesAreTorn) && command.verb == Verb::Set {
            self.write_half(request).await;
        }
        if self.active.is(Switch::OpaqueIsShared) {
            yield_now().await;
        }
        self.store.borrow_mut().answer(command, request)
    }

    fn looks_first(&self, command: Command, request: &Request) -> bool {
        let verb = command.verb;
        match self.active.0 {
            Some(Switch::CheckThenSet) => verb == Verb::Set && request.header.cas != 0,
            Some(Switch::CheckThenAdd) => verb == Verb::Add && !command.quiet,
            Some(Switch::CheckThenCount) => {
                matches!(verb, Verb::Increment | Verb::Decrement) && !command.quiet
            }
            _ => false,
        }
    }

    async fn write_half(&self, request: &Request) {
        let half = request.value.len() / 2;
        if half < 10_000 {
            return;
        }
        if let Some(item) = self.store.borrow_mut().items.get_mut(&request.key) {
            item.value.resize(request.value.len(), 0);
            item.value[..half].copy_from_slice(&request.value[..half]);
        }
        sleep(Duration::from_millis(1)).await;
    }
}
