//! Locker's table: keys and the sessions that own them, several at a time in a batch.
//!
//! Keys that ever met in a batch are one state; a workload does well to keep such groups small. The end of a session frees
//! what it owns, whenever the server gets to know of it. Left out: malformed requests, and limits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::brief::brief;
use super::{About, Model};

/// Locker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Locks;

/// A request, single or batch: that makes no difference to what it means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// GET or `BATCH_GET`.
    Get(BTreeSet<Key>),
    /// RELEASE or `BATCH_RELEASE`.
    Release(BTreeSet<Key>),
    /// QUERY or `BATCH_QUERY`.
    Query(BTreeSet<Key>),
    /// The connection ends.
    End,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Done, or free.
    Ok,
    /// At least one key is another session's.
    Busy,
    /// At least one key is not this session's.
    NotHeld,
    /// No key is another session's, and at least one is this one's.
    SelfHeld,
}

/// A key.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Key(pub Vec<u8>);

/// Who owns what.
pub type Table = BTreeMap<Key, u64>;

impl Model for Locks {
    type Key = Key;
    type State = Table;
    type Input = Request;
    type Output = Outcome;

    fn about(&self, input: &Request) -> About<Key> {
        match input {
            Request::Get(keys) | Request::Release(keys) | Request::Query(keys) => {
                About::Keys(keys.iter().cloned().collect())
            }
            Request::End => About::Session,
        }
    }

    fn start(&self, _: &BTreeSet<Key>) -> Table {
        Table::new()
    }

    fn step(
        &self,
        table: &Table,
        session: u64,
        input: &Request,
        output: Option<&Outcome>,
    ) -> Option<Table> {
        let outcome = outcome(table, session, input);
        match output {
            Some(told) if *told != outcome => None,
            // What would have been refused has done nothing.
            None if outcome != Outcome::Ok => None,
            _ if outcome != Outcome::Ok => Some(table.clone()),
            _ => Some(after(table.clone(), session, input)),
        }
    }

    fn only_looks(&self, input: &Request) -> bool {
        matches!(input, Request::Query(_))
    }
}

fn outcome(table: &Table, session: u64, input: &Request) -> Outcome {
    let owned = |keys: &BTreeSet<Key>, by: fn(u64, u64) -> bool| {
        keys.iter().any(|key| table.get(key).is_some_and(|owner| by(*owner, session)))
    };
    match input {
        Request::Get(keys) | Request::Query(keys) if owned(keys, |owner, own| owner != own) => {
            Outcome::Busy
        }
        Request::Get(keys) | Request::Query(keys) if owned(keys, |owner, own| owner == own) => {
            Outcome::SelfHeld
        }
        Request::Release(keys) if keys.iter().any(|key| table.get(key) != Some(&session)) => {
            Outcome::NotHeld
        }
        // An end that frees nothing is none.
        Request::End if table.values().all(|owner| *owner != session) => Outcome::NotHeld,
        _ => Outcome::Ok,
    }
}

/// The table after a request that was OK.
fn after(mut table: Table, session: u64, input: &Request) -> Table {
    match input {
        Request::Get(keys) => table.extend(keys.iter().map(|key| (key.clone(), session))),
        Request::Release(keys) => table.retain(|key, _| !keys.contains(key)),
        Request::Query(_) => {}
        Request::End => table.retain(|_, owner| *owner != session),
    }
    table
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", brief(&self.0))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, keys) = match self {
            Self::Get(keys) => ("get", keys),
            Self::Release(keys) => ("release", keys),
            Self::Query(keys) => ("query", keys),
            Self::End => return f.write_str("end"),
        };
        f.write_str(name)?;
        keys.iter().try_for_each(|key| write!(f, " {}", brief(&key.0)))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Busy => "busy",
            Self::NotHeld => "not held",
            Self::SelfHeld => "self held",
        })
    }
}
