//! A client's bytes read back into a session's messages: what the recorder needs, and the inverse of the builders beside
//! it. Every message is built again and compared: what would not come out byte for byte becomes `hex …`.
//!
//! Names of values (CAS, versions, own keys) are not the business of this module; [`crate::record`] gives them.

mod locker;
mod memcached;
mod netmem;
#[cfg(test)]
mod tests;
mod text;
mod value;

pub use value::value_of;

use super::{Asked, Codec, Protocol};
use crate::session::{Message, Scope, Value};

/// A request at the front of a client's bytes.
#[derive(Clone, Debug)]
pub struct Request {
    /// How a session writes it, with the values it has.
    pub message: Message<Value>,
    /// Bytes on the wire.
    pub length: usize,
    /// What the reply must repeat; `None` where only raw bytes can say what was sent.
    pub asked: Option<Asked>,
}

/// What the front of a client's bytes holds.
#[derive(Clone, Debug)]
pub enum TakenRequest {
    /// Not a whole request yet; at least this many bytes are needed.
    Incomplete(usize),
    /// A request.
    Whole(Request),
    /// No request of this protocol; where the next one begins nobody knows.
    Broken,
}

/// No sane client announces more; what does is a header without a body.
const BODY_MAX: usize = 64 << 20;

/// Fields in the order in which sessions list them, as they are collected.
type Fields = Vec<(String, Value)>;

impl Codec {
    /// The request at the front of `buffer`.
    pub fn take_request(&self, buffer: &[u8]) -> TakenRequest {
        if buffer.is_empty() {
            return TakenRequest::Incomplete(1);
        }
        let taken = match self.protocol {
            Protocol::Memcached => memcached::take(buffer),
            Protocol::Text | Protocol::Meta => text::take(buffer),
            Protocol::NetMem => netmem::take(buffer),
            Protocol::Locker => locker::take(self.layout, buffer),
            Protocol::Echo => TakenRequest::Whole(echo(buffer)),
        };
        match taken {
            TakenRequest::Whole(request) => TakenRequest::Whole(self.faithful(request, buffer)),
            taken => taken,
        }
    }

    /// The request if it encodes to the bytes it was read from, else those bytes.
    fn faithful(self, request: Request, buffer: &[u8]) -> Request {
        let bytes = buffer.get(..request.length).unwrap_or(buffer);
        let opaque = request.asked.as_ref().map_or(0, |asked| asked.opaque);
        match self.encode(&request.message, &Scope::default(), opaque) {
            Ok(outgoing) if outgoing.bytes == bytes => {
                let asked = outgoing.asked;
                Request { asked, ..request }
            }
            _ => {
                Request { message: Message::Raw(bytes.to_vec()), length: bytes.len(), asked: None }
            }
        }
    }
}

fn echo(buffer: &[u8]) -> Request {
    let message = Message::Named {
        words: Vec::new(),
        args: vec![value_of(buffer)],
        fields: Vec::new(),
        tag: None,
    };
    Request { message, length: buffer.len(), asked: None }
}

fn named(name: String, args: Vec<Value>, fields: Fields) -> Message<Value> {
    Message::Named { words: vec![name], args, fields, tag: None }
}

/// A decimal number of a message.
pub(crate) fn number(value: impl Into<i128>) -> Value {
    Value::Number { value: value.into(), hex: false }
}

/// Bits rather than a count: short ones in decimal, long ones in hexadecimal.
fn bits_value(value: u64) -> Value {
    Value::Number { value: i128::from(value), hex: value > 999 }
}

fn list(fields: &mut Fields, name: &str, value: Value) {
    fields.push((name.to_owned(), value));
}
