//! A client's lines, for reports. A data block is told as the lines that it looks like: only who knows the commands could
//! tell which of them announce one.

use super::{Request, TakenRequest};
use crate::session::{Message, TextLine, Value};

/// More than this without an end is no line that a report shows.
const LINE_MAX: usize = 4096;

pub(super) fn take(buffer: &[u8]) -> TakenRequest {
    let Some(end) = buffer.iter().take(LINE_MAX).position(|&byte| byte == b'\n') else {
        return if buffer.len() < LINE_MAX {
            TakenRequest::Incomplete(buffer.len() + 1)
        } else {
            TakenRequest::Broken
        };
    };
    let bytes = buffer.get(..=end).unwrap_or_default();
    let line = match bytes.strip_suffix(b"\r\n") {
        Some(words) => TextLine::of(words.split(|&byte| byte == b' ').map(Value::word).collect()),
        None => TextLine { raw: true, ..TextLine::of(vec![Value::Text(bytes.to_vec())]) },
    };
    TakenRequest::Whole(Request { message: Message::Line(line), length: end + 1, asked: None })
}
