//! Operations on many keys: one write of quiet requests, ended by a NOOP.
//!
//! The NOOP's reply proves that nothing more is to come (MCB-QT-05), so silence has a meaning for
//! each key. Leaves out splitting a batch: all of its requests are in memory at once.

use std::collections::BTreeMap;

use bytes::Bytes;
use lockproof_protocol::memcached_binary::{Command, Opcode, Status, StoreMode};
use tokio::io::{AsyncRead, AsyncWrite};

use super::shell::{copy, store_command};
use super::{Answer, Client, Core, Item, Meta, Outcome, Ticket};
use crate::{Error, Violation};

/// One request of a batch: opcode, CAS, command.
pub type Submission = (Opcode, u64, Command);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// The items that exist, by key.
    pub async fn get_many(&mut self, keys: &[&[u8]]) -> Result<BTreeMap<Bytes, Item>, Error> {
        let get = |key: &&[u8]| (Opcode::GETKQ, 0, Command::Get { key: copy(key) });
        let outcomes = self.quiet(keys.iter().map(get).collect(), false).await?;
        let mut items = BTreeMap::new();
        for (key, outcome) in keys.iter().zip(outcomes) {
            match outcome {
                Outcome::Item(item) => drop(items.insert(copy(key), item)),
                Outcome::Silent => {}
                outcome => return Err(super::shell::unexpected(&outcome)),
            }
        }
        Ok(items)
    }

    /// Stores all entries; returns those that the server refused, with its status.
    pub async fn set_many(
        &mut self,
        entries: &[(&[u8], &[u8])],
        meta: Meta,
    ) -> Result<Vec<(Bytes, Status)>, Error> {
        let set = |(key, value): &(&[u8], &[u8])| {
            (Opcode::SETQ, 0, store_command(StoreMode::Set, key, value, meta))
        };
        let outcomes = self.quiet(entries.iter().map(set).collect(), true).await?;
        Ok(refusals(entries.iter().map(|(key, _)| *key), outcomes))
    }

    /// Deletes all keys; returns those that were not there, or were refused, with the status
    /// (`KEY_NOT_FOUND` for the former: a quiet delete answers a miss, MCB-DEL-04).
    pub async fn delete_many(&mut self, keys: &[&[u8]]) -> Result<Vec<(Bytes, Status)>, Error> {
        let delete = |key: &&[u8]| (Opcode::DELETEQ, 0, Command::Delete { key: copy(key) });
        let outcomes = self.quiet(keys.iter().map(delete).collect(), true).await?;
        Ok(refusals(keys.iter().copied(), outcomes))
    }

    /// Sends any requests in one go and returns their outcomes in order. `mutating` says whether
    /// any of them changes something. A NOOP is added, so quiet opcodes are welcome.
    ///
    /// # Errors
    ///
    /// As all operations; a status that leaves the connection usable is an outcome, not an error.
    pub async fn quiet(
        &mut self,
        requests: Vec<Submission>,
        mutating: bool,
    ) -> Result<Vec<Outcome>, Error> {
        self.link.check_open()?;
        let fence = submit_all(&mut self.core, requests)?;
        let mut answers = self.run(mutating).await.all()?;
        match answers.pop() {
            Some(Answer { ticket, outcome: Outcome::Done }) if ticket == fence => {
                Ok(answers.into_iter().map(|answer| answer.outcome).collect())
            }
            Some(Answer { outcome: Outcome::Refused(status), .. }) => {
                Err(Error::Refused { refusal: status.into(), maybe_applied: mutating })
            }
            _ => {
                let violation = Violation::Shape("a batch whose NOOP was not answered last");
                Err(Error::Protocol { violation, maybe_applied: mutating })
            }
        }
    }
}

/// All or nothing: an invalid request in the middle must not leave the ones before it behind.
fn submit_all(core: &mut Core, requests: Vec<Submission>) -> Result<Ticket, Error> {
    for (_, _, command) in &requests {
        Core::check(command)?;
    }
    for (opcode, cas, command) in requests {
        core.submit(opcode, cas, command)?;
    }
    core.submit(Opcode::NOOP, 0, Command::Noop)
}

fn refusals<'a>(
    keys: impl Iterator<Item = &'a [u8]>,
    outcomes: Vec<Outcome>,
) -> Vec<(Bytes, Status)> {
    let failed = keys.zip(outcomes).filter_map(|(key, outcome)| match outcome {
        Outcome::Refused(status) => Some((copy(key), status)),
        _ => None,
    });
    failed.collect()
}
