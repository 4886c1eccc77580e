//! Operations without a connection: what is sent for each, and what the outcomes mean.
//!
//! Both shells perform the same ones, and so can any other that drives a [`Core`]. Leaves out
//! operations on many keys (batch), and what one outcome looks like on the wire (outcome).

use std::fmt;

use bytes::Bytes;
use lockproof_protocol::memcached_binary::{
    Command, Direction, Opcode, Side, Status, StoreMode, Value,
};

use super::dialect::Own;
use super::{Answer, Core, Item, Outcome, Ticket};
use crate::{Error, Violation};

/// MCB-ARI-06: the expiry that says "do not create the counter".
const DO_NOT_CREATE: u32 = 0xffff_ffff;

/// One request of an operation: opcode, CAS, command.
pub type Submission = (Opcode, u64, Command);

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

type Finish<T> = Box<dyn FnOnce(Vec<Answer>) -> Result<T, Error> + Send>;

/// One operation whose result is a `T`.
///
/// ```
/// use lockproof_client::Conversation;
/// use lockproof_client::memcached::{Core, operation};
///
/// let mut core = Core::default();
/// let get = operation::get("key".into()).submit(&mut core)?;
/// let request = core.take_output();                     // to the server
/// # let mut reply = bytes::BytesMut::from(&b"\x81\0\0\0\x04\0\0\0\0\0\0\x05\0\0\0\x01\0\0\0\0\0\0\0\x07\0\0\0\0v"[..]);
/// let answer = core.receive(&mut reply)?.expect("the whole reply");
/// let item = get.finish(vec![answer])?.expect("a hit");
/// assert_eq!((&item.value[..], item.cas), (&b"v"[..], 7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Operation<T> {
    requests: Requests,
    mutating: bool,
    finish: Finish<T>,
}

enum Requests {
    One(Submission),
    /// What only meta has.
    Own(Own),
    /// Ended by a NOOP, whose reply proves that nothing more is to come (MCB-QT-05).
    Fenced(Vec<Submission>),
}

impl<T> Operation<T> {
    pub(super) fn one(
        (opcode, cas, command): Submission,
        finish: impl FnOnce(Outcome) -> Result<T, Error> + Send + 'static,
    ) -> Self {
        let mutating = changes(&command);
        let requests = Requests::One((opcode, cas, command));
        Self { requests, mutating, finish: Box::new(of_one(finish)) }
    }

    pub(super) fn own(
        own: Own,
        finish: impl FnOnce(Outcome) -> Result<T, Error> + Send + 'static,
    ) -> Self {
        let mutating = own.is_mutating();
        Self { requests: Requests::Own(own), mutating, finish: Box::new(of_one(finish)) }
    }

    /// `mutating` says whether any of the requests changes something.
    pub(super) fn fenced(
        requests: Vec<Submission>,
        mutating: bool,
        finish: impl FnOnce(Vec<Outcome>) -> Result<T, Error> + Send + 'static,
    ) -> Self {
        let finish = move |answers: Vec<Answer>| {
            finish(answers.into_iter().map(|answer| answer.outcome).collect())
        };
        Self { requests: Requests::Fenced(requests), mutating, finish: Box::new(finish) }
    }

    /// The same operation with another result.
    #[must_use]
    pub fn map<U: 'static>(self, change: impl FnOnce(T) -> U + Send + 'static) -> Operation<U>
    where
        T: 'static,
    {
        let Self { requests, mutating, finish } = self;
        let finish = Box::new(move |answers| finish(answers).map(change));
        Operation { requests, mutating, finish }
    }

    /// Whether it changes something on the server.
    pub fn is_mutating(&self) -> bool {
        self.mutating
    }

    /// Gives the requests to a core: all of them, or none.
    ///
    /// # Errors
    ///
    /// As [`Core::submit`].
    pub fn submit(self, core: &mut Core) -> Result<Submitted<T>, Error> {
        let Self { requests, mutating, finish } = self;
        let (fence, answers) = match requests {
            Requests::One((opcode, cas, command)) => {
                core.submit(opcode, cas, command)?;
                (None, 1)
            }
            Requests::Own(own) => {
                own.submit(core)?;
                (None, 1)
            }
            Requests::Fenced(requests) => {
                let answers = requests.len() + 1;
                (Some(submit_all(core, requests)?), answers)
            }
        };
        Ok(Submitted { fence, answers, mutating, finish })
    }
}

fn of_one<T>(
    finish: impl FnOnce(Outcome) -> Result<T, Error> + Send + 'static,
) -> impl FnOnce(Vec<Answer>) -> Result<T, Error> + Send + 'static {
    move |mut answers: Vec<Answer>| finish(answers.pop().ok_or(UNMATCHED)?.outcome)
}

impl<T> fmt::Debug for Operation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").field("mutating", &self.mutating).finish_non_exhaustive()
    }
}

