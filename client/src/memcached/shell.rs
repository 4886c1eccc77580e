//! The async client: one method an operation, over any stream.
//!
//! Leaves out operations on many keys (batch).

use std::time::Duration;

use bytes::Bytes;
use lockproof_protocol::memcached_binary::{
    Command, Direction, Opcode, Side, Status, StoreMode, Value,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Core, Item, Outcome};
use crate::link::{Link, Run};
use crate::{Cause, Error, Violation};

/// MCB-ARI-06: the expiry that says "do not create the counter".
const DO_NOT_CREATE: u32 = 0xffff_ffff;

/// What is stored beside a value.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Meta {
    /// Opaque to the server.
    pub flags: u32,
    /// Seconds from now up to 30 days, a Unix time above that, 0 for never (MCB-EXP-01 to -04).
    pub expiry: u32,
}

/// How a counter that does not exist is created.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Seed {
    /// Its first value; the delta is not applied to it (MCB-ARI-05).
    pub initial: u64,
    /// As [`Meta::expiry`]; 0xffffffff means "do not create" (MCB-ARI-06).
    pub expiry: u32,
}

/// What a compare-and-swap came to.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum CasOutcome {
    /// Stored; the item's new CAS value.
    Stored(u64),
    /// The item has changed since; nothing is stored.
    Stale,
    /// There is no such item; nothing is stored.
    Missing,
}

/// A memcached client on one stream.
///
/// Operations on an absent or present key that the command is *about* are results (`None`,
/// `false`); every other status is [`Error::Refused`].
#[derive(Debug)]
pub struct Client<S> {
    pub(super) link: Link<S>,
    pub(super) core: Core,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// A client whose every operation must be done within `timeout`.
    pub fn new(stream: S, timeout: Duration) -> Self {
        Self { link: Link::new(stream, timeout), core: Core::default() }
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
        let command = Command::Get { key: copy(key) };
        self.one(Opcode::GET, 0, command).await.and_then(item)
    }

    /// The item, whose expiry becomes `expiry` (as [`Meta::expiry`]).
    pub async fn gat(&mut self, key: &[u8], expiry: u32) -> Result<Option<Item>, Error> {
        let command = Command::GetAndTouch { key: copy(key), expiry };
        self.one(Opcode::GAT, 0, command).await.and_then(item)
    }

    /// Stores the value; returns the new CAS value.
    pub async fn set(&mut self, key: &[u8], value: &[u8], meta: Meta) -> Result<u64, Error> {
        let outcome = self.store(StoreMode::Set, key, value, meta, 0).await?;
        stored(outcome, &[])?.ok_or(UNMATCHED)
    }

    /// Stores the value if there is none; returns the new CAS value, or `None` if there is one.
    pub async fn add(
        &mut self,
        key: &[u8],
        value: &[u8],
        meta: Meta,
    ) -> Result<Option<u64>, Error> {
        let outcome = self.store(StoreMode::Add, key, value, meta, 0).await?;
        stored(outcome, &[Status::KEY_EXISTS])
    }

    /// Stores the value if there is one already; returns the new CAS value, or `None`.
    pub async fn replace(
        &mut self,
        key: &[u8],
        value: &[u8],
        meta: Meta,
    ) -> Result<Option<u64>, Error> {
        let outcome = self.store(StoreMode::Replace, key, value, meta, 0).await?;
        stored(outcome, &[Status::KEY_NOT_FOUND])
    }

    /// Puts bytes behind the value; `None` when there is no item, or the sum would be too large
    /// (one status stands for both, MCB-APP-03 and MCB-APP-07).
    pub async fn append(&mut self, key: &[u8], value: &[u8]) -> Result<Option<u64>, Error> {
        self.concat(Opcode::APPEND, Side::Append, key, value).await
    }

    /// Puts bytes before the value; `None` as in [`append`](Self::append).
    pub async fn prepend(&mut self, key: &[u8], value: &[u8]) -> Result<Option<u64>, Error> {
        self.concat(Opcode::PREPEND, Side::Prepend, key, value).await
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
        if token == 0 {
            return Err(Error::invalid("CAS value 0 would not be checked"));
        }
        match self.store(StoreMode::Set, key, value, meta, token).await? {
            Outcome::Refused(Status::KEY_EXISTS) => Ok(CasOutcome::Stale),
            Outcome::Refused(Status::KEY_NOT_FOUND) => Ok(CasOutcome::Missing),
            outcome => stored(outcome, &[])?.map(CasOutcome::Stored).ok_or(UNMATCHED),
        }
    }

