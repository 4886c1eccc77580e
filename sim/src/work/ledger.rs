//! Who asked what when, and what came of it: the checks read it when the run is over.

use std::collections::BTreeMap;
use std::time::Duration;

use super::now;
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
    /// Increments of the common counter that have begun, and that have ended.
    counter: (u64, u64),
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

    /// Begins an increment of the common counter; gives the least that may come out.
    pub(crate) fn begin_increment(&mut self) -> u64 {
        self.counter.0 += 1;
        self.counter.1 + 1
    }

    /// Ends an increment: every one that ended before it began is in the value, none that has not begun.
    pub(crate) fn end_increment(&mut self, least: u64, value: u64) {
        self.counter.1 += 1;
        if value < least || value > self.counter.0 {
            let most = self.counter.0;
            self.failed
                .push(format!("the common counter is {value}, not between {least} and {most}"));
        }
    }
}
