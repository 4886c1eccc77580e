//! The 13-byte header and the type codes. It leaves out which types carry a payload.

use core::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::FrameError;

/// Bytes of a header.
pub const HEADER_LEN: usize = 13;

/// The longest payload that is consumed by default, in bytes (NM-SIZE-03).
pub const PAYLOAD_BYTES_MAX: u32 = 16 << 20;

/// Where the fields start that errors name.
pub(super) mod at {
    pub(crate) const KIND: usize = 0;
    pub(crate) const LENGTH: usize = 5;
}

/// A frame's type; a success reply repeats the request's.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Kind(pub u8);

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal;)+) => {
        impl Kind {
            $($(#[doc = $doc])* pub const $name: Self = Self($code);)+
        }

        impl fmt::Display for Kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Self::$name => f.pad(stringify!($name)),)+
                    Self(other) => write!(f, "{other}"),
                }
            }
        }
    };
}

kinds! {
    /// API and server version.
    GET_VERSION = 0;
    /// Number of pages, and bytes per page.
    GET_PARAMS = 1;
    /// Read a page.
    READ_PAGE = 2;
    /// Lock a page, and read it.
    LOCK_PAGE = 3;
    /// Write a locked page, and unlock it.
    UNLOCK_PAGE = 4;
    /// Write a page: lock, write and unlock in one.
    UPDATE_PAGE = 5;
    /// Reply: the index is not below the number of pages.
    NO_SUCH_PAGE = 100;
    /// Reply: the caller does not hold the page.
    PAGE_NOT_LOCKED = 101;
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A header, as it is on the wire: nothing is checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// What is asked, or what was.
    pub kind: Kind,
    /// The page index; in a `GET_PARAMS` reply the number of pages.
    pub offset: u32,
    /// Bytes of payload, where the type has one.
    pub length: u32,
    /// The page's version, or four version bytes, or the bytes per page.
    pub version: i32,
}

impl Header {
    /// A header without payload.
    pub const fn bare(kind: Kind, offset: u32, version: i32) -> Self {
        Self { kind, offset, length: 0, version }
    }

    /// Takes the fields apart.
    pub const fn parse(bytes: &[u8; HEADER_LEN]) -> Self {
        let &[kind, o0, o1, o2, o3, l0, l1, l2, l3, v0, v1, v2, v3] = bytes;
        Self {
            kind: Kind(kind),
            offset: u32::from_be_bytes([o0, o1, o2, o3]),
            length: u32::from_be_bytes([l0, l1, l2, l3]),
            version: i32::from_be_bytes([v0, v1, v2, v3]),
        }
    }

    /// Appends the 13 bytes to `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u8(self.kind.0);
        out.put_u32(self.offset);
        out.put_u32(self.length);
        out.put_i32(self.version);
    }

    /// Appends the header and `payload`, whose length replaces the header's. Bytes beyond what the
    /// length field can express are cut off, so that framing stays whole.
    pub(super) fn encode_with(mut self, payload: &[u8], out: &mut BytesMut) {
        self.length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.encode(out);
        out.extend_from_slice(payload.get(..self.length as usize).unwrap_or(payload));
    }

    /// The header at the start of `input`, left where it is.
    pub(super) fn peek(input: &BytesMut) -> Option<Self> {
        input.first_chunk().map(Self::parse)
    }

    pub(super) const fn check_length(&self, payload_max: u32) -> Result<(), FrameError> {
        if self.length <= payload_max {
            return Ok(());
        }
        Err(self.bad_length("above the limit"))
    }

    pub(super) const fn bad_length(&self, reason: &'static str) -> FrameError {
        FrameError::new("length", at::LENGTH, self.length as u64, reason)
    }

    pub(super) const fn bad_kind(&self, reason: &'static str) -> FrameError {
        FrameError::new("type", at::KIND, self.kind.0 as u64, reason)
    }
}

/// Splits a header and `length` bytes of payload off the input, if all of it is there.
pub(super) fn take(input: &mut BytesMut, length: u32) -> Option<Bytes> {
    let length = usize::try_from(length).ok()?;
    if input.len().checked_sub(HEADER_LEN)? < length {
        return None;
    }
    input.advance(HEADER_LEN);
    Some(if length == 0 { Bytes::new() } else { input.split_to(length).freeze() })
}
