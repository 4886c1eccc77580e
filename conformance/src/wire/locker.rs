//! Locker: a little-endian header and keys joined by a separator; two bytes back.

use super::{Asked, Comparison, Outgoing, Reply, Taken, bits, check_fields};
use crate::session::{EvalError, Message, Pattern, Scope, Value};

pub(super) const SEPARATOR: &[u8] = b"#!@^^$#";

const COMMANDS: [(&str, u8); 6] = [
    ("get", 127),
    ("batch_get", 126),
    ("release", 125),
    ("batch_release", 124),
    ("query", 123),
    ("batch_query", 122),
];

/// Outcomes, by name, default byte and errno byte.
const OUTCOMES: [(&str, u8, u8); 8] = [
    ("ok", 0, 0),
    ("busy", 1, 16),
    ("not_held", 2, 1),
    ("malformed", 3, 22),
    ("unknown_command", 4, 38),
    ("too_large", 5, 90),
    ("no_resources", 6, 12),
    ("self_held", 7, 114),
];

pub(super) const REQUEST_FIELDS: &[&str] = &["number", "length", "body", "pad"];

/// How a request header is laid out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Layout {
    /// 16 bytes: cmd, three bytes of padding, number, length.
    #[default]
    Natural,
    /// 13 bytes: cmd, number, length.
    Packed,
}

/// Which numbers stand for the outcomes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Results {
    /// 0 to 7.
    #[default]
    Small,
    /// Linux errno values.
    Errno,
}

/// The cmd byte of a request's name.
pub(super) fn code(name: &str) -> Option<u8> {
    COMMANDS
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, code)| *code)
        .or_else(|| name.strip_prefix("0x").and_then(|hex| u8::from_str_radix(hex, 16).ok()))
        .or_else(|| name.parse().ok())
}

/// The name of a cmd byte, or its number.
pub(super) fn command_name(code: u8) -> String {
    COMMANDS
        .iter()
        .find(|(_, other)| *other == code)
        .map_or_else(|| format!("{code:#04x}"), |(name, _)| (*name).to_owned())
}

fn outcome_name(results: Results, byte: u8) -> String {
    OUTCOMES
        .iter()
        .find(|(_, small, errno)| byte == if results == Results::Small { *small } else { *errno })
        .map_or_else(|| format!("outcome {byte}"), |(name, ..)| (*name).to_owned())
}

/// The byte of an outcome's name.
pub(super) fn outcome_byte(results: Results, name: &str) -> Option<u8> {
    let (_, small, errno) = OUTCOMES.iter().find(|(other, ..)| *other == name)?;
    Some(if results == Results::Small { *small } else { *errno })
}

pub(super) fn encode(
    layout: Layout,
    message: &Message<Value>,
    scope: &Scope,
) -> Result<Outgoing, EvalError> {
    let code = message.words().first().and_then(|name| code(name)).unwrap_or_default();
    let body = match message.field("body") {
        Some(value) => value.bytes(scope)?,
        None => joined(message.args(), scope)?,
    };
    let number = message
        .field("number")
        .map_or(Ok(message.args().len() as i128), |value| value.number(scope))?;
    let length =
        message.field("length").map_or(Ok(body.len() as i128), |value| value.number(scope))?;
    let mut bytes = vec![code];
    if layout == Layout::Natural {
        let mut pad =
            message.field("pad").map_or_else(|| Ok(Vec::new()), |value| value.bytes(scope))?;
        pad.resize(3, 0);
        bytes.extend(pad);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the field is 32 bits wide; sessions may send any"
    )]
    bytes.extend((bits(number) as u32).to_le_bytes());
    bytes.extend(bits(length).to_le_bytes());
    let header = bytes.len();
    bytes.extend(body);
    let asked = Asked { code, tag: message.tag().map(str::to_owned), ..Asked::default() };
    Ok(Outgoing { bytes, borders: vec![1, header - 12, header - 8, header], asked: Some(asked) })
}

fn joined(keys: &[Value], scope: &Scope) -> Result<Vec<u8>, EvalError> {
    let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.bytes(scope)).collect::<Result<_, _>>()?;
    Ok(keys.join(SEPARATOR))
}

pub(super) fn take(results: Results, buffer: &[u8]) -> Taken {
    let [cmd, outcome, ..] = buffer else { return Taken::Incomplete(2) };
    let reply = Reply {
        words: vec![outcome_name(results, *outcome), format!("cmd={cmd}")],
        code: *cmd,
        status: u16::from(*outcome),
        length: 2,
        ..Reply::default()
    };
    Taken::Whole(reply)
}

pub(super) fn check_reply(words: &[String], fields: &[(String, Pattern)]) -> Result<(), String> {
    check_fields(fields, &[])?;
    let outcome = match words {
        [outcome] => outcome,
        [outcome, name] if code(name).is_some() => outcome,
        [_, name] => return Err(format!("`{name}` is no locker command")),
        _ => return Err("a locker reply is an outcome and the request's name".to_owned()),
    };
    match outcome.split('|').find(|outcome| !OUTCOMES.iter().any(|(name, ..)| name == outcome)) {
        Some(unknown) => Err(format!(
            "`{unknown}` is no outcome: ok busy not_held malformed unknown_command too_large no_resources self_held"
        )),
        None => Ok(()),
    }
}

/// Holds a reply against its expectation: outcome, and cmd = 128 - the request's (LKR-004), 0 for an unknown cmd (LKR-101).
pub(super) fn compare(
    expected: &Message<Pattern>,
    asked: Option<&Asked>,
    comparison: &mut Comparison<'_>,
) {
    let got = comparison.reply.words.first().cloned().unwrap_or_default();
    let wanted = expected.words().first().map_or("", String::as_str);
    comparison.require(wanted.split('|').any(|name| name == got), "outcome", wanted, &got);
    let name = expected.words().get(1).and_then(|name| code(name));
    if let Some(request) = asked.map(|asked| asked.code).or(name) {
        let cmd = if (122..=127).contains(&request) { 128 - request } else { 0 };
        let why = format!("{cmd} (the request's cmd is {request})");
        comparison.require(comparison.reply.code == cmd, "cmd", &why, comparison.reply.code);
    }
}