    /// Deletes the item; false when there is none.
    pub async fn delete(&mut self, key: &[u8]) -> Result<bool, Error> {
        match self.one(Opcode::DELETE, 0, Command::Delete { key: copy(key) }).await? {
            Outcome::Refused(Status::KEY_NOT_FOUND) => Ok(false),
            outcome => done(outcome).map(|()| true),
        }
    }

    /// Gives the item a new expiry (as [`Meta::expiry`]); false when there is none.
    pub async fn touch(&mut self, key: &[u8], expiry: u32) -> Result<bool, Error> {
        match self.one(Opcode::TOUCH, 0, Command::Touch { key: copy(key), expiry }).await? {
            Outcome::Touched { .. } => Ok(true),
            Outcome::Refused(Status::KEY_NOT_FOUND) => Ok(false),
            outcome => Err(unexpected(&outcome)),
        }
    }

    /// Adds to a counter, modulo 2^64. Without a seed, `None` when there is no such item.
    pub async fn incr(
        &mut self,
        key: &[u8],
        delta: u64,
        seed: Option<Seed>,
    ) -> Result<Option<u64>, Error> {
        self.count(Opcode::INCREMENT, Direction::Increment, key, delta, seed).await
    }

    /// Takes from a counter, down to 0. Without a seed, `None` when there is no such item.
    pub async fn decr(
        &mut self,
        key: &[u8],
        delta: u64,
        seed: Option<Seed>,
    ) -> Result<Option<u64>, Error> {
        self.count(Opcode::DECREMENT, Direction::Decrement, key, delta, seed).await
    }

    /// The server's version.
    pub async fn version(&mut self) -> Result<Bytes, Error> {
        match self.one(Opcode::VERSION, 0, Command::Version).await? {
            Outcome::Text(text) => Ok(text),
            outcome => Err(unexpected(&outcome)),
        }
    }

    /// Statistics in the server's order; an empty group is the general one.
    pub async fn stats(&mut self, group: &[u8]) -> Result<Vec<(Bytes, Bytes)>, Error> {
        match self.one(Opcode::STAT, 0, Command::Stat { group: copy(group) }).await? {
            Outcome::Stats(stats) => Ok(stats),
            outcome => Err(unexpected(&outcome)),
        }
    }

    /// Asks for nothing; proves that the server is there.
    pub async fn noop(&mut self) -> Result<(), Error> {
        self.one(Opcode::NOOP, 0, Command::Noop).await.and_then(done)
    }

    /// Makes every item a miss after `delay` seconds (MCB-FLU-05).
    pub async fn flush_all(&mut self, delay: u32) -> Result<(), Error> {
        self.one(Opcode::FLUSH, 0, Command::Flush { delay }).await.and_then(done)
    }

    /// Authenticates with SASL PLAIN (MCB-SAS-03).
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `AUTH_ERROR` for wrong credentials, with `UNKNOWN_COMMAND` by a
    /// server that needs no authentication (MCB-SAS-01); the connection stays usable.
    pub async fn auth_plain(&mut self, user: &[u8], password: &[u8]) -> Result<(), Error> {
        if user.contains(&0) || password.contains(&0) {
            return Err(Error::invalid("a NUL in user name or password"));
        }
        let payload: Vec<u8> = [&[0], user, &[0], password].concat();
        let mechanism = Bytes::from_static(b"PLAIN");
        let command = Command::SaslAuth { mechanism, payload: Value::Present(payload.into()) };
        match self.one(Opcode::SASL_AUTH, 0, command).await? {
            Outcome::Text(_) => Ok(()),
            outcome => Err(unexpected(&outcome)),
        }
    }

    /// Says good-bye, waits for the answer, and closes.
    pub async fn quit(mut self) -> Result<(), Error> {
        self.one(Opcode::QUIT, 0, Command::Quit).await.and_then(done)
    }

    async fn store(
        &mut self,
        mode: StoreMode,
        key: &[u8],
        value: &[u8],
        meta: Meta,
        cas: u64,
    ) -> Result<Outcome, Error> {
        let opcode = match mode {
            StoreMode::Set => Opcode::SET,
            StoreMode::Add => Opcode::ADD,
            StoreMode::Replace => Opcode::REPLACE,
        };
        self.one(opcode, cas, store_command(mode, key, value, meta)).await
    }

