//! Who asked what when, and what came of it: the checks read it when the run is over.

use std::collections::BTreeMap;
use std::time::Duration;

use lockproof_conformance::history::{items, locks, pages};

use super::locks::Locks;
use super::now;
use super::observed::Observed;
use crate::record::{self, Wrong};

/// An operation that has no end yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Stuck {
    pub(crate) client: usize,
    pub(crate) what: &'static str,
    pub(crate) since: Duration,
}

/// A finished operation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Late {
    pub(crate) client: usize,
    pub(crate) what: &'static str,
    pub(crate) since: Duration,
    pub(crate) took: Duration,
    pub(crate) bound: Duration,
}

/// What the clients of a run write down.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    open: BTreeMap<usize, (&'static str, Duration)>,
    /// How many there are to whom faults happen.
    pub(crate) victims: usize,
    /// Healthy clients whose work is done.
    pub(crate) done: usize,
    /// Operations that ended.
    pub(crate) operations: u64,
    /// The longest of them.
    pub(crate) worst: Duration,
    /// Those that took too long.
    pub(crate) late: Vec<Late>,
    /// A healthy client's operation failed, or its result was wrong.
    pub(crate) failed: Vec<String>,
    /// How many of those are in the recording.
    told: usize,
    /// A reply to a victim was not what it should be.
    pub(crate) torn: Vec<String>,
    /// Victim and time of each whole reply that came last.
    pub(crate) last_reply: BTreeMap<usize, Duration>,
    /// Victims that did on a new connection what they were told, and when.
    pub(crate) obeyed: BTreeMap<usize, Duration>,
    /// What clients saw of items that they share, since the server began.
    pub(crate) items: Observed<items::Request, items::Reply>,
    /// What clients saw of pages that they share, since the server began.
    pub(crate) pages: Observed<pages::Request, pages::Reply>,
    /// What clients saw of keys that they share, since the server began.
    pub(crate) keys: Observed<locks::Request, locks::Outcome>,
    sessions: u64,
    /// Who believes to hold what.
    pub(crate) locks: Locks,
    /// Operations that failed because the server was not there.
    pub(crate) excused: u64,
}

impl Ledger {
    pub(crate) fn begin(&mut self, client: usize, what: &'static str) {
        record::begin(client, what);
        self.open.insert(client, (what, now()));
    }

    /// Ends a client's operation, which should have taken no longer than `bound`.
    pub(crate) fn end(&mut self, client: usize, bound: Duration) {
        let Some((what, since)) = self.open.remove(&client) else { return };
        let took = now().saturating_sub(since);
        self.operations += 1;
        self.worst = self.worst.max(took);
        let is_late = took > bound;
        record::end(client, self.wrong().or(is_late.then_some(Wrong::Late)));
        if is_late {
            self.late.push(Late { client, what, since, took, bound });
        }
    }

    /// A client whose operation failed waits no more.
    pub(crate) fn give_up(&mut self, client: usize) {
        self.open.remove(&client);
        record::end(client, Some(Wrong::Failed));
    }

    /// Whether something came out wrong since this was asked last.
    fn wrong(&mut self) -> Option<Wrong> {
        let before = std::mem::replace(&mut self.told, self.failed.len());
        (self.failed.len() > before).then_some(Wrong::Failed)
    }

    /// Operations that have not ended.
    pub(crate) fn stuck(&self) -> Vec<Stuck> {
        let stuck = |(client, (what, since)): (&usize, &(&'static str, Duration))| Stuck {
            client: *client,
            what,
            since: *since,
        };
        self.open.iter().map(stuck).collect()
    }

    /// The number of a new connection, for the history.
    pub(crate) fn session(&mut self) -> u64 {
        self.sessions += 1;
        self.sessions
    }

    /// The server is asked to stop: it ends sessions one after the other, and the keys of one may pass to another before
    /// its client has heard of it (LKR-411).
    pub(crate) fn stop(&mut self) {
        self.keys.stop();
        self.locks.stop();
    }

    /// The server has lost everything, and so have those who looked at it.
    pub(crate) fn begin_anew(&mut self, at: Duration) {
        self.items.begin_anew();
        self.pages.begin_anew();
        self.keys.begin_anew();
        self.locks.begin_anew(at);
    }
}
