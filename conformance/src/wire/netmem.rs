//! NetMem: 13-byte headers, big-endian; a payload behind UNLOCK, UPDATE and every reply whose length is above 0.

use super::{Asked, Comparison, Outgoing, Reply, Taken, bits, check_fields};
use crate::session::{Datum, EvalError, Message, Pattern, Scope, Value};

const HEADER: usize = 13;

const TYPES: [(&str, u8); 6] =
    [("version", 0), ("params", 1), ("read", 2), ("lock", 3), ("unlock", 4), ("update", 5)];

pub(super) const NO_SUCH_PAGE: u8 = 100;
pub(super) const NOT_LOCKED: u8 = 101;

pub(super) const REQUEST_FIELDS: &[&str] = &["page", "version", "data", "length"];

/// The type byte of a request's name.
pub(super) fn code(name: &str) -> Option<u8> {
    TYPES
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, code)| *code)
        .or_else(|| name.parse().ok())
}

/// The name of a request's type, or its number.
pub(super) fn request_name(code: u8) -> String {
    TYPES
        .iter()
        .find(|(_, other)| *other == code)
        .map_or_else(|| code.to_string(), |(name, _)| (*name).to_owned())
}

fn reply_name(code: u8) -> String {
    match code {
        NO_SUCH_PAGE => "no_such_page".to_owned(),
        NOT_LOCKED => "not_locked".to_owned(),
        _ => TYPES
            .iter()
            .find(|(_, other)| *other == code)
            .map_or_else(|| code.to_string(), |(name, _)| (*name).to_owned()),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "fields are 32 bits wide; sessions may send any"
)]
pub(super) fn encode(message: &Message<Value>, scope: &Scope) -> Result<Outgoing, EvalError> {
    let number = |name: &str, default: i128| {
        message.field(name).map_or(Ok(default), |value| value.number(scope))
    };
    let data = message.field("data").map_or_else(|| Ok(Vec::new()), |value| value.bytes(scope))?;
    let page = bits(number("page", 0)?) as u32;
    let code = message.words().first().and_then(|name| code(name)).unwrap_or_default();
    let mut bytes = vec![code];
    bytes.extend(page.to_be_bytes());
    bytes.extend((bits(number("length", data.len() as i128)?) as u32).to_be_bytes());
    bytes.extend((bits(number("version", 0)?) as u32).to_be_bytes());
    bytes.extend(data);
    let asked = Asked { code, page, tag: message.tag().map(str::to_owned), ..Asked::default() };
    Ok(Outgoing { bytes, borders: vec![1, 5, 9, HEADER], asked: Some(asked) })
}

pub(super) fn take(buffer: &[u8], data_max: usize) -> Taken {
    let Some((header, rest)) = buffer.split_first_chunk::<HEADER>() else {
        return Taken::Incomplete(HEADER);
    };
    let word = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let length = word(5) as usize;
    if length > data_max {
        return Taken::Broken(format!("a reply that announces {length} bytes of data"));
    }
    let Some(data) = rest.get(..length) else { return Taken::Incomplete(HEADER + length) };
    let code = header[0];
    #[expect(clippy::cast_possible_wrap, reason = "the version is two's complement on the wire")]
    let version = i128::from(word(9) as i32);
    let fields = match code {
        0 => vec![
            ("page", Datum::Number(i128::from(word(1)))),
            ("version", Datum::Number(i128::from(word(9)))),
        ],
        1 => {
            vec![("pages", Datum::Number(i128::from(word(1)))), ("length", Datum::Number(version))]
        }
        _ => {
            vec![("page", Datum::Number(i128::from(word(1)))), ("version", Datum::Number(version))]
        }
    };
    let mut reply = Reply {
        words: vec![reply_name(code)],
        fields,
        code,
        length: HEADER + length,
        ..Reply::default()
    };
    reply.fields.push(("data", Datum::Bytes(data.to_vec())));
    Taken::Whole(reply)
}

pub(super) fn check_reply(words: &[String], fields: &[(String, Pattern)]) -> Result<(), String> {
    let [name] = words else { return Err("a NetMem reply is one name and its fields".to_owned()) };
    let known: &[&str] = match name.as_str() {
        "params" => &["pages", "length"],
        "version" | "unlock" | "update" | "no_such_page" | "not_locked" => &["page", "version"],
        "read" | "lock" => &["page", "version", "data"],
        _ if name.parse::<u8>().is_ok() => &["page", "version", "data"],
        _ => return Err(format!("`{name}` is no NetMem reply")),
    };
    check_fields(fields, known)?;
    let versioned = matches!(name.as_str(), "read" | "lock" | "unlock" | "update");
    if versioned && !fields.iter().any(|(field, _)| field == "version") {
        return Err(format!("a {name} reply needs `version=` (`*` if it does not matter)"));
    }
    Ok(())
}

/// Holds a reply against its expectation: type, page, version and data by NM-READ, NM-LOCK, NM-UNLK and NM-UPD;
/// a reply without data has length 0 (NM-FRAME-05).
pub(super) fn compare(
    expected: &Message<Pattern>,
    asked: Option<&Asked>,
    comparison: &mut Comparison<'_>,
) -> Result<(), EvalError> {
    let wanted = expected.words().first().map_or("", String::as_str);
    let wanted = wanted.parse().map_or_else(|_| wanted.to_owned(), reply_name);
    let got = reply_name(comparison.reply.code);
    comparison.require(got == wanted, "type", &wanted, &got);
    if got != wanted {
        return Ok(());
    }
    for (name, pattern) in expected.fields() {
        comparison.field(name, pattern)?;
    }
    let paged = (2..=5).contains(&comparison.reply.code);
    if let (true, None, Some(asked)) = (paged, expected.field("page"), asked) {
        let page = i128::from(asked.page);
        comparison.field("page", &Pattern::Value(Value::Number { value: page, hex: false }))?;
    }
    if expected.field("data").is_none() {
        let length = comparison.reply.length - HEADER;
        comparison.require(length == 0, "length", "0 (no data)", format!("{length} bytes of data"));
    }
    Ok(())
}