    async fn concat(
        &mut self,
        opcode: Opcode,
        side: Side,
        key: &[u8],
        value: &[u8],
    ) -> Result<Option<u64>, Error> {
        let value = Value::Present(copy(value));
        let outcome = self.one(opcode, 0, Command::Concat { side, key: copy(key), value }).await?;
        stored(outcome, &[Status::NOT_STORED])
    }

    async fn count(
        &mut self,
        opcode: Opcode,
        direction: Direction,
        key: &[u8],
        delta: u64,
        seed: Option<Seed>,
    ) -> Result<Option<u64>, Error> {
        let Seed { initial, expiry } = seed.unwrap_or(Seed { initial: 0, expiry: DO_NOT_CREATE });
        let key = copy(key);
        let command = Command::Arithmetic { direction, key, delta, initial, expiry };
        match self.one(opcode, 0, command).await? {
            Outcome::Counter { value, .. } => Ok(Some(value)),
            Outcome::Refused(Status::KEY_NOT_FOUND) => Ok(None),
            outcome => Err(unexpected(&outcome)),
        }
    }

    /// One request, one answer.
    async fn one(&mut self, opcode: Opcode, cas: u64, command: Command) -> Result<Outcome, Error> {
        let mutating = changes(&command);
        self.link.check_open()?;
        self.core.submit(opcode, cas, command)?;
        let mut answers = self.run(mutating).await.all()?;
        answers.pop().map(|answer| answer.outcome).ok_or(UNMATCHED)
    }

    /// Runs all that was submitted. A status after which the server closes closes here too.
    pub(super) async fn run(&mut self, mutating: bool) -> Run<super::Answer> {
        let mut run = self.link.run(&mut self.core, mutating).await;
        if let Some(status) = self.core.fatal() {
            self.link.close_over(Cause::Refused);
            if let Some(Error::Transport { maybe_applied, .. }) = run.error {
                // The refusal is the reason, the end of the stream only what followed from it.
                run.error = Some(Error::Refused { refusal: status.into(), maybe_applied });
            }
        }
        run
    }
}

/// Stands where the core's own bookkeeping makes it unreachable.
const UNMATCHED: Error = Error::Protocol {
    violation: Violation::Shape("an answer of another kind than the request's"),
    maybe_applied: true,
};

fn changes(command: &Command) -> bool {
    if let Command::Stat { group } = command {
        return group.as_ref() == b"reset";
    }
    matches!(
        command,
        Command::Store { .. }
            | Command::Concat { .. }
            | Command::Delete { .. }
            | Command::Arithmetic { .. }
            | Command::Touch { .. }
            | Command::GetAndTouch { .. }
            | Command::Flush { .. }
    )
}

pub(super) fn copy(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

pub(super) fn store_command(mode: StoreMode, key: &[u8], value: &[u8], meta: Meta) -> Command {
    let Meta { flags, expiry } = meta;
    Command::Store { mode, key: copy(key), flags, expiry, value: Value::Present(copy(value)) }
}

pub(super) fn unexpected(outcome: &Outcome) -> Error {
    match outcome {
        Outcome::Refused(status) => Error::refused(*status),
        // A second step is for a mechanism that this client does not speak.
        Outcome::Challenge(_) => Error::refused(Status::AUTH_CONTINUE),
        _ => UNMATCHED,
    }
}

fn item(outcome: Outcome) -> Result<Option<Item>, Error> {
    match outcome {
        Outcome::Item(item) => Ok(Some(item)),
        Outcome::Refused(Status::KEY_NOT_FOUND) => Ok(None),
        outcome => Err(unexpected(&outcome)),
    }
}

fn stored(outcome: Outcome, unmet: &[Status]) -> Result<Option<u64>, Error> {
    match outcome {
        Outcome::Stored { cas } => Ok(Some(cas)),
        Outcome::Refused(status) if unmet.contains(&status) => Ok(None),
        outcome => Err(unexpected(&outcome)),
    }
}

fn done(outcome: Outcome) -> Result<(), Error> {
    match outcome {
        Outcome::Done => Ok(()),
        outcome => Err(unexpected(&outcome)),
    }
}
