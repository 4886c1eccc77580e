//! Who asked what when, and what came of it: the checks read it when the run is over.

use std::collections::BTreeMap;
use std::time::Duration;

use super::now;

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
    /// A reply to a victim was not what it should be.
    pub(crate) torn: Vec<String>,
    /// Victim and time of each whole reply that came last.
    pub(crate) last_reply: BTreeMap<usize, Duration>,
    /// Victims that did on a new connection what they were told, and when.
    pub(crate) obeyed: BTreeMap<usize, Duration>,
    /// Increments of the common counter that have begun, and that have ended.
    counter: (u64, u64),
    /// How often the server began with an empty table.
    generation: u64,
    /// Operations that failed because the server was not there.
    pub(crate) excused: u64,
}

/// An increment that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Increment {
    /// The least that may come out.
    least: u64,
    generation: u64,
}

impl Ledger {
    pub(crate) fn begin(&mut self, client: usize, what: &'static str) {
        self.open.insert(client, (what, now()));
    }

    /// Ends a client's operation, which should have taken no longer than `bound`.
    pub(crate) fn end(&mut self, client: usize, bound: Duration) {
        let Some((what, since)) = self.open.remove(&client) else { return };
        let took = now().saturating_sub(since);
        self.operations += 1;
        self.worst = self.worst.max(took);
        if took > bound {
            self.late.push(Late { client, what, since, took, bound });
        }
    }

    /// A client whose operation failed waits no more.
    pub(crate) fn give_up(&mut self, client: usize) {
        self.open.remove(&client);
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

    /// The server has lost everything: the common counter begins anew.
    pub(crate) fn forget_what_was_counted(&mut self) {
        self.generation += 1;
        self.counter = (0, 0);
    }

    /// Begins an increment of the common counter.
    pub(crate) fn begin_increment(&mut self) -> Increment {
        self.counter.0 += 1;
        Increment { least: self.counter.1 + 1, generation: self.generation }
    }

    /// Ends an increment: every one that ended before it began is in the value, none that has not begun.
    pub(crate) fn end_increment(&mut self, increment: Increment, value: u64) {
        let Increment { least, generation } = increment;
        if generation != self.generation {
            return;
        }
        self.counter.1 += 1;
        if value < least || value > self.counter.0 {
            let most = self.counter.0;
            self.failed
                .push(format!("the common counter is {value}, not between {least} and {most}"));
        }
    }
}
