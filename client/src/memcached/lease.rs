//! Leases, and items that are stale: what only meta has. Of all clients that look for an absent or stale item, one is told to
//! store it anew.
//!
//! Leaves out what the winner does, and how long the others wait.

use bytes::Bytes;
use lockproof_protocol::memcached::Lookup;
use lockproof_protocol::memcached_binary::{Command, Opcode, Status};

use super::dialect::Own;
use super::operation::{Operation, unexpected};
use super::{Item, Outcome};

/// What a lookup found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// The item: an empty one, if it was made by the lookup that won it.
    pub item: Item,
    /// This client shall store it anew; nobody else is told so until then (MCM-STA-02).
    pub is_won: bool,
    /// Somebody else was told so.
    pub is_taken: bool,
    /// It was marked as stale (MCM-STA-09).
    pub is_stale: bool,
}

/// Reads an item with all that `mg` has; `None` where there is none and none was to be made (`vivify`).
///
/// On submission it is [`Error::Invalid`](crate::Error::Invalid) unless the connection speaks meta, as
/// [`invalidate`] is.
pub fn lookup(key: Bytes, lookup: Lookup) -> Operation<Option<Found>> {
    Operation::own(Own::Lookup(key, lookup), |outcome| match outcome {
        Outcome::Found(found) => Ok(Some(found)),
        Outcome::Refused(Status::KEY_NOT_FOUND) => Ok(None),
        outcome => Err(unexpected(&outcome)),
    })
}

/// Marks the item as stale, and lets the next lookup win it (MCM-STA-09, MCM-STA-11); with `expiry` it has that long to be
/// stored anew. False where there is none, or its CAS is not `cas` (0 for any).
pub fn invalidate(key: Bytes, cas: u64, expiry: Option<u32>) -> Operation<bool> {
    Operation::own(Own::Invalidate(key, cas, expiry), was_changed)
}

/// Deletes the item if it still has the CAS value `cas` (by text, that cannot be said).
pub fn delete_if(key: Bytes, cas: u64) -> Operation<bool> {
    Operation::one((Opcode::DELETE, cas, Command::Delete { key }), was_changed)
}

fn was_changed(outcome: Outcome) -> Result<bool, crate::Error> {
    match outcome {
        Outcome::Done => Ok(true),
        Outcome::Refused(Status::KEY_NOT_FOUND | Status::KEY_EXISTS) => Ok(false),
        outcome => Err(unexpected(&outcome)),
    }
}
