//! The async client: one method an operation, over any stream, and a helper that tries again.
//!
//! Leaves out reconnecting. A RELEASE belongs to the connection that was granted the lock, so there
//! is nothing here that could send it on another (LKR-803).

use std::time::Duration;

use bytes::Bytes;
use lockproof_protocol::locker::{Dialect, Limits, Outcome, Verb};
use tokio::io::{AsyncRead, AsyncWrite};

use super::perform::result;
use super::{Backoff, Core};
use crate::link::Link;
use crate::{Cause, Error};

/// A locker client on one stream. All of its locks live and die with that stream.
///
/// Results are `Ok`, `Busy`, `SelfHeld` and, for a release, `NotHeld`; every other outcome is
/// [`Error::Refused`].
#[derive(Debug)]
pub struct Client<S> {
    link: Link<S>,
    core: Core,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// A client with the default dialect and limits, whose every operation must be done within
    /// `timeout`.
    pub fn new(stream: S, timeout: Duration) -> Self {
        Self::with_dialect(stream, timeout, Dialect::default(), Limits::default())
    }

    /// A client for a listener of that dialect, which sends nothing over `limits`.
    pub fn with_dialect(stream: S, timeout: Duration, dialect: Dialect, limits: Limits) -> Self {
        Self { link: Link::new(stream, timeout), core: Core::new(dialect, limits) }
    }

    /// Asks for a key, and is answered at once.
    pub async fn get(&mut self, key: &[u8]) -> Result<Outcome, Error> {
        self.single(Verb::Get, key).await
    }

    /// Asks for all of the keys, or none.
    pub async fn get_batch(&mut self, keys: &[&[u8]]) -> Result<Outcome, Error> {
        self.batch(Verb::Get, keys).await
    }

    /// Frees a key of this connection.
    pub async fn release(&mut self, key: &[u8]) -> Result<Outcome, Error> {
        self.single(Verb::Release, key).await
    }

    /// Frees all of the keys, or none.
    pub async fn release_batch(&mut self, keys: &[&[u8]]) -> Result<Outcome, Error> {
        self.batch(Verb::Release, keys).await
    }

    /// What [`get`](Self::get) would answer now (LKR-206).
    pub async fn query(&mut self, key: &[u8]) -> Result<Outcome, Error> {
        self.single(Verb::Query, key).await
    }

    /// What [`get_batch`](Self::get_batch) would answer now (LKR-308).
    pub async fn query_batch(&mut self, keys: &[&[u8]]) -> Result<Outcome, Error> {
        self.batch(Verb::Query, keys).await
    }

    /// Asks for all of the keys until they are granted or `tries_max` tries are used up, pausing
    /// between them (LKR-804); at least one try is made. Returns the last outcome.
    ///
    /// Only `Busy` is tried again, and only on this connection.
    pub async fn get_batch_retrying<P>(
        &mut self,
        keys: &[&[u8]],
        tries_max: u32,
        backoff: Backoff,
        mut sleep: impl FnMut(Duration) -> P,
    ) -> Result<Outcome, Error>
    where
        P: Future<Output = ()>,
    {
        let mut outcome = self.get_batch(keys).await?;
        for (pause, _) in backoff.zip(1..tries_max) {
            if outcome != Outcome::Busy {
                break;
            }
            sleep(pause).await;
            outcome = self.get_batch(keys).await?;
        }
        Ok(outcome)
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

    async fn single(&mut self, verb: Verb, key: &[u8]) -> Result<Outcome, Error> {
        self.link.check_open()?;
        self.core.submit(verb, key)?;
        self.run(verb).await
    }

    async fn batch(&mut self, verb: Verb, keys: &[&[u8]]) -> Result<Outcome, Error> {
        self.link.check_open()?;
        self.core.submit_batch(verb, keys)?;
        self.run(verb).await
    }

    async fn run(&mut self, verb: Verb) -> Result<Outcome, Error> {
        result(self.link.run(&mut self.core, verb != Verb::Query).await)
    }
}
