//! Locker: named locks, each free or owned by one session.
//!
//! A GET answers at once; nobody waits here. Batches are all or nothing, in both directions.
//!
//! What is held is advisory: one server, no fencing token. A holder that is paused or cut off may
//! still act after another session was granted its key (LKR-904).
//!
//! Left out: framing, the shape and size checks before the table (LKR-109 ③ to ⑤), deadlines.

mod counters;
mod log;
mod table;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use bytes::Bytes;
use lockproof_protocol::locker::{Outcome, Request, Verb};

pub use self::counters::Counters;
pub use self::log::{Event, Transition};
pub use self::table::{Held, Holder};

use self::counters::Tally;
use self::log::Log;
use self::table::{Seen, Table};
use crate::{Now, SessionId};

/// How much the table may hold.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
pub struct Config {
    /// Keys held at the same time, over all sessions. Each costs its own bytes and about 200 more.
    pub locks_max: usize,
    /// Keys that one session may hold at the same time.
    pub locks_per_session_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { locks_max: 1_000_000, locks_per_session_max: 65_536 }
    }
}

/// The table of held keys, with its counters and its log.
///
/// ```
/// use bytes::Bytes;
/// use core::time::Duration;
/// use lockproof_protocol::locker::{Outcome, Request, Verb};
/// use lockproof_state_machine::{SessionId, locks::{Config, Locks}};
///
/// let mut locks = Locks::new(Config::default());
/// let get = Request { verb: Verb::Get, batch: false, keys: vec![Bytes::from("disk")] };
/// assert_eq!(locks.apply(Duration::ZERO, SessionId(1), &get), Outcome::Ok);
/// assert_eq!(locks.apply(Duration::ZERO, SessionId(2), &get), Outcome::Busy);
/// assert_eq!(locks.end_session(Duration::ZERO, SessionId(1)), 1);
/// assert_eq!(locks.apply(Duration::ZERO, SessionId(2), &get), Outcome::Ok);
/// ```
#[derive(Debug)]
pub struct Locks {
    config: Config,
    table: Table,
    tally: Tally,
    log: Log,
}

impl Locks {
    /// An empty table (LKR-411) that keeps no log.
    pub fn new(config: Config) -> Self {
        Self { config, table: Table::default(), tally: Tally::default(), log: Log::default() }
    }

    /// Starts a new log of at most `entries_max` entries; 0 turns it off. A full log drops its
    /// oldest entry, which [`Transition::sequence`] shows.
    pub fn enable_log(&mut self, entries_max: usize) {
        self.log.limit(entries_max);
    }

    /// What the GET of the same keys would answer at this instant; changes nothing but counters
    /// (LKR-206, LKR-308).
    ///
    /// The verb of `request` is not looked at, so that a caller who already knows it need not.
    pub fn query(&self, session: SessionId, request: &Request) -> Outcome {
        let outcome = self.would_get(session, &request.keys);
        self.tally.count(Verb::Query, request.batch, outcome);
        outcome
    }

    /// Executes a request whose shape and sizes are already checked.
    pub fn apply(&mut self, now: Now, session: SessionId, request: &Request) -> Outcome {
        let outcome = match request.verb {
            Verb::Query => return self.query(session, request),
            Verb::Get => self.get(now, session, &request.keys),
            Verb::Release => self.release(session, &request.keys),
        };
        self.tally.count(request.verb, request.batch, outcome);
        self.log.add(now, session, || Event::Request { request: request.clone(), outcome });
        outcome
    }

    /// Frees whatever the session **still** owns (LKR-402, LKR-405), and returns how many keys.
    ///
    /// The caller sees to it that nothing of this session is applied afterwards (LKR-404).
    pub fn end_session(&mut self, now: Now, session: SessionId) -> usize {
        let freed = self.table.free_all_of(session);
        self.tally.count_end(freed.len());
        let count = freed.len();
        self.log.add(now, session, || Event::End { freed });
        count
    }

    /// Counts a request that was answered before it got here: malformed, unknown or too large.
    pub fn count_bad_frame(&self, outcome: Outcome) {
        self.tally.count_bad_frame(outcome);
    }

    /// The counters of LKR-701, as far as the table knows them.
    pub fn counters(&self) -> Counters {
        self.tally.counters(self.table.len(), self.table.holders())
    }

    /// Every held key, in the order of the keys (LKR-702).
    pub fn dump(&self, now: Now) -> Vec<Held> {
        self.table.dump(now)
    }

    /// Every session that holds something, in the order of the sessions.
    pub fn each_holder(&self, now: Now) -> impl Iterator<Item = Holder> {
        self.table.each_holder(now)
    }

    /// What a session holds, in the order of the keys.
    pub fn keys_of(&self, now: Now, session: SessionId) -> impl Iterator<Item = Held> {
        self.table.keys_of(now, session)
    }

    /// Takes the log (LKR-703) since the last call, oldest first; empty when it is off.
    pub fn take_log(&mut self) -> Vec<Transition> {
        self.log.take()
    }

    fn get(&mut self, now: Now, session: SessionId, keys: &[Bytes]) -> Outcome {
        let outcome = self.would_get(session, keys);
        if outcome == Outcome::Ok {
            for key in keys {
                self.table.grant(now, session, key);
            }
        }
        outcome
    }

    /// BUSY wins over `SELF_HELD`, and both over `NO_RESOURCES` (LKR-109).
    fn would_get(&self, session: SessionId, keys: &[Bytes]) -> Outcome {
        match self.table.look(session, keys) {
            Seen { foreign: true, .. } => Outcome::Busy,
            Seen { own: true, .. } => Outcome::SelfHeld,
            _ if !self.has_room(session, keys) => Outcome::NoResources,
            _ => Outcome::Ok,
        }
    }

    /// Whether both limits leave room for these keys, none of which is held (LKR-602).
    fn has_room(&self, session: SessionId, keys: &[Bytes]) -> bool {
        let fits = |count: usize| {
            self.table.len().saturating_add(count) <= self.config.locks_max
                && self.table.held_by(session).saturating_add(count)
                    <= self.config.locks_per_session_max
        };
        // Duplicates collapse (LKR-305), but to count without them costs a set: only near a limit.
        fits(keys.len()) || fits(keys.iter().collect::<BTreeSet<_>>().len())
    }

    /// All or nothing (LKR-307).
    fn release(&mut self, session: SessionId, keys: &[Bytes]) -> Outcome {
        let seen = self.table.look(session, keys);
        if seen.foreign || seen.free {
            self.tally.count_refused_release(seen.foreign);
            return Outcome::NotHeld;
        }
        for key in keys {
            self.table.free(session, key);
        }
        Outcome::Ok
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