/// All or nothing: an invalid request in the middle must not leave the ones before it behind.
fn submit_all(core: &mut Core, requests: Vec<Submission>) -> Result<Ticket, Error> {
    for (_, cas, command) in &requests {
        core.check(*cas, command)?;
    }
    core.reserve(requests.iter().map(|(_, _, command)| request_bytes(command)).sum());
    for (opcode, cas, command) in requests {
        core.submit(opcode, cas, command)?;
    }
    core.submit(Opcode::NOOP, 0, Command::Noop)
}

/// About as many bytes as its request has: so that a large batch grows its output once.
fn request_bytes(command: &Command) -> usize {
    const HEADER_AND_EXTRAS: usize = 24 + 20;
    HEADER_AND_EXTRAS
        + match command {
            Command::Store { key, value: Value::Present(value), .. } => key.len() + value.len(),
            Command::Get { key } | Command::Delete { key } => key.len(),
            _ => 0,
        }
}

/// An operation whose requests a core has.
pub struct Submitted<T> {
    fence: Option<Ticket>,
    answers: usize,
    mutating: bool,
    finish: Finish<T>,
}

impl<T> Submitted<T> {
    /// How many answers are its own: the core's next so many, behind those of earlier operations.
    pub fn answers(&self) -> usize {
        self.answers
    }

    /// Whether it changes something on the server.
    pub fn is_mutating(&self) -> bool {
        self.mutating
    }

    /// What the answers mean.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where the server said no, [`Error::Protocol`] for answers that can't be
    /// this operation's.
    pub fn finish(self, mut answers: Vec<Answer>) -> Result<T, Error> {
        if let Some(fence) = self.fence {
            self.check_fence(fence, answers.pop().as_ref())?;
        }
        (self.finish)(answers)
    }

    fn check_fence(&self, fence: Ticket, last: Option<&Answer>) -> Result<(), Error> {
        match last {
            Some(Answer { ticket, outcome: Outcome::Done }) if *ticket == fence => Ok(()),
            Some(Answer { outcome: Outcome::Refused(status), .. }) => {
                Err(Error::Refused { refusal: (*status).into(), maybe_applied: self.mutating })
            }
            _ => {
                let violation = Violation::Shape("a batch whose NOOP was not answered last");
                Err(Error::Protocol { violation, maybe_applied: self.mutating })
            }
        }
    }
}

impl<T> fmt::Debug for Submitted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitted").field("answers", &self.answers).finish_non_exhaustive()
    }
}

/// The item with flags and CAS value, or `None` when there is none.
pub fn get(key: Bytes) -> Operation<Option<Item>> {
    Operation::one((Opcode::GET, 0, Command::Get { key }), item)
}

/// The item, whose expiry becomes `expiry` (as [`Meta::expiry`]).
pub fn gat(key: Bytes, expiry: u32) -> Operation<Option<Item>> {
    Operation::one((Opcode::GAT, 0, Command::GetAndTouch { key, expiry }), item)
}

/// Stores the value; the result is the new CAS value (0 by text, which does not tell it).
pub fn set(key: Bytes, value: Bytes, meta: Meta) -> Operation<u64> {
    let finish = |outcome| stored(outcome, &[])?.ok_or(UNMATCHED);
    Operation::one(store(StoreMode::Set, key, value, meta, 0), finish)
}

/// Stores the value if there is none; the result is the new CAS value, or `None` if there is one.
pub fn add(key: Bytes, value: Bytes, meta: Meta) -> Operation<Option<u64>> {
    let finish = |outcome| stored(outcome, &[Status::KEY_EXISTS]);
    Operation::one(store(StoreMode::Add, key, value, meta, 0), finish)
}

/// Stores the value if there is one already; the result is the new CAS value, or `None`.
pub fn replace(key: Bytes, value: Bytes, meta: Meta) -> Operation<Option<u64>> {
    let finish = |outcome| stored(outcome, &[Status::KEY_NOT_FOUND]);
    Operation::one(store(StoreMode::Replace, key, value, meta, 0), finish)
}

/// Stores the value if the item still has the CAS value `token`.
///
/// # Errors
///
/// [`Error::Invalid`] for token 0, which on the wire means "do not check".
pub fn cas(
    key: Bytes,
    value: Bytes,
    token: u64,
    meta: Meta,
) -> Result<Operation<CasOutcome>, Error> {
    if token == 0 {
        return Err(Error::invalid("CAS value 0 would not be checked"));
    }
    let finish = |outcome| match outcome {
        Outcome::Refused(Status::KEY_EXISTS) => Ok(CasOutcome::Stale),
        Outcome::Refused(Status::KEY_NOT_FOUND) => Ok(CasOutcome::Missing),
        outcome => stored(outcome, &[])?.map(CasOutcome::Stored).ok_or(UNMATCHED),
    };
    Ok(Operation::one(store(StoreMode::Set, key, value, meta, token), finish))
}

