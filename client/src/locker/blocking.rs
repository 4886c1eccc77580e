//! The blocking client: one method an operation, over a socket of the system, and a helper that tries again.
//!
//! Leaves out reconnecting. A RELEASE belongs to the connection that was granted the lock, so there
//! is nothing here that could send it on another (LKR-803).

use std::time::Duration;

use bytes::Bytes;
use lockproof_protocol::locker::{Dialect, Limits, Outcome, Verb};

use super::perform::result;
use super::{Backoff, Core};
use crate::blocking::{Link, OnInterrupt, Stream};
use crate::{Cause, Error};

/// A locker client on one socket; see [`crate::blocking`]. All of its locks live and die with that socket.
///
/// Results are `Ok`, `Busy`, `SelfHeld` and, for a release, `NotHeld`; every other outcome is
/// [`Error::Refused`].
#[derive(Debug)]
pub struct Client {
    link: Link,
    core: Core,
}

impl Client {
    /// A client with the default dialect and limits, whose every operation must be done within
    /// `timeout`.
    pub fn new(stream: impl Into<Stream>, timeout: Duration) -> Self {
        Self::with_dialect(stream, timeout, Dialect::default(), Limits::default())
    }

    /// A client for a listener of that dialect, which sends nothing over `limits`.
    pub fn with_dialect(
        stream: impl Into<Stream>,
        timeout: Duration,
        dialect: Dialect,
        limits: Limits,
    ) -> Self {
        Self { link: Link::new(stream.into(), timeout), core: Core::new(dialect, limits) }
    }

    /// Asks for a key, and is answered at once.
    pub fn get(&mut self, key: &[u8]) -> Result<Outcome, Error> {
        self.single(Verb::Get, key)
    }

    /// Asks for all of the keys, or none.
    pub fn get_batch(&mut self, keys: &[&[u8]]) -> Result<Outcome, Error> {
        self.batch(Verb::Get, keys)
    }

    /// Frees a key of this connection.
    pub fn release(&mut self, key: &[u8]) -> Result<Outcome, Error> {
        self.single(Verb::Release, key)
    }

    /// Frees all of the keys, or none.
    pub fn release_batch(&mut self, keys: &[&[u8]]) -> Result<Outcome, Error> {
        self.batch(Verb::Release, keys)
    }

    /// What [`get`](Self::get) would answer now (LKR-206).
    pub fn query(&mut self, key: &[u8]) -> Result<Outcome, Error> {
        self.single(Verb::Query, key)
    }

    /// What [`get_batch`](Self::get_batch) would answer now (LKR-308).
    pub fn query_batch(&mut self, keys: &[&[u8]]) -> Result<Outcome, Error> {
        self.batch(Verb::Query, keys)
    }

    /// Asks `on_interrupt` when a signal interrupts a wait; without it, waits go on.
    #[must_use]
    pub fn with_on_interrupt(mut self, on_interrupt: OnInterrupt) -> Self {
        self.link.set_on_interrupt(on_interrupt);
        self
    }

    /// Asks for all of the keys until they are granted or `tries_max` tries are used up, pausing
    /// between them (LKR-804); at least one try is made. Returns the last outcome.
    ///
    /// Only `Busy` is tried again, and only on this connection.
    pub fn get_batch_retrying(
        &mut self,
        keys: &[&[u8]],
        tries_max: u32,
        backoff: Backoff,
        mut sleep: impl FnMut(Duration),
    ) -> Result<Outcome, Error> {
        let mut outcome = self.get_batch(keys)?;
        for (pause, _) in backoff.zip(1..tries_max) {
            if outcome != Outcome::Busy {
                break;
            }
            sleep(pause);
            outcome = self.get_batch(keys)?;
        }
        Ok(outcome)
    }

    /// Looks whether the server has ended the connection, without waiting. True is certain; false is
    /// what was seen a moment ago.
    pub fn has_ended(&mut self) -> bool {
        self.link.has_ended()
    }

    /// Whether the connection is gone, and every lock with it.
    ///
    /// False is no proof that the locks are still held: the server may have ended the connection
    /// already, and this client has not looked since.
    pub fn is_lost(&self) -> bool {
        !self.link.is_open()
    }

    /// The keys that were granted and not released; none once the connection is lost.
    pub fn held(&self) -> impl Iterator<Item = &Bytes> {
        self.core.held().filter(|_| self.link.is_open())
    }

    /// Closes the connection; the server frees its locks soon after (LKR-407).
    pub fn close(&mut self) {
        self.link.close(Cause::Quit);
    }

    fn single(&mut self, verb: Verb, key: &[u8]) -> Result<Outcome, Error> {
        self.link.check_open()?;
        self.core.submit(verb, key)?;
        self.run(verb)
    }

    fn batch(&mut self, verb: Verb, keys: &[&[u8]]) -> Result<Outcome, Error> {
        self.link.check_open()?;
        self.core.submit_batch(verb, keys)?;
        self.run(verb)
    }

    fn run(&mut self, verb: Verb) -> Result<Outcome, Error> {
        result(self.link.run(&mut self.core, verb != Verb::Query))
    }
}
