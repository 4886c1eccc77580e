//! Replies: what a server answers, as packets, and what a client reads back out of a packet.
//! It leaves out when a reply is withheld: the caller asks [`Opcode::suppresses`] first.

use alloc::vec;
use alloc::vec::Vec;

use bytes::{Buf, Bytes, BytesMut};

use super::header::{Parts, at};
use super::{Frame, Header, MAGIC_REPLY, Opcode, Status};
use crate::FrameError;

/// What the server answers.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "the fields are the contents of the variant's own line")]
pub enum Reply {
    /// Success, empty body, CAS 0: DELETE, FLUSH, NOOP, QUIT (MCB-HDR-14).
    Done,
    /// Success, empty body, the item's new CAS: SET, ADD, REPLACE, APPEND, PREPEND.
    Stored { cas: u64 },
    /// A hit of the GET and GAT families; the key is echoed where the opcode asks for it.
    Found { flags: u32, cas: u64, value: Bytes },
    /// TOUCH, with the item's flags as memcached 1.6 sends them (MCB-TCH-03).
    Touched { flags: u32, cas: u64 },
    /// INCREMENT and DECREMENT: the new count.
    Counter { value: u64, cas: u64 },
    /// VERSION, the SASL mechanisms, "Authenticated".
    Text(Bytes),
    /// A SASL challenge.
    AuthContinue(Bytes),
    /// Names and values, a packet each, then the terminator. A statistic with an empty name would
    /// read as the terminator, and is left out.
    Stats(Vec<(Bytes, Bytes)>),
    /// An error with the status's own text. A GETK or GATK miss carries the key instead
    /// (MCB-GET-04).
    Failed { status: Status },
    /// An error with other words.
    FailedWith { status: Status, text: &'static str },
}

impl Reply {
    /// The status of the (first) packet.
    pub const fn status(&self) -> Status {
        match self {
            Self::Done
            | Self::Stored { .. }
            | Self::Found { .. }
            | Self::Touched { .. }
            | Self::Counter { .. }
            | Self::Text(_)
            | Self::Stats(_) => Status::SUCCESS,
            Self::AuthContinue(_) => Status::AUTH_CONTINUE,
            Self::Failed { status } | Self::FailedWith { status, .. } => *status,
        }
    }

    /// Appends the packet, or packets, to `out`; `key` is the request's key, echoed where the opcode
    /// asks for it.
    pub fn encode(&self, opcode: Opcode, opaque: u32, key: &[u8], out: &mut BytesMut) {
        let echo: &[u8] = if opcode.with_key() { key } else { &[] };
        let header = |cas| header(opcode, self.status(), opaque, cas);
        match self {
            Self::Done => header(0).encode(out),
            Self::Stored { cas } => header(*cas).encode(out),
            Self::Found { flags, cas, value } => {
                Parts { extras: &flags.to_be_bytes(), key: echo, value, announced: 0 }
                    .encode(header(*cas), out);
            }
            Self::Touched { flags, cas } => {
                Parts { extras: &flags.to_be_bytes(), ..Parts::default() }
                    .encode(header(*cas), out);
            }
            Self::Counter { value, cas } => {
                Parts { value: &value.to_be_bytes(), ..Parts::default() }.encode(header(*cas), out);
            }
            Self::Text(value) | Self::AuthContinue(value) => {
                Parts { value, ..Parts::default() }.encode(header(0), out);
            }
            Self::Stats(pairs) => encode_stats(pairs, header(0), out),
            Self::Failed { status: Status::KEY_NOT_FOUND } if !echo.is_empty() => {
                Parts { key: echo, ..Parts::default() }.encode(header(0), out);
            }
            Self::Failed { status } => {
                Parts { value: status.text().as_bytes(), ..Parts::default() }
                    .encode(header(0), out);
            }
            Self::FailedWith { text, .. } => {
                Parts { value: text.as_bytes(), ..Parts::default() }.encode(header(0), out);
            }
        }
    }

