//! memcached's text and meta requests: lines of words, with a data block behind some, built as loosely as a session asks
//! for. A line does not know what it means, and a block need not be as long as its line says.

use super::Outgoing;
use crate::session::{EvalError, Message, Pattern, Scope, TextLine, Value};

pub(super) const END: &[u8] = b"\r\n";

/// Whether a session may send this line; else what is wrong with it.
pub(super) fn check(line: &TextLine<Value>) -> Result<(), String> {
    if line.raw && line.block.is_some() {
        Err("`raw` sends what stands there and nothing else: a block is part of it".to_owned())
    } else {
        Ok(())
    }
}

/// Each word ends at a border, and so do line and block, and the two bytes behind both.
pub(super) fn encode(message: &Message<Value>, scope: &Scope) -> Result<Outgoing, EvalError> {
    let mut outgoing = Outgoing { bytes: Vec::new(), borders: Vec::new(), asked: None };
    let Message::Line(line) = message else { return Ok(outgoing) };
    for (index, word) in line.tokens.iter().enumerate() {
        if index > 0 {
            outgoing.put(b" ");
        }
        outgoing.put(&word.bytes(scope)?);
    }
    if line.raw {
        return Ok(outgoing);
    }
    outgoing.end_line();
    if let Some(block) = &line.block {
        outgoing.put(&block.bytes(scope)?);
        outgoing.end_line();
    }
    Ok(outgoing)
}

impl Outgoing {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.borders.push(self.bytes.len());
    }

    fn end_line(&mut self) {
        END.chunks(1).for_each(|byte| self.put(byte));
    }
}

/// The words of a request that begin like a key of a session's own.
pub(crate) fn own_keys(request: &[u8]) -> impl Iterator<Item = &[u8]> {
    request.split(|byte| b" \r\n".contains(byte)).filter(|word| word.starts_with(b"lp:"))
}

/// A line that asks for nothing but a reply, and that reply.
pub(super) fn sentinel(request: &str, reply: &[&str]) -> (Message<Value>, Message<Pattern>) {
    let word = |word: &str| Value::Word(word.to_owned());
    let pattern = |text: &&str| match *text {
        "..." => Pattern::Rest,
        text => Pattern::Value(word(text)),
    };
    let line = TextLine::of(vec![word(request)]);
    (Message::Line(line), Message::Line(TextLine::of(reply.iter().map(pattern).collect())))
}
