//! Replies: two bytes, always (LKR-003), and the decoder of what a client reads.

use bytes::{Buf, BytesMut};

use super::command::CMDS;
use super::{Dialect, Results};
use crate::FrameError;

/// How a request ended.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// Done; for a query: every key is free.
    Ok,
    /// At least one key is held by another session.
    Busy,
    /// Release refused: at least one key is not held by this session.
    NotHeld,
    /// Number, body and command do not fit together, or a key is empty.
    Malformed,
    /// The command is outside 122 to 127.
    UnknownCommand,
    /// Length, number of keys or a key's size is over a limit.
    TooLarge,
    /// A limit of the lock table or of the session is reached.
    NoResources,
    /// No key is held by another, at least one by this session.
    SelfHeld,
}

impl Outcome {
    /// Every outcome, in the order of the small numbers.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::Busy,
        Self::NotHeld,
        Self::Malformed,
        Self::UnknownCommand,
        Self::TooLarge,
        Self::NoResources,
        Self::SelfHeld,
    ];

    /// The result byte in a dialect.
    pub const fn to_byte(self, results: Results) -> u8 {
        let (small, errno) = match self {
            Self::Ok => (0, 0),
            Self::Busy => (1, 16),
            Self::NotHeld => (2, 1),
            Self::Malformed => (3, 22),
            Self::UnknownCommand => (4, 38),
            Self::TooLarge => (5, 90),
            Self::NoResources => (6, 12),
            Self::SelfHeld => (7, 114),
        };
        match results {
            Results::Small => small,
            Results::Errno => errno,
        }
    }

    /// The outcome of a result byte in a dialect; `None` for a number that means nothing.
    pub fn from_byte(byte: u8, results: Results) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.to_byte(results) == byte)
    }
}

/// What the server answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reply {
    /// 128 less the request's command; 0 for an unknown command (LKR-004, LKR-101).
    pub cmd: u8,
    /// How the request ended.
    pub outcome: Outcome,
}

impl Reply {
    /// The reply to a request's command byte.
    pub fn to(request_cmd: u8, outcome: Outcome) -> Self {
        let cmd = if CMDS.contains(&request_cmd) { 128 - request_cmd } else { 0 };
        Self { cmd, outcome }
    }

    /// Appends the two bytes to `out`.
    pub fn encode(&self, dialect: Dialect, out: &mut BytesMut) {
        out.extend_from_slice(&[self.cmd, self.outcome.to_byte(dialect.results)]);
    }
}

/// Incremental decoder for what a client reads.
#[derive(Clone, Debug)]
pub struct ReplyDecoder {
    results: Results,
}

impl ReplyDecoder {
    /// A decoder at the start of a stream.
    pub const fn new(dialect: Dialect) -> Self {
        Self { results: dialect.results }
    }

    /// Takes the next reply off `input`; `Ok(None)` asks for more bytes.
    ///
    /// # Errors
    ///
    /// A result that the dialect does not have.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Reply>, FrameError> {
        let Some(&[cmd, result]) = input.first_chunk() else { return Ok(None) };
        let Some(outcome) = Outcome::from_byte(result, self.results) else {
            return Err(FrameError::new("result", 1, result.into(), "not in this dialect"));
        };
        input.advance(2);
        Ok(Some(Reply { cmd, outcome }))
    }
}
