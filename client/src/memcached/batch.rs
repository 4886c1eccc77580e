//! Operations on many keys: one write of quiet requests, ended by a NOOP.
//!
//! The NOOP's reply proves that nothing more is to come (MCB-QT-05), so silence has a meaning for
//! each key. Leaves out splitting a batch: all of its requests are in memory at once.

use bytes::Bytes;
use lockproof_protocol::memcached_binary::{Command, Opcode, Status, StoreMode};

use super::operation::{Operation, Submission, store, unexpected};
use super::{Item, Meta, Outcome};

/// For each key its item, or `None` when there is none.
pub fn get_many(keys: impl IntoIterator<Item = Bytes>) -> Operation<Vec<Option<Item>>> {
    let get = |key| (Opcode::GETKQ, 0, Command::Get { key });
    let item = |outcome| match outcome {
        Outcome::Item(item) => Ok(Some(item)),
        Outcome::Silent => Ok(None),
        outcome => Err(unexpected(&outcome)),
    };
    Operation::fenced(keys.into_iter().map(get).collect(), false, move |outcomes| {
        outcomes.into_iter().map(item).collect()
    })
}

/// Stores all entries; for each the status with which the server refused it, or `None`.
pub fn set_many(
    entries: impl IntoIterator<Item = (Bytes, Bytes, Meta)>,
) -> Operation<Vec<Option<Status>>> {
    let set = |(key, value, meta)| {
        let (_, cas, command) = store(StoreMode::Set, key, value, meta, 0);
        (Opcode::SETQ, cas, command)
    };
    Operation::fenced(entries.into_iter().map(set).collect(), true, refusals)
}

/// Deletes all keys; for each the status with which the server refused it, or `None`
/// (`KEY_NOT_FOUND` where there was none: a quiet delete answers a miss, MCB-DEL-04).
pub fn delete_many(keys: impl IntoIterator<Item = Bytes>) -> Operation<Vec<Option<Status>>> {
    let delete = |key| (Opcode::DELETEQ, 0, Command::Delete { key });
    Operation::fenced(keys.into_iter().map(delete).collect(), true, refusals)
}

/// Any requests in one go; the result is their outcomes in order. `mutating` says whether any of
/// them changes something. A NOOP is added, so quiet opcodes are welcome.
///
/// A status that leaves the connection usable is an outcome, not an error.
pub fn quiet(requests: Vec<Submission>, mutating: bool) -> Operation<Vec<Outcome>> {
    Operation::fenced(requests, mutating, Ok)
}

#[allow(clippy::unnecessary_wraps, reason = "the shape of every operation's end")]
fn refusals(outcomes: Vec<Outcome>) -> Result<Vec<Option<Status>>, crate::Error> {
    let refused = |outcome| match outcome {
        Outcome::Refused(status) => Some(status),
        _ => None,
    };
    Ok(outcomes.into_iter().map(refused).collect())
}
