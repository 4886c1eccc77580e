//! The blocking client: one method an operation, over a socket of the system.
//!
//! Leaves out what the operations are (operation, batch).

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use lockproof_protocol::memcached_binary::{Direction, Side, Status};

use super::operation::{self, Operation, Submission};
use super::perform::{copy, refused_instead, with_keys};
use super::{
    CasOutcome, Core, Dialect, Found, Item, Lookup, Meta, Outcome, Seed, batch, lease, or_binary,
    probe,
};
use crate::blocking::{Link, OnInterrupt, Stream};
use crate::{Cause, Error};

/// A memcached client on one socket; see [`crate::blocking`].
///
/// Results are those of the async [`Client`](super::Client).
#[derive(Debug)]
pub struct Client {
    link: Link,
    core: Core,
}

impl Client {
    /// A client whose every operation must be done within `timeout`.
    pub fn new(stream: impl Into<Stream>, timeout: Duration) -> Self {
        Self { link: Link::new(stream.into(), timeout), core: Core::default() }
    }

    /// The same client, which speaks that dialect instead of [`Dialect::Binary`].
    #[must_use]
    pub fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.core.speak(dialect);
        self
    }

    /// What it speaks.
    pub fn dialect(&self) -> Dialect {
        self.core.dialect()
    }

    /// Finds out what a server speaks that nothing is known of, as the async [`Client`](super::Client::detect) does.
    pub fn detect(&mut self) -> Result<Dialect, Error> {
        self.core.speak(Dialect::Meta);
        let dialect = or_binary(self.perform(probe()))?;
        self.core.speak(dialect);
        Ok(dialect)
    }

    /// Asks `on_interrupt` when a signal interrupts a wait; without it, waits go on.
    #[must_use]
    pub fn with_on_interrupt(mut self, on_interrupt: OnInterrupt) -> Self {
        self.link.set_on_interrupt(on_interrupt);
        self
    }

    /// Whether the connection can still be used.
    pub fn is_open(&self) -> bool {
        self.link.is_open()
    }

    /// Looks whether the server has ended the connection, without waiting; a connection that was used
    /// a moment ago is taken to be live. True is certain; false is what was seen.
    pub fn has_ended(&mut self) -> bool {
        self.link.has_ended_at_rest()
    }

    /// The value, or `None` when there is no such item.
    pub fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(self.gets(key)?.map(|item| item.value))
    }

    /// The item with flags and CAS value, or `None` when there is none.
    pub fn gets(&mut self, key: &[u8]) -> Result<Option<Item>, Error> {
        self.perform(operation::get(copy(key)))
    }

    /// The item, whose expiry becomes `expiry` (as [`Meta::expiry`]).
    pub fn gat(&mut self, key: &[u8], expiry: u32) -> Result<Option<Item>, Error> {
        self.perform(operation::gat(copy(key), expiry))
    }

    /// Stores the value; returns the new CAS value.
    pub fn set(&mut self, key: &[u8], value: &[u8], meta: Meta) -> Result<u64, Error> {
        self.perform(operation::set(copy(key), copy(value), meta))
    }

    /// Stores the value if there is none; returns the new CAS value, or `None` if there is one.
    pub fn add(&mut self, key: &[u8], value: &[u8], meta: Meta) -> Result<Option<u64>, Error> {
        self.perform(operation::add(copy(key), copy(value), meta))
    }

    /// Stores the value if there is one already; returns the new CAS value, or `None`.
    pub fn replace(&mut self, key: &[u8], value: &[u8], meta: Meta) -> Result<Option<u64>, Error> {
        self.perform(operation::replace(copy(key), copy(value), meta))
    }

    /// Puts bytes behind the value; `None` when there is no item, or the sum would be too large
    /// (one status stands for both, MCB-APP-03 and MCB-APP-07).
    pub fn append(&mut self, key: &[u8], value: &[u8]) -> Result<Option<u64>, Error> {
        self.perform(operation::concat(Side::Append, copy(key), copy(value)))
    }

    /// Puts bytes before the value; `None` as in [`append`](Self::append).
    pub fn prepend(&mut self, key: &[u8], value: &[u8]) -> Result<Option<u64>, Error> {
        self.perform(operation::concat(Side::Prepend, copy(key), copy(value)))
    }

    /// Stores the value if the item still has the CAS value `token`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for token 0, which on the wire means "do not check".
    pub fn cas(
        &mut self,
        key: &[u8],
        value: &[u8],
        token: u64,
        meta: Meta,
    ) -> Result<CasOutcome, Error> {
        self.perform(operation::cas(copy(key), copy(value), token, meta)?)
    }

    /// Deletes the item; false when there is none.
    pub fn delete(&mut self, key: &[u8]) -> Result<bool, Error> {
        self.perform(operation::delete(copy(key)))
    }

    /// Gives the item a new expiry (as [`Meta::expiry`]); false when there is none.
    pub fn touch(&mut self, key: &[u8], expiry: u32) -> Result<bool, Error> {
        self.perform(operation::touch(copy(key), expiry))
    }

    /// Adds to a counter, modulo 2^64. Without a seed, `None` when there is no such item.
    pub fn incr(
        &mut self,
        key: &[u8],
        delta: u64,
        seed: Option<Seed>,
    ) -> Result<Option<u64>, Error> {
        self.perform(operation::count(Direction::Increment, copy(key), delta, seed))
    }

    /// Takes from a counter, down to 0. Without a seed, `None` when there is no such item.
    pub fn decr(
        &mut self,
        key: &[u8],
        delta: u64,
        seed: Option<Seed>,
    ) -> Result<Option<u64>, Error> {
        self.perform(operation::count(Direction::Decrement, copy(key), delta, seed))
    }

    /// The items that exist, by key.
    pub fn get_many(&mut self, keys: &[&[u8]]) -> Result<BTreeMap<Bytes, Item>, Error> {
        let keys: Vec<Bytes> = keys.iter().copied().map(copy).collect();
        let items = self.perform(batch::get_many(keys.clone()))?;
        Ok(keys.into_iter().zip(items).filter_map(|(key, item)| Some((key, item?))).collect())
    }

    /// Stores all entries; returns those that the server refused, with its status.
    pub fn set_many(
        &mut self,
        entries: &[(&[u8], &[u8])],
        meta: Meta,
    ) -> Result<Vec<(Bytes, Status)>, Error> {
        let owned = entries.iter().map(|(key, value)| (copy(key), copy(value), meta));
        let refused = self.perform(batch::set_many(owned))?;
        Ok(with_keys(entries.iter().map(|(key, _)| *key), refused))
    }

    /// Deletes all keys; returns those that were not there, or were refused, with the status
    /// (`KEY_NOT_FOUND` for the former: a quiet delete answers a miss, MCB-DEL-04).
    pub fn delete_many(&mut self, keys: &[&[u8]]) -> Result<Vec<(Bytes, Status)>, Error> {
        let owned = keys.iter().copied().map(copy);
        let refused = self.perform(batch::delete_many(owned))?;
        Ok(with_keys(keys.iter().copied(), refused))
    }

    /// Reads an item with all that meta has for it; see [`lease`].
    pub fn lookup(&mut self, key: &[u8], lookup: Lookup) -> Result<Option<Found>, Error> {
        self.perform(lease::lookup(copy(key), lookup))
    }

    /// Marks an item as stale: the next lookup wins it; see [`lease::invalidate`].
    pub fn invalidate(&mut self, key: &[u8], expiry: Option<u32>) -> Result<bool, Error> {
        self.perform(lease::invalidate(copy(key), 0, expiry))
    }

    /// Sends any requests in one go and returns their outcomes in order. `mutating` says whether
    /// any of them changes something. A NOOP is added, so quiet opcodes are welcome.
    ///
    /// # Errors
    ///
    /// As all operations; a status that leaves the connection usable is an outcome, not an error.
    pub fn quiet(
        &mut self,
        requests: Vec<Submission>,
        mutating: bool,
    ) -> Result<Vec<Outcome>, Error> {
        self.perform(batch::quiet(requests, mutating))
    }

    /// The server's version.
    pub fn version(&mut self) -> Result<Bytes, Error> {
        self.perform(operation::version())
    }

    /// Statistics in the server's order; an empty group is the general one.
    pub fn stats(&mut self, group: &[u8]) -> Result<Vec<(Bytes, Bytes)>, Error> {
        self.perform(operation::stats(copy(group)))
    }

    /// Asks for nothing; proves that the server is there.
    pub fn noop(&mut self) -> Result<(), Error> {
        self.perform(operation::noop())
    }

    /// Makes every item a miss after `delay` seconds (MCB-FLU-05).
    pub fn flush_all(&mut self, delay: u32) -> Result<(), Error> {
        self.perform(operation::flush_all(delay))
    }

    /// Authenticates with SASL PLAIN (MCB-SAS-03).
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `AUTH_ERROR` for wrong credentials, with `UNKNOWN_COMMAND` by a
    /// server that needs no authentication (MCB-SAS-01); the connection stays usable.
    pub fn auth_plain(&mut self, user: &[u8], password: &[u8]) -> Result<(), Error> {
        self.perform(operation::auth_plain(user, password)?)
    }

    /// Says good-bye, waits for the answer, and closes.
    pub fn quit(mut self) -> Result<(), Error> {
        self.perform(operation::quit())
    }

    /// Performs any operation.
    ///
    /// # Errors
    ///
    /// As [`Error`] tells; one that closes the connection says so.
    pub fn perform<T>(&mut self, operation: Operation<T>) -> Result<T, Error> {
        self.link.check_open()?;
        let submitted = operation.submit(&mut self.core)?;
        let run = self.link.run(&mut self.core, submitted.is_mutating());
        let run = refused_instead(run, self.core.fatal(), || self.link.close_over(Cause::Refused));
        submitted.finish(run.all()?)
    }

    /// Performs operations in one exchange: all requests are on their way before the first answer is
    /// waited for. Each has its own result. The first that is left without an answer has the error that
    /// ended the exchange, those behind it a copy.
    pub fn perform_all<T>(&mut self, operations: Vec<Operation<T>>) -> Vec<Result<T, Error>> {
        let submit = |operation: Operation<T>| {
            self.link.check_open()?;
            operation.submit(&mut self.core)
        };
        let submitted: Vec<_> = operations.into_iter().map(submit).collect();
        let mutating = submitted.iter().flatten().any(super::Submitted::is_mutating);
        let run = self.link.run(&mut self.core, mutating);
        let run = refused_instead(run, self.core.fatal(), || self.link.close_over(Cause::Refused));
        let mut answers = run.answers.into_iter();
        let again = run.error.as_ref().map(Error::clone_for_others);
        let mut end = run.error;
        let finish = |submitted: Result<super::Submitted<T>, Error>| {
            let submitted = submitted?;
            let own: Vec<_> = answers.by_ref().take(submitted.answers()).collect();
            match &again {
                Some(again) if own.len() < submitted.answers() => {
                    let error = end.take().unwrap_or_else(|| again.clone_for_others());
                    Err(error.if_changing(submitted.is_mutating()))
                }
                _ => submitted.finish(own),
            }
        };
        submitted.into_iter().map(finish).collect()
    }
}
