//! The async client: one method an operation, over any stream.
//!
//! Leaves out what the operations are (operation, batch).

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use lockproof_protocol::memcached_binary::{Direction, Side, Status};
use tokio::io::{AsyncRead, AsyncWrite};

use super::operation::{self, Operation, Submission};
use super::perform::{copy, refused_instead, with_keys};
use super::{
    CasOutcome, Core, Dialect, Found, Item, Lookup, Meta, Outcome, Seed, batch, lease, or_binary,
    probe,
};
use crate::link::Link;
use crate::{Cause, Error};

/// A memcached client on one stream.
///
/// Operations on an absent or present key that the command is *about* are results (`None`,
/// `false`); every other status is [`Error::Refused`].
#[derive(Debug)]
pub struct Client<S> {
    link: Link<S>,
    core: Core,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// A client whose every operation must be done within `timeout`.
    pub fn new(stream: S, timeout: Duration) -> Self {
        Self { link: Link::new(stream, timeout), core: Core::default() }
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

    /// Finds out what a server speaks that nothing is known of, on a fresh connection: once for each server. The client goes
    /// on in it, unless that is [`Dialect::Binary`]: then this connection is closed, and another one is to be opened.
    ///
    /// # Errors
    ///
    /// An answer that proves nothing, as none in time.
    pub async fn detect(&mut self) -> Result<Dialect, Error> {
        self.core.speak(Dialect::Meta);
        let dialect = or_binary(self.perform(probe()).await)?;
        self.core.speak(dialect);
        Ok(dialect)
    }

    /// Whether the connection can still be used.
    pub fn is_open(&self) -> bool {
        self.link.is_open()
    }

    /// The value, or `None` when there is no such item.
    pub async fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        Ok(self.gets(key).await?.map(|item| item.value))
    }

    /// The item with flags and CAS value, or `None` when there is none.
    pub async fn gets(&mut self, key: &[u8]) -> Result<Option<Item>, Error> {
        self.perform(operation::get(copy(key))).await
    }

    /// The item, whose expiry becomes `expiry` (as [`Meta::expiry`]).
    pub async fn gat(&mut self, key: &[u8], expiry: u32) -> Result<Option<Item>, Error> {
        self.perform(operation::gat(copy(key), expiry)).await
    }

    /// Stores the value; returns the new CAS value.
    pub async fn set(&mut self, key: &[u8], value: &[u8], meta: Meta) -> Result<u64, Error> {
        self.perform(operation::set(copy(key), copy(value), meta)).await
    }

    /// Stores the value if there is none; returns the new CAS value, or `None` if there is one.
    pub async fn add(
        &mut self,
        key: &[u8],
        value: &[u8],
        meta: Meta,
    ) -> Result<Option<u64>, Error> {
        self.perform(operation::add(copy(key), copy(value), meta)).await
    }

    /// Stores the value if there is one already; returns the new CAS value, or `None`.
    pub async fn replace(
        &mut self,
        key: &[u8],
        value: &[u8],
        meta: Meta,
    ) -> Result<Option<u64>, Error> {
        self.perform(operation::replace(copy(key), copy(value), meta)).await
    }

    /// Puts bytes behind the value; `None` when there is no item, or the sum would be too large
    /// (one status stands for both, MCB-APP-03 and MCB-APP-07).
    pub async fn append(&mut self, key: &[u8], value: &[u8]) -> Result<Option<u64>, Error> {
        self.perform(operation::concat(Side::Append, copy(key), copy(value))).await
    }

    /// Puts bytes before the value; `None` as in [`append`](Self::append).
    pub async fn prepend(&mut self, key: &[u8], value: &[u8]) -> Result<Option<u64>, Error> {
        self.perform(operation::concat(Side::Prepend, copy(key), copy(value))).await
    }

    /// Stores the value if the item still has the CAS value `token`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for token 0, which on the wire means "do not check".
    pub async fn cas(
        &mut self,
        key: &[u8],
        value: &[u8],
        token: u64,
        meta: Meta,
    ) -> Result<CasOutcome, Error> {
        self.perform(operation::cas(copy(key), copy(value), token, meta)?).await
    }

    /// Deletes the item; false when there is none.
    pub async fn delete(&mut self, key: &[u8]) -> Result<bool, Error> {
        self.perform(operation::delete(copy(key))).await
    }

    /// Gives the item a new expiry (as [`Meta::expiry`]); false when there is none.
    pub async fn touch(&mut self, key: &[u8], expiry: u32) -> Result<bool, Error> {
        self.perform(operation::touch(copy(key), expiry)).await
    }