/// Puts bytes behind or before the value; `None` when there is no item, or the sum would be too large
/// (one status stands for both, MCB-APP-03 and MCB-APP-07).
pub fn concat(side: Side, key: Bytes, value: Bytes) -> Operation<Option<u64>> {
    let opcode = match side {
        Side::Append => Opcode::APPEND,
        Side::Prepend => Opcode::PREPEND,
    };
    let command = Command::Concat { side, key, value: Value::Present(value) };
    Operation::one((opcode, 0, command), |outcome| stored(outcome, &[Status::NOT_STORED]))
}

/// Deletes the item; false when there is none.
pub fn delete(key: Bytes) -> Operation<bool> {
    Operation::one((Opcode::DELETE, 0, Command::Delete { key }), |outcome| match outcome {
        Outcome::Refused(Status::KEY_NOT_FOUND) => Ok(false),
        outcome => done(outcome).map(|()| true),
    })
}

/// Gives the item a new expiry (as [`Meta::expiry`]); false when there is none.
pub fn touch(key: Bytes, expiry: u32) -> Operation<bool> {
    Operation::one((Opcode::TOUCH, 0, Command::Touch { key, expiry }), |outcome| match outcome {
        Outcome::Touched { .. } => Ok(true),
        Outcome::Refused(Status::KEY_NOT_FOUND) => Ok(false),
        outcome => Err(unexpected(&outcome)),
    })
}

/// Adds to a counter, modulo 2^64, or takes from it, down to 0. Without a seed, `None` when there is
/// no such item. With one it cannot be said by text.
pub fn count(
    direction: Direction,
    key: Bytes,
    delta: u64,
    seed: Option<Seed>,
) -> Operation<Option<u64>> {
    let opcode = match direction {
        Direction::Increment => Opcode::INCREMENT,
        Direction::Decrement => Opcode::DECREMENT,
    };
    let Seed { initial, expiry } = seed.unwrap_or(Seed { initial: 0, expiry: DO_NOT_CREATE });
    let command = Command::Arithmetic { direction, key, delta, initial, expiry };
    Operation::one((opcode, 0, command), |outcome| match outcome {
        Outcome::Counter { value, .. } => Ok(Some(value)),
        Outcome::Refused(Status::KEY_NOT_FOUND) => Ok(None),
        outcome => Err(unexpected(&outcome)),
    })
}

/// The server's version.
pub fn version() -> Operation<Bytes> {
    Operation::one((Opcode::VERSION, 0, Command::Version), |outcome| match outcome {
        Outcome::Text(text) => Ok(text),
        outcome => Err(unexpected(&outcome)),
    })
}

/// Statistics in the server's order; an empty group is the general one.
pub fn stats(group: Bytes) -> Operation<Vec<(Bytes, Bytes)>> {
    Operation::one((Opcode::STAT, 0, Command::Stat { group }), |outcome| match outcome {
        Outcome::Stats(stats) => Ok(stats),
        outcome => Err(unexpected(&outcome)),
    })
}

/// Asks for nothing; proves that the server is there.
pub fn noop() -> Operation<()> {
    Operation::one((Opcode::NOOP, 0, Command::Noop), done)
}

/// Makes every item a miss after `delay` seconds (MCB-FLU-05).
pub fn flush_all(delay: u32) -> Operation<()> {
    Operation::one((Opcode::FLUSH, 0, Command::Flush { delay }), done)
}

/// Authenticates with SASL PLAIN (MCB-SAS-03); by text and meta as memcached's `-Y` has it (MCT-AUT-01), which to a server
/// that wants no password is a `set` of the key `auth`.
///
/// The server answers wrong credentials with `AUTH_ERROR`, and with `UNKNOWN_COMMAND` if it needs no
/// authentication (MCB-SAS-01); the connection stays usable.
///
/// # Errors
///
/// [`Error::Invalid`] for a NUL in user name or password.
pub fn auth_plain(user: &[u8], password: &[u8]) -> Result<Operation<()>, Error> {
    if user.contains(&0) || password.contains(&0) {
        return Err(Error::invalid("a NUL in user name or password"));
    }
    let payload: Vec<u8> = [&[0], user, &[0], password].concat();
    let mechanism = Bytes::from_static(b"PLAIN");
    let command = Command::SaslAuth { mechanism, payload: Value::Present(payload.into()) };
    Ok(Operation::one((Opcode::SASL_AUTH, 0, command), |outcome| match outcome {
        Outcome::Text(_) => Ok(()),
        outcome => Err(unexpected(&outcome)),
    }))
}

/// Says good-bye; the server closes.
pub fn quit() -> Operation<()> {
    Operation::one((Opcode::QUIT, 0, Command::Quit), done)
}

/// Stands where the core's own bookkeeping makes it unreachable.
pub(super) const UNMATCHED: Error = Error::Protocol {
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

pub(super) fn store(mode: StoreMode, key: Bytes, value: Bytes, meta: Meta, cas: u64) -> Submission {
    let opcode = match mode {
        StoreMode::Set => Opcode::SET,
        StoreMode::Add => Opcode::ADD,
        StoreMode::Replace => Opcode::REPLACE,
    };
    let Meta { flags, expiry } = meta;
    (opcode, cas, Command::Store { mode, key, flags, expiry, value: Value::Present(value) })
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
