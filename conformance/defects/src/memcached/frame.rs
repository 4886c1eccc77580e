//! Frames: a header of 24 bytes and a body of extras, key and value. Left out: what they mean.

use super::defect::{Active, Switch};

/// The bytes of a header.
pub(super) const HEADER_BYTES: usize = 24;

/// The header of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) magic: u8,
    pub(super) opcode: u8,
    pub(super) key: usize,
    pub(super) extras: usize,
    pub(super) data_type: u8,
    pub(super) vbucket: u16,
    pub(super) body: usize,
    pub(super) opaque: u32,
    pub(super) cas: u64,
}

impl Header {
    /// Any 24 bytes are a header.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self {
            magic: bytes[0],
            opcode: bytes[1],
            key: usize::from(u16_at(bytes, 2)),
            extras: usize::from(bytes[4]),
            data_type: bytes[5],
            vbucket: u16_at(bytes, 6),
            body: usize::try_from(u32_at(bytes, 8)).unwrap_or(usize::MAX),
            opaque: u32_at(bytes, 12),
            cas: u64_at(bytes, 16),
        }
    }

    /// How long the value is. A body that is shorter than extras and key has none.
    pub(super) fn value(&self) -> usize {
        self.body.saturating_sub(self.extras + self.key)
    }
}

/// A request whose body has come.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) header: Header,
    pub(super) extras: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

impl Request {
    /// Cuts a body of `header.body` bytes.
    pub(super) fn new(header: Header, mut body: Vec<u8>) -> Self {
        let mut rest = body.split_off(header.extras.min(body.len()));
        let value = rest.split_off(header.key.min(rest.len()));
        Self { header, extras: body, key: rest, value }
    }

    /// A number in the extras; what is missing of it is zeros.
    pub(super) fn u32_at(&self, offset: usize) -> u32 {
        let mut extras = self.extras.clone();
        extras.resize(extras.len().max(offset + 4), 0);
        u32_at(&extras, offset)
    }

    /// As `u32_at`, for the longer ones.
    pub(super) fn u64_at(&self, offset: usize) -> u64 {
        u64::from(self.u32_at(offset)) << 32 | u64::from(self.u32_at(offset + 4))
    }
}

fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_be_bytes([bytes[offset], bytes[offset + 1]])
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from(u16_at(bytes, offset)) << 16 | u32::from(u16_at(bytes, offset + 2))
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from(u32_at(bytes, offset)) << 32 | u64::from(u32_at(bytes, offset + 4))
}

/// A status other than success.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Status {
    NotFound,
    Exists,
    TooLarge,
    Invalid,
    NotStored,
    NotANumber,
    WrongVbucket,
    Auth,
    Unknown,
    OutOfMemory,
    NotSupported,
}

impl Status {
    fn code_and_text(self) -> (u16, &'static str) {
        match self {
            Self::NotFound => (0x01, "not found"),
            Self::Exists => (0x02, "exists"),
            Self::TooLarge => (0x03, "too large"),
            Self::Invalid => (0x04, "invalid arguments"),
            Self::NotStored => (0x05, "not stored"),
            Self::NotANumber => (0x06, "not a number"),
            Self::WrongVbucket => (0x07, "not my vbucket"),
            Self::Auth => (0x20, "authentication error"),
            Self::Unknown => (0x81, "unknown command"),
            Self::OutOfMemory => (0x82, "out of memory"),
            Self::NotSupported => (0x83, "not supported"),
        }
    }
}

/// A reply, but for what its request says: opcode and opaque.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    pub(super) error: Option<Status>,
    pub(super) extras: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) cas: u64,
}

impl Reply {
    /// Success with nothing but a CAS.
    pub(super) fn with_cas(cas: u64) -> Self {
        Self { cas, ..Self::default() }
    }

    /// An error with its text.
    pub(super) fn error(status: Status, active: Active) -> Self {
        let mut text = status.code_and_text().1.to_owned();
        match active.0 {
            Some(Switch::ErrorsHaveNoText) => text.clear(),
            Some(Switch::ErrorTextHasALineEnd) => text.push_str("\r\n"),
            Some(Switch::ErrorTextHasANul) => text.push('\0'),
            _ => {}
        }
        Self { error: Some(status), value: text.into(), ..Self::default() }
    }

    /// The reply to a request with that header, on the wire.
    pub(super) fn encode(&self, request: &Header, active: Active) -> Vec<u8> {
        let status = self.error.map_or(0, |error| error.code_and_text().0);
        let mut head = [0; HEADER_BYTES];
        head[0] = 0x81;
        head[1] = request.opcode;
        head[2..4].copy_from_slice(&low_bytes::<2>(self.key.len()));
        head[4..5].copy_from_slice(&low_bytes::<1>(self.extras.len()));
        head[6..8].copy_from_slice(&status.to_be_bytes());
        let body = self.extras.len() + self.key.len() + self.value.len();
        head[8..12].copy_from_slice(&low_bytes::<4>(body));
        head[12..16].copy_from_slice(&request.opaque.to_be_bytes());
        head[16..24].copy_from_slice(&self.cas.to_be_bytes());
        self.bend(&mut head, request, active);
        let (key, value) = (self.key.as_slice(), self.value.as_slice());
        let rest =
            if active.is(Switch::GetkKeyIsBehindTheValue) { [value, key] } else { [key, value] };
        [head.as_slice(), &self.extras, rest[0], rest[1]].concat()
    }

    /// The defects of headers.
    fn bend(&self, head: &mut [u8; HEADER_BYTES], request: &Header, active: Active) {
        let Some(switch) = active.0 else { return };
        match switch {
            Switch::ErrorsHaveTheRequestMagic if self.error.is_some() => head[0] = 0x80,
            Switch::UnknownIsAnsweredAsZero if self.error == Some(Status::Unknown) => head[1] = 0,
            Switch::QuietRepliesHaveTheLoudOpcode => {
                head[1] = super::opcode::loud(request.opcode);
            }
            Switch::StatusIsLittleEndian => head[6..8].reverse(),
            Switch::OpaqueIsSwapped => head[12..16].reverse(),
            Switch::OpaqueIsZeroOnErrors if self.error.is_some() => head[12..16].fill(0),
            Switch::OpaqueIsZeroOnFatalErrors if self.error == Some(Status::Invalid) => {
                head[12..16].fill(0);
            }
            Switch::OpaqueLosesTheTopBit => head[12] &= 0x7f,
            Switch::StatPacketsLoseTheOpaque if request.opcode == 0x10 && !self.key.is_empty() => {
                head[12..16].fill(0);
            }
            Switch::DataTypeIsEchoed => head[5] = request.data_type,
            Switch::DataTypeIsOne if !self.extras.is_empty() => head[5] = 1,
            Switch::ExtrasLengthIsZero => head[4] = 0,
            Switch::KeyLengthIsZero => head[2..4].fill(0),
            Switch::BodyLengthForgetsTheExtras => {
                let body = self.key.len() + self.value.len();
                head[8..12].copy_from_slice(&low_bytes::<4>(body));
            }
            _ => {}
        }
    }
}

/// The low bytes of a length, big-endian.
fn low_bytes<const N: usize>(length: usize) -> [u8; N] {
    let all = length.to_be_bytes();
    std::array::from_fn(|at| all[all.len() - N + at])
}
