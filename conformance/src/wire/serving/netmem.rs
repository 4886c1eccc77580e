//! NetMem replies, built as loosely as a session asks for.

use crate::session::{EvalError, Message, Scope, Value};
use crate::wire::netmem::{NO_SUCH_PAGE, NOT_LOCKED, code};
use crate::wire::{Asked, Outgoing, bits, check_fields};

pub(super) fn check(words: &[String], fields: &[(String, Value)]) -> Result<(), String> {
    let [name] = words else { return Err("a NetMem reply is one name and its fields".to_owned()) };
    if name == "params" {
        return check_fields(fields, &["pages", "length"]);
    }
    if reply_code(name).is_none() {
        return Err(format!("`{name}` is no NetMem reply"));
    }
    check_fields(fields, &["page", "version", "data", "length"])
}

fn reply_code(name: &str) -> Option<u8> {
    match name {
        "no_such_page" => Some(NO_SUCH_PAGE),
        "not_locked" => Some(NOT_LOCKED),
        _ => code(name),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "fields are 32 bits wide; sessions may send any"
)]
pub(super) fn encode(
    message: &Message<Value>,
    scope: &Scope,
    asked: Option<&Asked>,
) -> Result<Outgoing, EvalError> {
    let number = |name: &str, default: i128| {
        let value = message.field(name).map_or(Ok(default), |value| value.number(scope))?;
        Ok::<_, EvalError>((bits(value) as u32).to_be_bytes())
    };
    let name = message.words().first().map_or("", String::as_str);
    let data = message.field("data").map_or_else(|| Ok(Vec::new()), |value| value.bytes(scope))?;
    let mut bytes = vec![reply_code(name).unwrap_or_default()];
    if name == "params" {
        bytes.extend(number("pages", 0)?.iter().chain(&[0; 4]).chain(&number("length", 0)?));
    } else {
        bytes.extend(number("page", asked.map_or(0, |asked| i128::from(asked.page)))?);
        bytes.extend(number("length", data.len() as i128)?);
        bytes.extend(number("version", 0)?);
    }
    let header = bytes.len();
    bytes.extend(data);
    Ok(Outgoing { bytes, borders: vec![1, 5, 9, header], asked: None })
}
