//! memcached binary replies, built as loosely as a session asks for.

use crate::session::{EvalError, Message, Scope, Value};
use crate::wire::memcached::{HEADER, opcode};
use crate::wire::memcached_reply::status;
use crate::wire::{Asked, Outgoing, bits, check_fields};

const FIELDS: &[&str] = &[
    "key", "value", "flags", "cas", "counter", "text", "extras", "opaque", "magic", "keylen",
    "extlen", "bodylen", "datatype",
];

pub(super) fn check(words: &[String], fields: &[(String, Value)]) -> Result<(), String> {
    check_fields(fields, FIELDS)?;
    let (name, request) = match words {
        [name] => (name, None),
        [name, request] => (name, Some(request)),
        _ => return Err("a reply is a status and, if need be, an opcode: `ok get`".to_owned()),
    };
    if status(name).is_none() {
        return Err(format!("`{name}` is no status: ok, not_found, … or a number such as 0x0084"));
    }
    match request {
        Some(request) if opcode(request).is_none() => {
            Err(format!("`{request}` is no memcached opcode"))
        }
        _ => Ok(()),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "header fields are narrow; sessions may send any bits"
)]
pub(super) fn encode(
    message: &Message<Value>,
    scope: &Scope,
    asked: Option<&Asked>,
) -> Result<Outgoing, EvalError> {
    let reply = Reply::new(message, scope, asked);
    let (extras, key, value) = (reply.extras()?, reply.key()?, reply.value()?);
    let total = extras.len() + key.len() + value.len();
    let opaque = asked.map_or(0, |asked| i128::from(asked.opaque));
    let mut bytes = vec![reply.number("magic", 0x81)? as u8, reply.code];
    bytes.extend((reply.number("keylen", key.len() as i128)? as u16).to_be_bytes());
    bytes.push(reply.number("extlen", extras.len() as i128)? as u8);
    bytes.push(reply.number("datatype", 0)? as u8);
    bytes.extend(reply.status.to_be_bytes());
    bytes.extend((reply.number("bodylen", total as i128)? as u32).to_be_bytes());
    bytes.extend((reply.number("opaque", opaque)? as u32).to_be_bytes());
    bytes.extend(reply.number("cas", i128::from(reply.gives_a_cas()))?.to_be_bytes());
    let borders =
        vec![1, 2, 8, 12, 16, HEADER, HEADER + extras.len(), HEADER + extras.len() + key.len()];
    // MCB-STT-01: after a statistic there is more to come.
    let more = reply.code == STAT && reply.status == 0 && !key.is_empty();
    bytes.extend(extras.iter().chain(&key).chain(&value));
    Ok(Outgoing { bytes, borders, asked: asked.filter(|_| more).cloned() })
}

const STAT: u8 = 0x10;

/// The reply's line, the request that it answers, and what both of them say.
struct Reply<'a> {
    message: &'a Message<Value>,
    scope: &'a Scope,
    asked: Option<&'a Asked>,
    status: u16,
    code: u8,
}

impl<'a> Reply<'a> {
    fn new(message: &'a Message<Value>, scope: &'a Scope, asked: Option<&'a Asked>) -> Self {
        let mut words = message.words().iter();
        let status = words.next().and_then(|name| status(name)).unwrap_or_default();
        let named = words.next().and_then(|name| opcode(name));
        let code = named.or_else(|| asked.map(|asked| asked.code)).unwrap_or_default();
        Self { message, scope, asked, status, code }
    }

    const fn is_get(&self) -> bool {
        matches!(self.code, 0x00 | 0x09 | 0x0c | 0x0d | 0x1d | 0x1e | 0x23 | 0x24)
    }

    const fn is_counter(&self) -> bool {
        matches!(self.code, 0x05 | 0x06 | 0x15 | 0x16)
    }

    /// A hit and a store that went well come with a CAS value; any will do.
    const fn gives_a_cas(&self) -> bool {
        let stores = matches!(self.code, 0x01..=0x03 | 0x0e | 0x0f | 0x11..=0x13 | 0x19 | 0x1a);
        self.status == 0 && (self.is_get() || self.is_counter() || stores)
    }

    fn number(&self, name: &str, default: i128) -> Result<u64, EvalError> {
        self.message.field(name).map_or(Ok(default), |value| value.number(self.scope)).map(bits)
    }

    fn listed(&self, name: &str) -> Result<Option<Vec<u8>>, EvalError> {
        self.message.field(name).map(|value| value.bytes(self.scope)).transpose()
    }

    /// A hit has four bytes of flags.
    #[expect(clippy::cast_possible_truncation, reason = "flags are 32 bits wide")]
    fn extras(&self) -> Result<Vec<u8>, EvalError> {
        if let Some(extras) = self.listed("extras")? {
            return Ok(extras);
        }
        let has_flags =
            self.message.field("flags").is_some() || (self.is_get() && self.status == 0);
        let flags = self.number("flags", 0)? as u32;
        Ok(if has_flags { flags.to_be_bytes().to_vec() } else { Vec::new() })
    }

    /// A hit of the family that asks for it repeats the key.
    fn key(&self) -> Result<Vec<u8>, EvalError> {
        let repeats = self.status == 0 && matches!(self.code, 0x0c | 0x0d | 0x23 | 0x24);
        let asked = || self.asked.filter(|_| repeats).map(|asked| asked.key.clone());
        Ok(self.listed("key")?.or_else(asked).unwrap_or_default())
    }

    fn value(&self) -> Result<Vec<u8>, EvalError> {
        for name in ["value", "text"] {
            if let Some(value) = self.listed(name)? {
                return Ok(value);
            }
        }
        Ok(match self.status {
            0 if self.is_counter() => self.number("counter", 0)?.to_be_bytes().to_vec(),
            0 | 0x21 => Vec::new(),
            // MCB-HDR-10: an error says something.
            _ => self.message.words().first().cloned().unwrap_or_default().into_bytes(),
        })
    }
}
