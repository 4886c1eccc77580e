//! Locker replies, built as loosely as a session asks for.

use crate::session::{EvalError, Message, Scope, Value};
use crate::wire::locker::{Results, code, outcome_byte};
use crate::wire::{Asked, Outgoing, bits, check_fields};

pub(super) fn check(words: &[String], fields: &[(String, Value)]) -> Result<(), String> {
    check_fields(fields, &["cmd"])?;
    let (outcome, name) = match words {
        [outcome] => (outcome, None),
        [outcome, name] => (outcome, Some(name)),
        _ => {
            return Err("a reply is an outcome and, if need be, the request's name".to_owned());
        }
    };
    if byte(Results::Small, outcome).is_none() {
        return Err(format!("`{outcome}` is no outcome: ok, busy, … or a number such as 0x09"));
    }
    match name {
        Some(name) if code(name).is_none() => Err(format!("`{name}` is no locker command")),
        _ => Ok(()),
    }
}

/// An outcome's byte, or any by number.
fn byte(results: Results, outcome: &str) -> Option<u8> {
    let hex = || outcome.strip_prefix("0x").and_then(|hex| u8::from_str_radix(hex, 16).ok());
    outcome_byte(results, outcome).or_else(hex)
}

#[expect(clippy::cast_possible_truncation, reason = "a cmd is a byte; sessions may send any")]
pub(super) fn encode(
    results: Results,
    message: &Message<Value>,
    scope: &Scope,
    asked: Option<&Asked>,
) -> Result<Outgoing, EvalError> {
    let mut words = message.words().iter();
    let outcome = words.next().and_then(|word| byte(results, word)).unwrap_or_default();
    let named = words.next().and_then(|name| code(name));
    let request = named.or_else(|| asked.map(|asked| asked.code)).unwrap_or_default();
    // LKR-004, and LKR-101 for a cmd that nobody knows.
    let cmd = if (122..=127).contains(&request) { 128 - request } else { 0 };
    let cmd = message.field("cmd").map_or(Ok(i128::from(cmd)), |value| value.number(scope))?;
    Ok(Outgoing { bytes: vec![bits(cmd) as u8, outcome], borders: vec![1], asked: None })
}
