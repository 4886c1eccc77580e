//! The sans-IO core: requests out, replies matched to them in, by any of memcached's protocols.
//!
//! Leaves out what the bytes are (frames, lines), the meaning of each reply (outcome) and of each operation (shell).

use std::collections::VecDeque;

use bytes::BytesMut;
use lockproof_protocol::memcached_binary::{Command, Opcode, Status, Value};

use super::Dialect;
use super::dialect::Own;
use super::frames::Frames;
use super::lines::Lines;
use super::outcome::Outcome;
use crate::{Conversation, Error, Violation};

/// The longest key (MCB-LIM-02), in bytes.
const KEY_MAX: usize = 250;

/// The longest value (MCB-LIM-17), in bytes: extras and key must fit in 1 GiB beside it.
const VALUE_MAX: usize = (1 << 30) - 1024;

/// The longest reply body that is accepted unless told otherwise: 128 MiB, the largest item that
/// common servers can be configured for. Nothing of that size is reserved ahead.
const REPLY_BYTES_MAX: u32 = 128 * 1024 * 1024;

/// Names a submitted request; each of a connection is different from all that are pending.
#[derive(Copy, Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Ticket(pub(super) u32);

/// The outcome of one request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The request that it belongs to.
    pub ticket: Ticket,
    /// What it came to.
    pub outcome: Outcome,
}

/// One connection's requests and answers, in one [`Dialect`].
#[derive(Debug)]
pub struct Core {
    next_ticket: u32,
    settled: Settled,
    output: BytesMut,
    wire: Wire,
    reply_bytes_max: u32,
}

/// What replies have settled.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// In the order of their requests.
    pub(super) answers: VecDeque<Answer>,
    /// The status behind which the connection is of no more use.
    pub(super) fatal: Option<Status>,
}

#[derive(Debug)]
enum Wire {
    Frames(Frames),
    Lines(Lines),
}

impl Wire {
    fn new(dialect: Dialect, reply_bytes_max: u32) -> Self {
        match dialect {
            Dialect::Binary => Self::Frames(Frames::new(reply_bytes_max)),
            Dialect::Text => Self::Lines(Lines::new(false, reply_bytes_max)),
            Dialect::Meta => Self::Lines(Lines::new(true, reply_bytes_max)),
        }
    }
}

impl Default for Core {
    fn default() -> Self {
        Self::new(REPLY_BYTES_MAX)
    }
}

impl Core {
    /// A core of the binary protocol that takes no reply with a body of more than `reply_bytes_max` bytes.
    pub fn new(reply_bytes_max: u32) -> Self {
        Self {
            next_ticket: 1,
            settled: Settled::default(),
            output: BytesMut::new(),
            wire: Wire::new(Dialect::Binary, reply_bytes_max),
            reply_bytes_max,
        }
    }

    /// A core that speaks that dialect.
    pub fn speaking(dialect: Dialect) -> Self {
        let mut core = Self::default();
        core.speak(dialect);
        core
    }

    /// Goes on in that dialect. What is pending is forgotten, so nothing should be.
    pub fn speak(&mut self, dialect: Dialect) {
        self.wire = Wire::new(dialect, self.reply_bytes_max);
    }

    /// What it speaks.
    pub fn dialect(&self) -> Dialect {
        match &self.wire {
            Wire::Frames(_) => Dialect::Binary,
            Wire::Lines(lines) => lines.dialect(),
        }
    }

    /// Adds a request to the output. `opcode` chooses the form (quiet, with key) of `command`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a key that is empty or longer than 250 bytes, a value above 1 GiB, an unknown command, or what
    /// the dialect cannot say; nothing is added then.
    pub fn submit(&mut self, opcode: Opcode, cas: u64, command: Command) -> Result<Ticket, Error> {
        self.check(cas, &command)?;
        let ticket = self.take_ticket();
        match &mut self.wire {
            Wire::Frames(frames) => {
                frames.submit(ticket, opcode, cas, command, &mut self.output);
            }
            Wire::Lines(lines) => lines.submit(ticket, opcode, cas, command, &mut self.output),
        }
        Ok(ticket)
    }

