//! What a lock server says that happened to its locks, in order: the reference server by its log, a flawed one by what it
//! writes down where it does it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use lockproof_protocol::locker::{Outcome, Verb};
use lockproof_state_machine::locks;

use crate::net::sim_elapsed;

/// One entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Change {
    /// When.
    pub(crate) at: Duration,
    /// Whose request or end it was.
    pub(crate) session: u64,
    /// What.
    pub(crate) event: Event,
}

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    /// All of these were granted.
    Granted(Vec<Vec<u8>>),
    /// All of these were given back.
    Freed(Vec<Vec<u8>>),
    /// The session ended, and this freed these.
    Ended(Vec<Vec<u8>>),
}

/// Where a flawed server writes it down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account(Rc<RefCell<Vec<Change>>>);

impl Account {
    /// Adds an entry at the present time.
    pub(crate) fn add(&self, session: u64, event: Event) {
        let at = sim_elapsed().unwrap_or_default();
        self.0.borrow_mut().push(Change { at, session, event });
    }

    /// Everything so far.
    pub(crate) fn take(&self) -> Vec<Change> {
        self.0.take()
    }
}

/// The same from the reference server's log. What was refused changed nothing.
pub(crate) fn of_log(log: Vec<locks::Transition>) -> Vec<Change> {
    let change = |entry: locks::Transition| {
        let event = match entry.event {
            locks::Event::Request { request, outcome: Outcome::Ok } => {
                let keys = request.keys.iter().map(|key| key.to_vec()).collect();
                match request.verb {
                    Verb::Get => Event::Granted(keys),
                    Verb::Release => Event::Freed(keys),
                    Verb::Query => return None,
                }
            }
            locks::Event::Request { .. } => return None,
            locks::Event::End { freed } => {
                Event::Ended(freed.iter().map(|key| key.to_vec()).collect())
            }
        };
        Some(Change { at: entry.at, session: entry.session.0, event })
    };
    log.into_iter().filter_map(change).collect()
}
