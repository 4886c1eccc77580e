//! The sans-IO core: requests with unique opaques out, replies matched by them in.
//!
//! Leaves out the meaning of each reply (outcome) and of each operation (shell).

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use lockproof_protocol::memcached_binary::{
    Command, Frame, Opcode, ReplyDecoder, Request, Status, Value,
};

use super::outcome::{self, Outcome};
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
pub struct Ticket(u32);

/// The outcome of one request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The request that it belongs to.
    pub ticket: Ticket,
    /// What it came to.
    pub outcome: Outcome,
}

/// One connection's pending requests.
///
/// Replies come in request order (MCB-CON-01) and carry the request's opaque (MCB-HDR-06). So a
/// reply to a later request settles the quiet ones before it, and any other opaque is a violation.
/// A run of quiet requests is ended by a NOOP (MCB-QT-05), else its last ones stay pending.
#[derive(Debug)]
pub struct Core {
    next_opaque: u32,
    pending: VecDeque<Pending>,
    /// Answers that a later reply has settled.
    settled: VecDeque<Answer>,
    output: BytesMut,
    decoder: ReplyDecoder,
    fatal: Option<Status>,
}

#[derive(Debug)]
struct Pending {
    ticket: Ticket,
    opcode: Opcode,
    key: Bytes,
    stats: Vec<(Bytes, Bytes)>,
}

impl Default for Core {
    fn default() -> Self {
        Self::new(REPLY_BYTES_MAX)
    }
}

impl Core {
    /// A core that takes no reply with a body of more than `reply_bytes_max` bytes.
    pub fn new(reply_bytes_max: u32) -> Self {
        Self {
            next_opaque: 1,
            pending: VecDeque::new(),
            settled: VecDeque::new(),
            output: BytesMut::new(),
            decoder: ReplyDecoder::new(reply_bytes_max),
            fatal: None,
        }
    }

    /// Adds a request to the output. `opcode` chooses the form (quiet, with key) of `command`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a key that is empty or longer than 250 bytes, a value above 1 GiB, or
    /// an unknown command; nothing is added then.
    pub fn submit(&mut self, opcode: Opcode, cas: u64, command: Command) -> Result<Ticket, Error> {
        Self::check(&command)?;
        let ticket = Ticket(self.next_opaque);
        let request = Request { opcode, opaque: ticket.0, cas, command };
        request.encode(&mut self.output);
        self.next_opaque = self.next_opaque.wrapping_add(1);
        let key = key_of(request.command);
        self.pending.push_back(Pending { ticket, opcode, key, stats: Vec::new() });
        Ok(ticket)
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
    pub fn check(command: &Command) -> Result<(), Error> {
        match command {
            Command::Get { key }
            | Command::Delete { key }
            | Command::Arithmetic { key, .. }
            | Command::Touch { key, .. }
            | Command::GetAndTouch { key, .. } => check_key(key),
            Command::Store { key, value, .. } | Command::Concat { key, value, .. } => {
                check_key(key)?;
                check_value(value)
            }
            Command::Stat { group } if group.len() > KEY_MAX => {
                Err(Error::invalid("the group's name is longer than 250 bytes"))
            }
            Command::SaslAuth { payload, .. } | Command::SaslStep { payload, .. } => {
                check_value(payload)
            }
            Command::Unknown => Err(Error::invalid("an unknown command")),
            _ => Ok(()),
        }
    }

    /// The status after which the server closes the connection, if it has sent one: invalid
    /// arguments, or an authentication error outside of SASL and FLUSH (MCB-SAS-07, MCB-FLU-10).
    pub fn fatal(&self) -> Option<Status> {
        self.fatal
    }

    /// The request that a reply with that opaque answers; the quiet ones before it are settled.
    fn match_pending(&mut self, opaque: u32) -> Result<Pending, Violation> {
        while let Some(pending) = self.pending.pop_front() {
            if pending.ticket.0 == opaque {
                return Ok(pending);
            }
            if !pending.opcode.is_quiet() {
                return Violation::check("opaque", pending.ticket.0, opaque).map(|()| pending);
            }
            self.settled.push_back(Answer { ticket: pending.ticket, outcome: Outcome::Silent });
        }
        Err(Violation::Shape("a reply to no pending request"))
    }

    fn accept(&mut self, frame: Frame) -> Result<(), Violation> {
        Violation::check("data type", 0u8, frame.header.data_type)?;
        let mut pending = self.match_pending(frame.header.opaque)?;
        Violation::check("opcode", pending.opcode.0, frame.header.opcode.0)?;
        let outcome = if pending.opcode == Opcode::STAT {
            let Some(outcome) = accept_stat(&mut pending, &frame)? else {
                self.pending.push_front(pending);
                return Ok(());
            };
            outcome
        } else {
            outcome::read(&pending.key, frame)?
        };
        self.note_fatal(pending.opcode, &outcome);
        self.settled.push_back(Answer { ticket: pending.ticket, outcome });
        Ok(())
    }

    fn note_fatal(&mut self, opcode: Opcode, outcome: &Outcome) {
        let sasl = matches!(opcode, Opcode::SASL_AUTH | Opcode::SASL_STEP);
        let exempt = sasl || opcode.loud() == Opcode::FLUSH;
        match outcome {
            Outcome::Refused(status @ Status::INVALID_ARGUMENTS) if !sasl => {
                self.fatal = Some(*status);
            }
            Outcome::Refused(status @ Status::AUTH_ERROR) if !exempt => self.fatal = Some(*status),
            _ => {}
        }
    }
}

impl Conversation for Core {
    type Answer = Answer;

    const ANSWERS_ARE_NAMED: bool = true;

    fn take_output(&mut self) -> BytesMut {
        self.output.split()
    }

    fn receive(&mut self, input: &mut BytesMut) -> Result<Option<Answer>, Violation> {
        loop {
            if let Some(answer) = self.settled.pop_front() {
                return Ok(Some(answer));
            }
            if self.pending.is_empty() {
                return Ok(None);
            }
            let Some(frame) = self.decoder.decode(input)? else {
                return Ok(None);
            };
            self.accept(frame)?;
        }
    }

    fn is_waiting(&self) -> bool {
        !self.pending.is_empty() || !self.settled.is_empty()
    }
}

/// MCB-STT-01: one packet a statistic, then one with an empty body; MCB-STT-05: an error is a single
/// packet.
fn accept_stat(pending: &mut Pending, frame: &Frame) -> Result<Option<Outcome>, Violation> {
    let status = frame.status();
    if status != Status::SUCCESS {
        return outcome::read_refusal(Opcode::STAT, status, &[], frame).map(Some);
    }
    Violation::check("extras length of a statistic", 0u8, frame.header.extras_len)?;
    if !frame.key.is_empty() {
        // Copied, because a slice would keep the whole input buffer in memory.
        let name = Bytes::copy_from_slice(&frame.key);
        pending.stats.push((name, Bytes::copy_from_slice(&frame.value)));
        return Ok(None);
    }
    Violation::check("body length of the last statistic", 0u32, frame.header.body_len)?;
    Ok(Some(Outcome::Stats(std::mem::take(&mut pending.stats))))
}

/// What a reply may have to repeat.
fn key_of(command: Command) -> Bytes {
    match command {
        Command::Get { key }
        | Command::Store { key, .. }
        | Command::Concat { key, .. }
        | Command::Delete { key }
        | Command::Arithmetic { key, .. }
        | Command::Touch { key, .. }
        | Command::GetAndTouch { key, .. } => key,
        _ => Bytes::new(),
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
