//! Incremental decoders: what a server reads, and what a client reads.
//!
//! Both look at the header in place and split whole frames off the input; nothing is copied, and
//! nothing is reserved by a number that a peer sent. What they leave out: the contents of a frame.
//!
//! Memory: with `Ok(None)` the input holds the beginning of one frame, at most header, extras, key and
//! [`Limits::value_max`] bytes. A value over its limit is dropped as it arrives.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use super::header::at;
use super::{Frame, HEADER_LEN, Header, MAGIC_REPLY, MAGIC_REQUEST, Opcode, Status, shape};
use crate::FrameError;
use crate::tail::Tail;

/// What a server accepts from a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Longest value that is kept, in bytes; a longer one is skipped (MCB-LIM-07).
    pub value_max: usize,
    /// Longest key, in bytes; a longer one is fatal (MCB-LIM-03).
    pub key_max: usize,
    /// Largest body, in bytes; a larger one is fatal (MCB-LIM-17).
    pub body_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { value_max: 1 << 20, key_max: 250, body_max: 1 << 30 }
    }
}

/// Errors that end the connection. Decoding again gives the same error: nothing is consumed.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum RequestError {
    /// The magic is not 0x80: close, and send nothing (MCB-NEG-03).
    #[error("{0}")]
    BadMagic(FrameError),
    /// Answer `status` with this opcode and opaque, quiet or not (MCB-QT-07), then close.
    ///
    /// Statuses: `UNKNOWN_COMMAND` for a body below extras and key (MCB-LIM-12), otherwise
    /// `INVALID_ARGUMENTS`: body or key over its limit, or the wrong shape for the opcode.
    #[error("{opcode}: {error}")]
    Fatal {
        /// The opcode to repeat.
        opcode: Opcode,
        /// The opaque to repeat.
        opaque: u32,
        /// The status to answer.
        status: Status,
        /// What was wrong.
        error: FrameError,
    },
}

/// Incremental decoder for what a server reads.
///
/// A value longer than [`Limits::value_max`] is skipped as it arrives and yields a frame with
/// `skipped > 0` and an empty value once its last byte is gone (MCB-LIM-10). An empty input is always
/// the border of two frames.
#[derive(Clone, Debug)]
pub struct RequestDecoder {
    limits: Limits,
    tail: Tail,
    /// The current frame's value is skipped, whatever its length.
    gives_up: bool,
}

impl RequestDecoder {
    /// A decoder at the start of a stream.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, tail: Tail::new(), gives_up: false }
    }

    /// For want of memory: the value of the frame that `input` begins with is skipped as it arrives, like one over the
    /// limit, and the frame comes with [`Frame::lacked_memory`]. False, and nothing is changed, if its header is not there
    /// yet.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use lockproof_protocol::memcached_binary::{Limits, RequestDecoder};
    ///
    /// let mut decoder = RequestDecoder::new(Limits::default());
    /// // SET of a key of one byte and a value of 1,000, of which three are there.
    /// let mut input = BytesMut::from(&b"\x80\x01\0\x01\x08\0\0\0\0\0\x03\xf1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0kabc"[..]);
    /// assert!(decoder.gives_up(&input));
    /// assert_eq!(decoder.decode(&mut input), Ok(None));
    /// assert_eq!(input.len(), 24 + 8 + 1); // all of it but the value
    /// input.extend_from_slice(&[b'd'; 997]);
    /// let frame = decoder.decode(&mut input).unwrap().unwrap();
    /// assert_eq!((frame.skipped, frame.lacked_memory, input.len()), (1_000, true, 0));
    /// ```
    pub fn gives_up(&mut self, input: &[u8]) -> bool {
        self.gives_up = input.len() >= HEADER_LEN;
        self.gives_up
    }

    /// The opcode of the frame that `input` begins with, as soon as it can be told; nothing is taken.
    pub const fn next_opcode(input: &[u8]) -> Option<Opcode> {
        match *input {
            [MAGIC_REQUEST, opcode, ..] => Some(Opcode(opcode)),
            _ => None,
        }
    }

    /// Takes the next frame off `input`; `Ok(None)` asks for more bytes.
    ///
    /// # Errors
    ///
    /// [`RequestError`]: the stream cannot be read on. Frames before the error were given out.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, RequestError> {
        let Some(&magic) = input.first() else { return Ok(None) };
        if magic != MAGIC_REQUEST {
            return Err(RequestError::BadMagic(bad_magic(magic, "a request begins with 0x80")));
        }
        let Some(header) = peek(input) else { return Ok(None) };
        self.check(&header)?;
        let value_len = header.body_len - header.prefix_len();
        let is_short = usize::try_from(value_len).is_ok_and(|len| len <= self.limits.value_max);
        if is_short && !self.gives_up {
            return Ok(take(input, header, value_len));
        }
        let kept = HEADER_LEN + header.prefix_len() as usize;
        let start = self.tail.skip(input, kept, value_len);
        let Some(frame) = start.and_then(|mut start| take(&mut start, header, 0)) else {
            return Ok(None);
        };
        self.gives_up = false;
        Ok(Some(Frame { skipped: value_len, lacked_memory: is_short && value_len > 0, ..frame }))
    }

    /// The order is memcached's: body length, then key length (MCB-SAS-13), then the shape.
    fn check(&self, header: &Header) -> Result<(), RequestError> {
        let fatal = |status, error| RequestError::Fatal {
            opcode: header.opcode,
            opaque: header.opaque,
            status,
            error,
        };
        check_parts(header).map_err(|error| fatal(Status::UNKNOWN_COMMAND, error))?;
        check_body(header, self.limits.body_max)
            .map_err(|error| fatal(Status::INVALID_ARGUMENTS, error))?;
        if usize::from(header.key_len) > self.limits.key_max {
            let len = u64::from(header.key_len);
            let error = FrameError::new("key length", at::KEY_LEN, len, "above the limit");
            return Err(fatal(Status::INVALID_ARGUMENTS, error));
        }
        shape::check(header).map_err(|error| fatal(Status::INVALID_ARGUMENTS, error))
    }
}