    /// Reads one packet, by its opcode. A STAT packet gives [`Reply::Stats`] with its one pair, the
    /// terminator gives it with none. An error gives [`Reply::Failed`]; its words stay in the frame.
    ///
    /// # Errors
    ///
    /// The server broke the protocol: parts that this opcode's success reply does not have.
    pub fn from_frame(frame: &Frame) -> Result<Self, FrameError> {
        let (status, value, cas) = (frame.status(), frame.value.clone(), frame.header.cas);
        if status == Status::AUTH_CONTINUE {
            return Ok(Self::AuthContinue(value));
        }
        if status != Status::SUCCESS {
            return Ok(Self::Failed { status });
        }
        Ok(match frame.header.opcode.loud() {
            Opcode::GET | Opcode::GETK | Opcode::GAT | Opcode::GATK => {
                Self::Found { flags: flags(frame)?, cas, value }
            }
            // Servers send flags or nothing, and clients accept both (MCB-TCH-03).
            Opcode::TOUCH if frame.extras.is_empty() => Self::Touched { flags: 0, cas },
            Opcode::TOUCH => Self::Touched { flags: flags(frame)?, cas },
            Opcode::INCREMENT | Opcode::DECREMENT => Self::Counter { value: count(frame)?, cas },
            Opcode::SET | Opcode::ADD | Opcode::REPLACE | Opcode::APPEND | Opcode::PREPEND => {
                empty(frame).map(|()| Self::Stored { cas })?
            }
            Opcode::DELETE | Opcode::FLUSH | Opcode::NOOP | Opcode::QUIT => {
                empty(frame).map(|()| Self::Done)?
            }
            Opcode::STAT if frame.key.is_empty() => Self::Stats(Vec::new()),
            Opcode::STAT => Self::Stats(vec![(frame.key.clone(), value)]),
            Opcode::VERSION | Opcode::SASL_LIST_MECHS | Opcode::SASL_AUTH | Opcode::SASL_STEP => {
                Self::Text(value)
            }
            Opcode(code) => {
                let reason = "success for an unknown opcode";
                return Err(FrameError::new("opcode", at::OPCODE, code.into(), reason));
            }
        })
    }
}

/// A reply's header; the lengths are 0.
const fn header(opcode: Opcode, status: Status, opaque: u32, cas: u64) -> Header {
    Header {
        magic: MAGIC_REPLY,
        opcode,
        key_len: 0,
        extras_len: 0,
        data_type: 0,
        status_or_vbucket: status.0,
        body_len: 0,
        opaque,
        cas,
    }
}

/// A packet a statistic, then one with neither key nor value (MCB-STT-01).
fn encode_stats(pairs: &[(Bytes, Bytes)], header: Header, out: &mut BytesMut) {
    for (name, value) in pairs.iter().filter(|(name, _)| !name.is_empty()) {
        Parts { key: name, value, ..Parts::default() }.encode(header, out);
    }
    header.encode(out);
}

/// A hit has exactly four bytes of extras (MCB-GET-01).
fn flags(frame: &Frame) -> Result<u32, FrameError> {
    <[u8; 4]>::try_from(&frame.extras[..]).map(u32::from_be_bytes).map_err(|_| {
        let len = u64::from(frame.header.extras_len);
        FrameError::new("extras length", at::EXTRAS_LEN, len, "flags are 4 bytes")
    })
}

/// A counter's reply has exactly eight bytes of value and nothing else (MCB-ARI-02).
fn count(frame: &Frame) -> Result<u64, FrameError> {
    let body_len = u64::from(frame.header.body_len);
    if body_len == size_of::<u64>() as u64
        && let Ok(count) = frame.value.clone().try_get_u64()
    {
        return Ok(count);
    }
    Err(FrameError::new("body length", at::BODY_LEN, body_len, "a count is 8 bytes of value"))
}

/// These replies have no body (MCB-STA-02).
fn empty(frame: &Frame) -> Result<(), FrameError> {
    match frame.header.body_len {
        0 => Ok(()),
        len => Err(FrameError::new("body length", at::BODY_LEN, len.into(), "must be empty")),
    }
}