    /// Adds what only meta has.
    pub(super) fn submit_own(&mut self, own: Own) -> Result<Ticket, Error> {
        let ticket = Ticket(self.next_ticket);
        match &mut self.wire {
            Wire::Lines(lines) if lines.dialect() == Dialect::Meta => {
                if let Own::Lookup(key, _) | Own::Invalidate(key, ..) = &own {
                    check_key(key)?;
                }
                lines.submit_own(ticket, own, &mut self.output)?;
            }
            _ => {
                return Err(Error::invalid(
                    "leases and stale items need the meta protocol, which this connection does not speak",
                ));
            }
        }
        Ok(self.take_ticket())
    }

    fn take_ticket(&mut self) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket = self.next_ticket.wrapping_add(1);
        ticket
    }

    /// Makes room for that many bytes of requests.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.output.reserve(bytes);
    }

    /// Whether [`submit`](Self::submit) would take the command.
    ///
    /// # Errors
    ///
    /// As `submit`.
    pub fn check(&self, cas: u64, command: &Command) -> Result<(), Error> {
        match command {
            Command::Get { key }
            | Command::Delete { key }
            | Command::Arithmetic { key, .. }
            | Command::Touch { key, .. }
            | Command::GetAndTouch { key, .. } => check_key(key)?,
            Command::Store { key, value, .. } | Command::Concat { key, value, .. } => {
                check_key(key)?;
                check_value(value)?;
            }
            Command::Stat { group } if group.len() > KEY_MAX => {
                return Err(Error::invalid("the group's name is longer than 250 bytes"));
            }
            Command::SaslAuth { payload, .. } | Command::SaslStep { payload, .. } => {
                check_value(payload)?;
            }
            Command::Unknown => return Err(Error::invalid("an unknown command")),
            _ => {}
        }
        match &self.wire {
            Wire::Frames(_) => Ok(()),
            Wire::Lines(lines) => lines.check(cas, command),
        }
    }

    /// The status after which the server closes the connection, if it has sent one, or behind which nobody can tell what it has
    /// read of the last request.
    pub fn fatal(&self) -> Option<Status> {
        self.settled.fatal
    }
}

impl Conversation for Core {
    type Answer = Answer;

    fn answers_are_named(&self) -> bool {
        matches!(self.wire, Wire::Frames(_))
    }

    fn take_output(&mut self) -> BytesMut {
        if let Wire::Lines(lines) = &mut self.wire {
            lines.finish_line(&mut self.output);
        }
        self.output.split()
    }

    fn receive(&mut self, input: &mut BytesMut) -> Result<Option<Answer>, Violation> {
        loop {
            if let Some(answer) = self.settled.answers.pop_front() {
                return Ok(Some(answer));
            }
            let more = match &mut self.wire {
                Wire::Frames(frames) => {
                    frames.is_waiting() && frames.receive(input, &mut self.settled)?
                }
                Wire::Lines(lines) => {
                    lines.is_waiting() && lines.receive(input, &mut self.settled)?
                }
            };
            if !more {
                return Ok(None);
            }
        }
    }

    fn is_waiting(&self) -> bool {
        let is_pending = match &self.wire {
            Wire::Frames(frames) => frames.is_waiting(),
            Wire::Lines(lines) => lines.is_waiting(),
        };
        is_pending || !self.settled.answers.is_empty()
    }
}

fn check_key(key: &[u8]) -> Result<(), Error> {
    match key.len() {
        0 => Err(Error::invalid("the key is empty")),
        1..=KEY_MAX => Ok(()),
        _ => Err(Error::invalid("the key is longer than 250 bytes")),
    }
}

fn check_value(value: &Value) -> Result<(), Error> {
    match value {
        Value::Present(bytes) if bytes.len() <= VALUE_MAX => Ok(()),
        _ => Err(Error::invalid("the value is longer than 1 GiB")),
    }
}
