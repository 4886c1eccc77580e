//! Replies: what a server answers, as packets.
//! It leaves out when a reply is withheld (the caller asks [`Opcode::suppresses`] first), and what a
//! client makes of a packet, which depends on its request.

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use super::header::Parts;
use super::{Header, MAGIC_REPLY, Opcode, Status};

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
}

impl Reply {
    /// Appends all of a [`Found`](Self::Found) but its value of `value_len` bytes, which the caller sends behind it.
    pub fn put_found(
        flags: u32,
        cas: u64,
        value_len: usize,
        opcode: Opcode,
        opaque: u32,
        key: &[u8],
        out: &mut BytesMut,
    ) {
        let key = if opcode.with_key() { key } else { &[] };
        let announced = u32::try_from(value_len).unwrap_or(u32::MAX);
        Parts { extras: &flags.to_be_bytes(), key, value: &[], announced }
            .encode(header(opcode, Status::SUCCESS, opaque, cas), out);
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
