//! The incremental decoder of what a server reads: lines, and the data blocks behind some of them.
//!
//! A line stays in the input until its block is whole, so an empty input is always the border of two requests, and what is kept
//! between two reads are a few numbers.
//!
//! Memory: with `Ok(None)` the input holds the beginning of one request, at most [`LINE_MAX`] bytes and a value of
//! [`RequestDecoder::new`]'s `value_max`; or [`GET_LINE_MAX`] bytes of a long multi-get. A longer value is dropped as it arrives.

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use thiserror::Error;

use super::block::{Block, announced};
use super::{Login, Refusal, Request};
use crate::memcached::Value;
use crate::tail::Tail;

/// The longest line before its LF, in bytes (MCT-LIN-09).
pub const LINE_MAX: usize = 2048;

/// The same of `get` and `gets`, which have room for some thousand of the longest keys (MCT-LIN-10), and of `gat` and `gats`:
/// clients ask for as many at once, and memcached answers as long as the LF comes with the rest.
pub const GET_LINE_MAX: usize = 1 << 20;

/// Behind the value of a data block.
const END: &[u8; 2] = b"\r\n";

/// The line is too long: close, and send nothing. Decoding again gives the same error: nothing is consumed.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("a line of more than {max} bytes")]
pub struct LineTooLong {
    /// How long it could be.
    pub max: usize,
}

/// Incremental decoder for what a server reads from a text connection: text and meta requests.
///
/// ```
/// use bytes::BytesMut;
/// use lockproof_protocol::memcached_text::{Request, RequestDecoder};
///
/// let mut decoder = RequestDecoder::new(1024);
/// let mut input = BytesMut::from("set k 0 0 5\r\nab");
/// assert_eq!(decoder.decode(&mut input), Ok(None));
/// input.extend_from_slice(b"cde\r\nget k\r\n");
/// assert!(matches!(decoder.decode(&mut input), Ok(Some(Request::Item(_)))));
/// assert!(matches!(decoder.decode(&mut input), Ok(Some(Request::Get(_)))));
/// assert!(input.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct RequestDecoder {
    value_max: usize,
    tail: Tail,
    /// The current block is skipped, whatever its length.
    gives_up: bool,
    /// So much of the current line has no LF in it.
    searched: usize,
}

impl RequestDecoder {
    /// A decoder at the start of a stream. A value of more than `value_max` bytes is skipped (MCT-LIM-03).
    pub const fn new(value_max: usize) -> Self {
        Self { value_max, tail: Tail::new(), gives_up: false, searched: 0 }
    }

    /// For want of memory: the data block that belongs to the line that `input` begins with is skipped as it arrives, and
    /// comes as [`Value::NoMemory`]. False, and nothing is changed, if there is no such line.
    pub fn gives_up(&mut self, input: &[u8]) -> bool {
        let line = memchr(b'\n', input).and_then(|end| input.get(..end));
        self.gives_up = line.is_some_and(|line| announced(without_cr(line)).is_some());
        self.gives_up
    }

    /// Takes the next request off `input`; `Ok(None)` asks for more bytes.
    ///
    /// # Errors
    ///
    /// [`LineTooLong`]: the stream cannot be read on. Requests before the error were given out.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Request>, LineTooLong> {
        let next = self.next(input)?;
        Ok(next.map(|(line, block)| Request::parse(&line, block)))
    }

    /// The same before a client has shown its password, when a line is an attempt to do so or nothing (MCT-AUT-02).
    ///
    /// # Errors
    ///
    /// As of [`decode`](Self::decode).
    pub fn decode_login(&mut self, input: &mut BytesMut) -> Result<Option<Login>, LineTooLong> {
        let next = self.next(input)?;
        Ok(next.map(|(line, block)| Login::read(&line, block)))
    }

    /// Takes the next line, without its end, and the block behind it.
    fn next(
        &mut self,
        input: &mut BytesMut,
    ) -> Result<Option<(Bytes, Option<Block>)>, LineTooLong> {
        let Some(end) = self.line_end(input)? else { return Ok(None) };
        let line = without_cr(input.get(..end).unwrap_or_default());
        let line_len = line.len();
        let (mut line, block) = match announced(line) {
            None => (input.split_to(end + 1), None),
            Some(len) => match self.block(input, end + 1, len) {
                None => return Ok(None),
                Some((line, block)) => (line, Some(block)),
            },
        };
        self.searched = 0;
        line.truncate(line_len);
        Ok(Some((line.freeze(), block)))
    }

    /// Where the first line's LF is.
    fn line_end(&mut self, input: &[u8]) -> Result<Option<usize>, LineTooLong> {
        let from = input.get(self.searched..).unwrap_or_default();
        let found = memchr(b'\n', from).map(|at| self.searched + at);
        self.searched = found.unwrap_or(input.len());
        if self.searched > LINE_MAX {
            let max = if takes_many_keys(input) { GET_LINE_MAX } else { LINE_MAX };
            if self.searched > max {
                return Err(LineTooLong { max });
            }
        }
        Ok(found)
    }

    /// Takes a line of `line_len` bytes and the block of `len` bytes behind it, once both are whole.
    fn block(
        &mut self,
        input: &mut BytesMut,
        line_len: usize,
        len: u32,
    ) -> Option<(BytesMut, Block)> {
        let value_len = usize::try_from(len).unwrap_or(usize::MAX);
        let is_short = value_len <= self.value_max;
        if is_short && !self.gives_up {
            return take(input, line_len, value_len);
        }
        // Below 2^31, so there is room for the end.
        let line = self.tail.skip(input, line_len, len + 2)?;
        self.gives_up = false;
        let value = if is_short { Value::NoMemory(len) } else { Value::TooLarge(len) };
        Some((line, Ok(value)))
    }
}

/// The same for what is in the input.
fn take(input: &mut BytesMut, line_len: usize, value_len: usize) -> Option<(BytesMut, Block)> {
    let value_end = line_len + value_len;
    let end = input.get(value_end..value_end + END.len())?;
    let is_good = end == END;
    let line = input.split_to(line_len);
    let value = input.split_to(value_len).freeze();
    let _ = input.split_to(END.len());
    // MCT-BLK-05: so many bytes are gone, whatever they were.
    let block = if is_good { Ok(Value::Present(value)) } else { Err(Refusal::CHUNK) };
    Some((line, block))
}

fn takes_many_keys(input: &[u8]) -> bool {
    [&b"get "[..], b"gets ", b"gat ", b"gats "].iter().any(|verb| input.starts_with(verb))
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
