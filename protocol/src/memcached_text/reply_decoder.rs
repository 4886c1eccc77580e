//! The incremental decoder of what a client reads: lines, and the values behind those that announce one. Text and meta share it.
//!
//! It goes by length alone: what stands in a value is never looked at, so an `END` in it ends nothing.
//!
//! Memory: with `Ok(None)` the input holds the beginning of one reply, at most [`REPLY_LINE_MAX`] bytes and a value of
//! [`ReplyDecoder::new`]'s `value_max`. Nothing is reserved by the length that a server names.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use super::Tokens;
use crate::{FrameError, decimal};

/// The longest line of a reply that is read, its end included.
pub const REPLY_LINE_MAX: usize = 4096;

/// Behind a line and behind a value.
const END: &[u8; 2] = b"\r\n";

/// A line of a reply, and the value behind it. They share memory with the input buffer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReplyFrame {
    /// The line without its end.
    pub line: Bytes,
    /// The value that it announces: that of `VALUE` and `VA`, and no other.
    pub value: Option<Bytes>,
}

/// Incremental decoder for what a client reads from a text connection: replies of text and of meta.
///
/// ```
/// use bytes::BytesMut;
/// use lockproof_protocol::memcached_text::ReplyDecoder;
///
/// let mut decoder = ReplyDecoder::new(1024);
/// let mut input = BytesMut::from("VALUE k 0 5\r\nEND\r\n");
/// assert_eq!(decoder.decode(&mut input), Ok(None)); // the five bytes are END CR LF, and CR LF is to follow
/// input.extend_from_slice(b"\r\nEND\r\n");
/// let value = decoder.decode(&mut input).unwrap().unwrap();
/// assert_eq!(value.value.as_deref(), Some(&b"END\r\n"[..]));
/// assert_eq!(decoder.decode(&mut input).unwrap().unwrap().line, "END");
/// ```
#[derive(Clone, Debug)]
pub struct ReplyDecoder {
    value_max: u32,
}

impl ReplyDecoder {
    /// A decoder at the start of a stream that accepts values of up to `value_max` bytes.
    pub const fn new(value_max: u32) -> Self {
        Self { value_max }
    }

    /// Takes the next line and its value off `input`; `Ok(None)` asks for more bytes.
    ///
    /// # Errors
    ///
    /// What no server of text begins a line with, so that frames of another protocol are not waited for; a line that is too long
    /// or does not end CR LF (MCT-LIN-01); a length that is none or above the limit; a value that CR LF does not follow
    /// (MCT-BLK-02).
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<ReplyFrame>, FrameError> {
        let Some(&first) = input.first() else { return Ok(None) };
        if !first.is_ascii_uppercase() && !first.is_ascii_digit() {
            let reason = "a reply begins with a capital or a digit";
            return Err(FrameError::new("line", 0, first.into(), reason));
        }
        let Some(line_len) = line_len(input)? else { return Ok(None) };
        let line = input.get(..line_len).unwrap_or_default();
        let Some(value_len) = self.announced(line)? else {
            let line = take(input, line_len);
            return Ok(Some(ReplyFrame { line, value: None }));
        };
        let (from, to) = (line_len + END.len(), line_len + END.len() + value_len);
        let behind = input.get(to..).unwrap_or_default();
        check_end(behind, to)?;
        if behind.len() < END.len() {
            return Ok(None);
        }
        let line = take(input, from - END.len());
        let value = take(input, value_len);
        Ok(Some(ReplyFrame { line, value: Some(value) }))
    }

    /// The length of the value behind a line.
    fn announced(&self, line: &[u8]) -> Result<Option<usize>, FrameError> {
        let mut tokens = Tokens::new(line);
        let between = match tokens.next() {
            Some(b"VALUE") => 2,
            Some(b"VA") => 0,
            _ => return Ok(None),
        };
        let wrong = |value, reason| FrameError::new("value length", 0, value, reason);
        let len = tokens.nth(between).and_then(decimal::unsigned);
        let len = len.ok_or(wrong(0, "no number"))?;
        if len > self.value_max.into() {
            return Err(wrong(len, "above the limit"));
        }
        usize::try_from(len).map(Some).map_err(|_| wrong(len, "above the limit"))
    }
}

/// The length of the first line without its end, once that is there.
fn line_len(input: &[u8]) -> Result<Option<usize>, FrameError> {
    let head = input.get(..REPLY_LINE_MAX).unwrap_or(input);
    let Some(lf) = memchr(b'\n', head) else {
        if head.len() == REPLY_LINE_MAX {
            let (max, reason) = (REPLY_LINE_MAX, "not within the longest line");
            return Err(FrameError::new("line end", max, max as u64, reason));
        }
        return Ok(None);
    };
    let line = head.get(..lf).unwrap_or_default();
    match line.strip_suffix(b"\r") {
        Some(line) => Ok(Some(line.len())),
        None => Err(FrameError::new("line end", lf, b'\n'.into(), "a LF without its CR")),
    }
}

/// As much as is there of what must follow a value.
fn check_end(behind: &[u8], offset: usize) -> Result<(), FrameError> {
    for (at, (found, expected)) in behind.iter().zip(END).enumerate() {
        if found != expected {
            let reason = "no CR LF";
            return Err(FrameError::new("value end", offset + at, (*found).into(), reason));
        }
    }
    Ok(())
}

/// So many bytes, and the CR LF behind them goes.
fn take(input: &mut BytesMut, len: usize) -> Bytes {
    let taken = if len == 0 { Bytes::new() } else { input.split_to(len).freeze() };
    let _ = input.split_to(END.len());
    taken
}