/// Incremental decoder for what a client reads.
#[derive(Clone, Debug)]
pub struct ReplyDecoder {
    body_max: u32,
}

impl ReplyDecoder {
    /// A decoder at the start of a stream that accepts bodies of up to `body_max` bytes.
    pub const fn new(body_max: u32) -> Self {
        Self { body_max }
    }

    /// Takes the next reply off `input`; `Ok(None)` asks for more bytes.
    ///
    /// # Errors
    ///
    /// The magic is not 0x81 (so a text line such as "too many connections" is not read as a frame,
    /// MCB-NEG-07), the body is shorter than extras and key, or longer than the limit.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        let Some(&magic) = input.first() else { return Ok(None) };
        if magic != MAGIC_REPLY {
            return Err(bad_magic(magic, "a reply begins with 0x81"));
        }
        let Some(header) = peek(input) else { return Ok(None) };
        check_parts(&header)?;
        check_body(&header, self.body_max)?;
        Ok(take(input, header, header.body_len - header.prefix_len()))
    }
}

fn bad_magic(magic: u8, reason: &'static str) -> FrameError {
    FrameError::new("magic", at::MAGIC, magic.into(), reason)
}

fn peek(input: &BytesMut) -> Option<Header> {
    input.first_chunk().map(Header::parse)
}

fn check_parts(header: &Header) -> Result<(), FrameError> {
    match header.body_len.checked_sub(header.prefix_len()) {
        Some(_) => Ok(()),
        None => Err(bad_body(header, "less than extras + key")),
    }
}

fn check_body(header: &Header, body_max: u32) -> Result<(), FrameError> {
    if header.body_len > body_max {
        return Err(bad_body(header, "above the limit"));
    }
    Ok(())
}

fn bad_body(header: &Header, reason: &'static str) -> FrameError {
    FrameError::new("body length", at::BODY_LEN, header.body_len.into(), reason)
}

/// Splits a frame with `value_len` bytes of value off the input, if all of it is there.
fn take(input: &mut BytesMut, header: Header, value_len: u32) -> Option<Frame> {
    let (extras_len, key_len) = (usize::from(header.extras_len), usize::from(header.key_len));
    let value_len = usize::try_from(value_len).ok()?;
    let body_len = (extras_len + key_len).checked_add(value_len)?;
    if input.len() - HEADER_LEN < body_len {
        return None;
    }
    input.advance(HEADER_LEN);
    let extras = part(input, extras_len);
    let key = part(input, key_len);
    let value = part(input, value_len);
    Some(Frame { header, extras, key, value, skipped: 0, lacked_memory: false })
}

/// An empty part costs no reference count.
fn part(input: &mut BytesMut, len: usize) -> Bytes {
    if len == 0 { Bytes::new() } else { input.split_to(len).freeze() }
}
