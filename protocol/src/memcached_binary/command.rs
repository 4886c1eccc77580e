//! Requests: what a frame asks for, and a request's bytes.
//! It leaves out what a command does, and when a quiet reply is withheld (see [`Opcode::suppresses`]).

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::header::{Parts, at};
use super::{Frame, Header, MAGIC_REQUEST, Opcode, Status};
use crate::FrameError;
use crate::memcached::{Command, Direction, Side, StoreMode, Value};

/// What a client asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The opcode, which also says whether the reply is quiet and carries the key.
    pub opcode: Opcode,
    /// Repeated in every packet of the reply.
    pub opaque: u32,
    /// CAS to match; 0 checks nothing.
    pub cas: u64,
    /// The arguments.
    pub command: Command,
}

/// The frame is whole and its contents are not right: answer `status`, and carry on.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("{opcode}: {error}")]
#[non_exhaustive]
pub struct CommandError {
    /// The opcode to repeat.
    pub opcode: Opcode,
    /// The opaque to repeat.
    pub opaque: u32,
    /// The status to answer.
    pub status: Status,
    /// What was wrong.
    pub error: FrameError,
}

impl Request {
    /// Reads a frame's contents.
    ///
    /// # Errors
    ///
    /// Extras that are too short for the opcode. A frame from
    /// [`RequestDecoder`](super::RequestDecoder) has the right shape already, so this is for frames
    /// that were made by hand.
    pub fn from_frame(frame: Frame) -> Result<Self, CommandError> {
        let Header { opcode, opaque, cas, .. } = frame.header;
        let fail =
            |error| CommandError { opcode, opaque, status: Status::INVALID_ARGUMENTS, error };
        let command = Command::from_frame(frame).map_err(fail)?;
        Ok(Self { opcode, opaque, cas, command })
    }

    /// Appends the request to `out`. The opcode goes out as it stands, whatever the command is.
    ///
    /// [`Value::TooLarge`] and [`Value::NoMemory`] are announced, and their bytes are left to the caller to write.
    pub fn encode(&self, out: &mut BytesMut) {
        let mut extras = [0; EXTRAS_MAX];
        let extras_len = self.command.put_extras(&mut extras);
        let (value, announced) = match self.command.value() {
            Some(Value::Present(bytes)) => (&bytes[..], 0),
            Some(Value::TooLarge(len) | Value::NoMemory(len)) => (&[][..], *len),
            None => (&[][..], 0),
        };
        Parts {
            extras: extras.get(..extras_len).unwrap_or_default(),
            key: self.key().map_or(&[], |key| &key[..]),
            value,
            announced,
        }
        .encode(self.header(), out);
    }

    /// The key, or what stands in its place: a statistics group, a mechanism.
    pub fn key(&self) -> Option<&Bytes> {
        self.command.key()
    }

    /// A header whose lengths are still to be filled in.
    const fn header(&self) -> Header {
        Header {
            magic: MAGIC_REQUEST,
            opcode: self.opcode,
            key_len: 0,
            extras_len: 0,
            data_type: 0,
            status_or_vbucket: 0,
            body_len: 0,
            opaque: self.opaque,
            cas: self.cas,
        }
    }
}

/// The longest extras of a request: a counter's.
const EXTRAS_MAX: usize = 20;
const _: () = assert!(EXTRAS_MAX == size_of::<u64>() * 2 + size_of::<u32>());

impl Command {
    fn from_frame(frame: Frame) -> Result<Self, FrameError> {
        let opcode = frame.header.opcode;
        let Frame { extras, key, value, skipped, lacked_memory, .. } = frame;
        let value = match skipped {
            0 => Value::Present(value),
            len if lacked_memory => Value::NoMemory(len),
            len => Value::TooLarge(len),
        };
        Ok(match opcode.loud() {
            Opcode::GET | Opcode::GETK => Self::Get { key },
            Opcode::SET => Self::store(StoreMode::Set, key, &extras, value)?,
            Opcode::ADD => Self::store(StoreMode::Add, key, &extras, value)?,
            Opcode::REPLACE => Self::store(StoreMode::Replace, key, &extras, value)?,
            Opcode::APPEND => Self::Concat { side: Side::Append, key, value },
            Opcode::PREPEND => Self::Concat { side: Side::Prepend, key, value },
            Opcode::DELETE => Self::Delete { key },
            Opcode::INCREMENT => Self::arithmetic(Direction::Increment, key, &extras)?,
            Opcode::DECREMENT => Self::arithmetic(Direction::Decrement, key, &extras)?,
            Opcode::TOUCH => Self::Touch { key, expiry: number(&extras)? },
            Opcode::GAT | Opcode::GATK => Self::GetAndTouch { key, expiry: number(&extras)? },
            Opcode::FLUSH if extras.is_empty() => Self::Flush { delay: 0 },
            Opcode::FLUSH => Self::Flush { delay: number(&extras)? },
            Opcode::NOOP => Self::Noop,
            Opcode::VERSION => Self::Version,
            Opcode::QUIT => Self::Quit,
            Opcode::STAT => Self::Stat { group: key },
            Opcode::SASL_LIST_MECHS => Self::SaslListMechs,
            Opcode::SASL_AUTH => Self::SaslAuth { mechanism: key, payload: value },
            Opcode::SASL_STEP => Self::SaslStep { mechanism: key, payload: value },
            _ => Self::Unknown,
        })
    }

    fn store(
        mode: StoreMode,
        key: Bytes,
        mut extras: &[u8],
        value: Value,
    ) -> Result<Self, FrameError> {
        let short = short_extras(extras);
        let flags = extras.try_get_u32().map_err(|_| short)?;
        let expiry = extras.try_get_u32().map_err(|_| short)?;
        Ok(Self::Store { mode, key, flags, expiry, value })
    }

    fn arithmetic(direction: Direction, key: Bytes, mut extras: &[u8]) -> Result<Self, FrameError> {
        let short = short_extras(extras);
        let delta = extras.try_get_u64().map_err(|_| short)?;
        let initial = extras.try_get_u64().map_err(|_| short)?;
        let expiry = extras.try_get_u32().map_err(|_| short)?;
        Ok(Self::Arithmetic { direction, key, delta, initial, expiry })
    }

    /// Writes the extras and says how many bytes they are.
    fn put_extras(&self, mut out: &mut [u8]) -> usize {
        let room = out.len();
        match *self {
            Self::Store { flags, expiry, .. } => {
                out.put_u32(flags);
                out.put_u32(expiry);
            }
            Self::Arithmetic { delta, initial, expiry, .. } => {
                out.put_u64(delta);
                out.put_u64(initial);
                out.put_u32(expiry);
            }
            Self::Touch { expiry: seconds, .. }
            | Self::GetAndTouch { expiry: seconds, .. }
            | Self::Flush { delay: seconds } => out.put_u32(seconds),
            _ => {}
        }
        room - out.len()
    }

    const fn value(&self) -> Option<&Value> {
        match self {
            Self::Store { value, .. }
            | Self::Concat { value, .. }
            | Self::SaslAuth { payload: value, .. }
            | Self::SaslStep { payload: value, .. } => Some(value),
            _ => None,
        }
    }
}

fn number(mut extras: &[u8]) -> Result<u32, FrameError> {
    let short = short_extras(extras);
    extras.try_get_u32().map_err(|_| short)
}

const fn short_extras(extras: &[u8]) -> FrameError {
    FrameError::new("extras length", at::EXTRAS_LEN, extras.len() as u64, "too short")
}