    /// Adds to a counter, modulo 2^64. Without a seed, `None` when there is no such item.
    pub async fn incr(
        &mut self,
        key: &[u8],
        delta: u64,
        seed: Option<Seed>,
    ) -> Result<Option<u64>, Error> {
        self.perform(operation::count(Direction::Increment, copy(key), delta, seed)).await
    }

    /// Takes from a counter, down to 0. Without a seed, `None` when there is no such item.
    pub async fn decr(
        &mut self,
        key: &[u8],
        delta: u64,
        seed: Option<Seed>,
    ) -> Result<Option<u64>, Error> {
        self.perform(operation::count(Direction::Decrement, copy(key), delta, seed)).await
    }

    /// The items that exist, by key.
    pub async fn get_many(&mut self, keys: &[&[u8]]) -> Result<BTreeMap<Bytes, Item>, Error> {
        let keys: Vec<Bytes> = keys.iter().copied().map(copy).collect();
        let items = self.perform(batch::get_many(keys.clone())).await?;
        Ok(keys.into_iter().zip(items).filter_map(|(key, item)| Some((key, item?))).collect())
    }

    /// Stores all entries; returns those that the server refused, with its status.
    pub async fn set_many(
        &mut self,
        entries: &[(&[u8], &[u8])],
        meta: Meta,
    ) -> Result<Vec<(Bytes, Status)>, Error> {
        let owned = entries.iter().map(|(key, value)| (copy(key), copy(value), meta));
        let refused = self.perform(batch::set_many(owned)).await?;
        Ok(with_keys(entries.iter().map(|(key, _)| *key), refused))
    }

    /// Deletes all keys; returns those that were not there, or were refused, with the status
    /// (`KEY_NOT_FOUND` for the former: a quiet delete answers a miss, MCB-DEL-04).
    pub async fn delete_many(&mut self, keys: &[&[u8]]) -> Result<Vec<(Bytes, Status)>, Error> {
        let owned = keys.iter().copied().map(copy);
        let refused = self.perform(batch::delete_many(owned)).await?;
        Ok(with_keys(keys.iter().copied(), refused))
    }

    /// Reads an item with all that meta has for it; see [`lease`].
    pub async fn lookup(&mut self, key: &[u8], lookup: Lookup) -> Result<Option<Found>, Error> {
        self.perform(lease::lookup(copy(key), lookup)).await
    }

    /// Marks an item as stale: the next lookup wins it; see [`lease::invalidate`].
    pub async fn invalidate(&mut self, key: &[u8], expiry: Option<u32>) -> Result<bool, Error> {
        self.perform(lease::invalidate(copy(key), 0, expiry)).await
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
        self.perform(batch::quiet(requests, mutating)).await
    }

    /// The server's version.
    pub async fn version(&mut self) -> Result<Bytes, Error> {
        self.perform(operation::version()).await
    }

    /// Statistics in the server's order; an empty group is the general one.
    pub async fn stats(&mut self, group: &[u8]) -> Result<Vec<(Bytes, Bytes)>, Error> {
        self.perform(operation::stats(copy(group))).await
    }

    /// Asks for nothing; proves that the server is there.
    pub async fn noop(&mut self) -> Result<(), Error> {
        self.perform(operation::noop()).await
    }

    /// Makes every item a miss after `delay` seconds (MCB-FLU-05).
    pub async fn flush_all(&mut self, delay: u32) -> Result<(), Error> {
        self.perform(operation::flush_all(delay)).await
    }

    /// Authenticates with SASL PLAIN (MCB-SAS-03).
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `AUTH_ERROR` for wrong credentials, with `UNKNOWN_COMMAND` by a
    /// server that needs no authentication (MCB-SAS-01); the connection stays usable.
    pub async fn auth_plain(&mut self, user: &[u8], password: &[u8]) -> Result<(), Error> {
        self.perform(operation::auth_plain(user, password)?).await
    }

    /// Says good-bye, waits for the answer, and closes.
    pub async fn quit(mut self) -> Result<(), Error> {
        self.perform(operation::quit()).await
    }

    /// Performs any operation.
    ///
    /// # Errors
    ///
    /// As [`Error`] tells; one that closes the connection says so.
    pub async fn perform<T>(&mut self, operation: Operation<T>) -> Result<T, Error> {
        self.link.check_open()?;
        let submitted = operation.submit(&mut self.core)?;
        let run = self.link.run(&mut self.core, submitted.is_mutating()).await;
        let run = refused_instead(run, self.core.fatal(), || self.link.close_over(Cause::Refused));
        submitted.finish(run.all()?)
    }
}
