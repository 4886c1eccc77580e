//! memcached binary requests, built as loosely as a session asks for.

use super::{Asked, Outgoing, bits};
use crate::session::{EvalError, Message, Scope, Value};

pub(super) const HEADER: usize = 24;

/// Opcodes by name; `true` for those whose success (or miss) is silent.
pub(super) const OPCODES: [(&str, u8, bool); 42] = [
    ("get", 0x00, false),
    ("set", 0x01, false),
    ("add", 0x02, false),
    ("replace", 0x03, false),
    ("delete", 0x04, false),
    ("incr", 0x05, false),
    ("decr", 0x06, false),
    ("quit", 0x07, false),
    ("flush", 0x08, false),
    ("getq", 0x09, true),
    ("noop", 0x0a, false),
    ("version", 0x0b, false),
    ("getk", 0x0c, false),
    ("getkq", 0x0d, true),
    ("append", 0x0e, false),
    ("prepend", 0x0f, false),
    ("stat", 0x10, false),
    ("setq", 0x11, true),
    ("addq", 0x12, true),
    ("replaceq", 0x13, true),
    ("deleteq", 0x14, true),
    ("incrq", 0x15, true),
    ("decrq", 0x16, true),
    ("quitq", 0x17, true),
    ("flushq", 0x18, true),
    ("appendq", 0x19, true),
    ("prependq", 0x1a, true),
    ("verbosity", 0x1b, false),
    ("touch", 0x1c, false),
    ("gat", 0x1d, false),
    ("gatq", 0x1e, true),
    ("hello", 0x1f, false),
    ("sasl_list", 0x20, false),
    ("sasl_auth", 0x21, false),
    ("sasl_step", 0x22, false),
    ("gatk", 0x23, false),
    ("gatkq", 0x24, true),
    // Other spellings that the documents use.
    ("increment", 0x05, false),
    ("decrement", 0x06, false),
    ("incrementq", 0x15, true),
    ("decrementq", 0x16, true),
    ("stats", 0x10, false),
];

pub(super) const REQUEST_FIELDS: &[&str] = &[
    "key", "value", "flags", "exp", "delta", "initial", "cas", "extras", "opaque", "magic",
    "keylen", "extlen", "bodylen", "datatype", "vbucket",
];

/// The opcode of a request's name or number.
pub(crate) fn opcode(name: &str) -> Option<u8> {
    OPCODES
        .iter()
        .find(|(other, ..)| *other == name)
        .map(|(_, opcode, _)| *opcode)
        .or_else(|| name.strip_prefix("0x").and_then(|hex| u8::from_str_radix(hex, 16).ok()))
}

/// The name of an opcode, or its number.
pub(crate) fn opcode_name(opcode: u8) -> String {
    OPCODES
        .iter()
        .find(|(_, other, _)| *other == opcode)
        .map_or_else(|| format!("{opcode:#04x}"), |(name, ..)| (*name).to_owned())
}

fn is_quiet(opcode: u8) -> bool {
    OPCODES.iter().any(|(_, other, quiet)| *other == opcode && *quiet)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "header fields are narrow; sessions may send any bits"
)]
pub(super) fn encode(
    message: &Message<Value>,
    scope: &Scope,
    opaque: u32,
) -> Result<Outgoing, EvalError> {
    let request = Request { message, scope };
    let opcode = message.words().first().and_then(|name| opcode(name)).unwrap_or_default();
    let opaque = request.number("opaque", i128::from(opaque))? as u32;
    let (extras, key, value) =
        (request.extras(opcode)?, request.bytes("key")?, request.bytes("value")?);
    let total = extras.len() + key.len() + value.len();
    let mut bytes = Vec::with_capacity(HEADER + total);
    bytes.push(request.number("magic", 0x80)? as u8);
    bytes.push(opcode);
    bytes.extend((request.number("keylen", key.len() as i128)? as u16).to_be_bytes());
    bytes.push(request.number("extlen", extras.len() as i128)? as u8);
    bytes.push(request.number("datatype", 0)? as u8);
    bytes.extend((request.number("vbucket", 0)? as u16).to_be_bytes());
    bytes.extend((request.number("bodylen", total as i128)? as u32).to_be_bytes());
    bytes.extend(opaque.to_be_bytes());
    bytes.extend(request.number("cas", 0)?.to_be_bytes());
    let borders =
        vec![1, 2, 8, 12, 16, HEADER, HEADER + extras.len(), HEADER + extras.len() + key.len()];
    bytes.extend(extras.iter().chain(&key).chain(&value));
    let tag = message.tag().map(str::to_owned);
    let asked =
        Asked { code: opcode, opaque, key, tag, quiet: is_quiet(opcode), ..Asked::default() };
    Ok(Outgoing { bytes, borders, asked: Some(asked) })
}

struct Request<'a> {
    message: &'a Message<Value>,
    scope: &'a Scope,
}

impl Request<'_> {
    fn number(&self, name: &str, default: i128) -> Result<u64, EvalError> {
        self.message.field(name).map_or(Ok(default), |value| value.number(self.scope)).map(bits)
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, EvalError> {
        self.message.field(name).map_or_else(|| Ok(Vec::new()), |value| value.bytes(self.scope))
    }

    /// The extras that the opcode wants, unless the session brings its own.
    #[expect(clippy::cast_possible_truncation, reason = "flags and expiry are 32 bits wide")]
    fn extras(&self, opcode: u8) -> Result<Vec<u8>, EvalError> {
        if self.message.field("extras").is_some() {
            return self.bytes("extras");
        }
        let expiry = (self.number("exp", 0)? as u32).to_be_bytes();
        let flags = (self.number("flags", 0)? as u32).to_be_bytes();
        Ok(match opcode {
            0x01..=0x03 | 0x11..=0x13 => [flags, expiry].concat(),
            0x05 | 0x06 | 0x15 | 0x16 => {
                let delta = self.number("delta", 1)?.to_be_bytes();
                let initial = self.number("initial", 0)?.to_be_bytes();
                [&delta[..], &initial, &expiry].concat()
            }
            0x1c | 0x1d | 0x1e | 0x23 | 0x24 => expiry.to_vec(),
            0x08 | 0x18 if self.message.field("exp").is_some() => expiry.to_vec(),
            _ => Vec::new(),
        })
    }
}
