//! The shortest readable form of bytes: text, repeated bytes as `rep(…)`, hexadecimal where it is no text.

use crate::session::Value;

/// A run of one byte is folded into `rep(…)` from this length on.
const RUN: usize = 24;

/// The longest unit of a value that is one unit over and over.
const UNIT_MAX: usize = 16;

/// Bytes as a session writes them.
pub fn value_of(bytes: &[u8]) -> Value {
    if let Some(value) = repeated(bytes) {
        return value;
    }
    if !is_text(bytes) {
        return Value::Hex(bytes.to_vec());
    }
    let mut parts = folded(bytes);
    if parts.len() == 1 { parts.remove(0) } else { Value::Join(parts) }
}

/// One unit over and over, often enough to be shorter that way; a last one may be cut.
fn repeated(bytes: &[u8]) -> Option<Value> {
    if bytes.len() < RUN {
        return None;
    }
    let repeats =
        |unit: &usize| bytes.iter().skip(*unit).zip(bytes).all(|(next, first)| next == first);
    let unit = (1..=UNIT_MAX.min(bytes.len() / 4)).find(repeats)?;
    let count = bytes.len() / unit;
    let (whole, rest) = bytes.split_at(unit * count);
    let whole = rep(whole.get(..unit).unwrap_or_default(), count);
    Some(if rest.is_empty() { whole } else { Value::Join(vec![whole, plain(rest)]) })
}

fn plain(bytes: &[u8]) -> Value {
    if is_text(bytes) { Value::Text(bytes.to_vec()) } else { Value::Hex(bytes.to_vec()) }
}

fn rep(unit: &[u8], count: usize) -> Value {
    let count = Value::Number { value: count as i128, hex: false };
    Value::Rep(Box::new(plain(unit)), Box::new(count))
}

/// Text in which long runs of one byte are folded. Two pieces of text never meet, so the parser reads the same parts.
fn folded(bytes: &[u8]) -> Vec<Value> {
    let mut parts = Vec::new();
    let mut text: Vec<u8> = Vec::new();
    for run in bytes.chunk_by(|left, right| left == right) {
        if run.len() < RUN {
            text.extend(run);
            continue;
        }
        if !text.is_empty() {
            parts.push(Value::Text(std::mem::take(&mut text)));
        }
        parts.push(rep(run.get(..1).unwrap_or_default(), run.len()));
    }
    if !text.is_empty() || parts.is_empty() {
        parts.push(Value::Text(text));
    }
    parts
}

/// At most a quarter of it cannot be read; zeros count as padding, not as noise.
fn is_text(bytes: &[u8]) -> bool {
    let readable = |byte: &&u8| matches!(**byte, b' '..=b'~' | b'\r' | b'\n' | b'\t');
    let noise = bytes.iter().filter(|byte| **byte != 0 && !readable(byte)).count();
    noise * 4 <= bytes.len()
}
