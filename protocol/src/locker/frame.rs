//! Request frames, and the decoder of what a server reads. It leaves out the body's contents.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::{Dialect, Layout};
use crate::FrameError;

/// What a server accepts, and a client sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Longest body, in bytes; a longer one ends the connection (LKR-106).
    pub body_max: u64,
    /// Most keys in a request, duplicates counted (LKR-107).
    pub keys_max: usize,
    /// Longest key, in bytes (LKR-107).
    pub key_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_max: 1 << 20, keys_max: 1024, key_max: 1024 }
    }
}

/// A request with its body not yet taken apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    /// The command; compared as unsigned, unknown values are kept.
    pub cmd: u8,
    /// How many keys the client says the body has. It never sizes memory (LKR-103).
    pub number: i32,
    /// Keys and separators; it shares memory with the input buffer.
    pub body: Bytes,
}

/// A length over the limit: answer `TooLarge` to `cmd` at once, then close (LKR-106).
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("{error}")]
#[non_exhaustive]
pub struct TooLarge {
    /// The command to answer.
    pub cmd: u8,
    /// The length, its offset, and the limit's name.
    pub error: FrameError,
}

/// Incremental decoder for what a server reads.
///
/// With `Ok(None)` the input holds the beginning of one frame: at most a header and `body_max` bytes.
/// An empty input is always the border of two frames.
#[derive(Clone, Debug)]
pub struct RequestDecoder {
    layout: Layout,
    limits: Limits,
}

impl RequestDecoder {
    /// A decoder at the start of a stream.
    pub const fn new(dialect: Dialect, limits: Limits) -> Self {
        Self { layout: dialect.layout, limits }
    }

    /// Takes the next frame off `input`; `Ok(None)` asks for more bytes.
    ///
    /// # Errors
    ///
    /// A length over the limit, as soon as the header is there. Decoding again gives the same error.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, TooLarge> {
        let Some((cmd, number, length)) = self.peek(input) else { return Ok(None) };
        if length > self.limits.body_max {
            let at = self.layout.length_at();
            let error = FrameError::new("length", at, length, "above the limit");
            return Err(TooLarge { cmd, error });
        }
        let header_len = self.layout.header_len();
        let Ok(length) = usize::try_from(length) else { return Ok(None) };
        if input.len() - header_len < length {
            return Ok(None);
        }
        input.advance(header_len);
        let body = if length == 0 { Bytes::new() } else { input.split_to(length).freeze() };
        Ok(Some(Frame { cmd, number, body }))
    }

    /// For want of memory: the error of the frame that `input` begins with, as if it were over the limit. None if its
    /// header is not there yet.
    pub fn gives_up(&self, input: &BytesMut) -> Option<TooLarge> {
        let (cmd, _, length) = self.peek(input)?;
        let error = FrameError::new("length", self.layout.length_at(), length, "no memory");
        Some(TooLarge { cmd, error })
    }

    /// The header's fields, left where they are; the padding is never looked at (LKR-002).
    fn peek(&self, input: &BytesMut) -> Option<(u8, i32, u64)> {
        let header = input.get(..self.layout.header_len())?;
        let &cmd = header.first()?;
        let mut fields = header.get(self.layout.number_at()..)?;
        Some((cmd, fields.try_get_i32_le().ok()?, fields.try_get_u64_le().ok()?))
    }
}

pub(super) fn put_header(layout: Layout, cmd: u8, number: i32, length: u64, out: &mut BytesMut) {
    let body_len = usize::try_from(length).unwrap_or(0);
    out.reserve(layout.header_len().saturating_add(body_len));
    out.put_u8(cmd);
    out.put_bytes(0, layout.number_at() - size_of::<u8>());
    out.put_i32_le(number);
    out.put_u64_le(length);
}
