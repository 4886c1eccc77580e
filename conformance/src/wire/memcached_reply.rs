//! memcached binary replies, read strictly: every header field, the body's shape for that opcode and status, the CAS
//! rule. The defaults for fields that a session does not list stand in `docs/session-format.md`.

use super::memcached::{HEADER, opcode, opcode_name};
use super::{Asked, Comparison, Reply, Taken, check_fields, shortened};
use crate::session::{Datum, EvalError, Message, Pattern, Value};

const STATUSES: [(&str, u16); 10] = [
    ("ok", 0x0000),
    ("not_found", 0x0001),
    ("key_exists", 0x0002),
    ("too_large", 0x0003),
    ("invalid", 0x0004),
    ("not_stored", 0x0005),
    ("non_numeric", 0x0006),
    ("auth_error", 0x0020),
    ("auth_continue", 0x0021),
    ("unknown_command", 0x0081),
];
const OUT_OF_MEMORY: (&str, u16) = ("out_of_memory", 0x0082);

const FIELDS: &[&str] = &["key", "value", "flags", "cas", "counter", "text", "extras", "opaque"];

pub(super) fn status(name: &str) -> Option<u16> {
    STATUSES
        .iter()
        .chain([&OUT_OF_MEMORY])
        .find(|(other, _)| *other == name)
        .map(|(_, status)| *status)
        .or_else(|| name.strip_prefix("0x").and_then(|hex| u16::from_str_radix(hex, 16).ok()))
}

fn status_name(status: u16) -> String {
    STATUSES
        .iter()
        .chain([&OUT_OF_MEMORY])
        .find(|(_, other)| *other == status)
        .map_or_else(|| format!("{status:#06x}"), |(name, _)| (*name).to_owned())
}

pub(super) fn check(words: &[String], fields: &[(String, Pattern)]) -> Result<(), String> {
    if let [name] = words
        && name == "stats"
    {
        return Ok(());
    }
    check_fields(fields, FIELDS)?;
    let [statuses, name] = words else {
        return Err(
            "a memcached reply is a status and an opcode: `ok get`, `not_found|not_stored append`"
                .to_owned(),
        );
    };
    let unknown = statuses.split('|').find(|name| *name != "*" && status(name).is_none());
    if let Some(name) = unknown {
        return Err(format!(
            "`{name}` is no status: ok, not_found, key_exists, … or a number such as 0x0084"
        ));
    }
    opcode(name).map(|_| ()).ok_or_else(|| format!("`{name}` is no memcached opcode"))
}

/// Decodes the reply at the front of `buffer`.
pub(super) fn take(buffer: &[u8], body_max: usize) -> Taken {
    if let Some(&magic) = buffer.first()
        && magic != 0x81
    {
        return Taken::Broken(format!(
            "magic {magic:#04x} at offset 0 where a reply begins (0x81)"
        ));
    }
    let Some((header, rest)) = buffer.split_first_chunk::<HEADER>() else {
        return Taken::Incomplete(HEADER);
    };
    let (keys, extras) =
        (usize::from(u16::from_be_bytes([header[2], header[3]])), usize::from(header[4]));
    let body = u32::from_be_bytes([header[8], header[9], header[10], header[11]]) as usize;
    if body < keys + extras {
        return Taken::Broken(format!(
            "total body length {body} at offset 8: less than extras {extras} + key {keys}"
        ));
    }
    if body > body_max {
        return Taken::Broken(format!(
            "total body length {body} at offset 8: more than {body_max} (?max-value= raises that)"
        ));
    }
    let Some(body) = rest.get(..body) else { return Taken::Incomplete(HEADER + body) };
    let (extras, rest) = body.split_at(extras);
    let (key, value) = rest.split_at(keys);
    Taken::Whole(decoded(header, extras, key, value))
}

fn decoded(header: &[u8; HEADER], extras: &[u8], key: &[u8], value: &[u8]) -> Reply {
    let status = u16::from_be_bytes([header[6], header[7]]);
    let number = |range: std::ops::Range<usize>| {
        Datum::Number(header[range].iter().fold(0, |sum, &byte| sum * 256 + i128::from(byte)))
    };
    let big_endian = |bytes: &[u8]| bytes.iter().fold(0, |sum, &byte| sum * 256 + i128::from(byte));
    let mut fields = vec![("key", Datum::Bytes(key.to_vec()))];
    let counter = matches!(header[1], 0x05 | 0x06 | 0x15 | 0x16) && status == 0;
    if counter && value.len() == 8 {
        fields.push(("counter", Datum::Number(big_endian(value))));
    } else {
        fields.push(("value", Datum::Bytes(value.to_vec())));
    }
    if extras.len() == 4 {
        fields.push(("flags", Datum::Number(big_endian(extras))));
    }
    fields.push(("cas", number(16..24)));
    fields.push(("extras", Datum::Bytes(extras.to_vec())));
    fields.push(("opaque", number(12..16)));
    fields.push(("datatype", number(5..6)));
    fields.push(("text", Datum::Bytes(value.to_vec())));
    Reply {
        words: vec![status_name(status), opcode_name(header[1])],
        fields,
        code: header[1],
        status,
        length: HEADER + extras.len() + key.len() + value.len(),
        ..Reply::default()
    }
}

/// Holds a reply against its expectation.
pub(super) fn compare(
    expected: &Message<Pattern>,
    asked: Option<&Asked>,
    comparison: &mut Comparison<'_>,
) -> Result<(), EvalError> {
    let (reply_code, reply_status) = (comparison.reply.code, comparison.reply.status);
    let words = expected.words();
    let (statuses, name) =
        (words.first().map_or("", String::as_str), words.get(1).map_or("", String::as_str));
    comparison.require(opcode(name) == Some(reply_code), "opcode", name, opcode_name(reply_code));
    match (expected.field("opaque"), asked) {
        (Some(pattern), _) => comparison.field("opaque", pattern)?,
        (None, Some(asked)) => number(comparison, "opaque", i128::from(asked.opaque))?,
        (None, None) => comparison.differs(
            "opaque",
            "a request of this session".to_owned(),
            "no request of that opcode waits for a reply".to_owned(),
        ),
    }
    number(comparison, "datatype", 0)?;
    let fits = statuses.split('|').any(|name| name == "*" || status(name) == Some(reply_status));
    comparison.require(fits, "status", statuses, status_name(reply_status));
    if !fits {
        // The body of another kind of reply is no difference of its own.
        return Ok(());
    }
    for (name, pattern) in expected.fields() {
        if name != "opaque" {
            comparison.field(name, pattern)?;
        }
    }
    defaults(expected, asked, comparison)
}

/// The rules for what a session does not list.
fn defaults(
    expected: &Message<Pattern>,
    asked: Option<&Asked>,
    comparison: &mut Comparison<'_>,
) -> Result<(), EvalError> {
    let unlisted = |name: &str| expected.field(name).is_none();
    let code = comparison.reply.code;
    if comparison.reply.status != 0 && comparison.reply.status != 0x0021 {
        return error_defaults(expected, asked, comparison);
    }
    let key = asked.map(|asked| asked.key.clone()).unwrap_or_default();
    let is_get = matches!(code, 0x00 | 0x09 | 0x0c | 0x0d | 0x1d | 0x1e | 0x23 | 0x24);
    let with_key = matches!(code, 0x0c | 0x0d | 0x23 | 0x24);
    let is_text = matches!(code, 0x0b | 0x20 | 0x21 | 0x22);
    let is_counter = matches!(code, 0x05 | 0x06 | 0x15 | 0x16);
    if unlisted("key") {
        bytes(comparison, "key", if with_key { key } else { Vec::new() })?;
    }
    if unlisted("extras") {
        match code {
            0x1c => touch_extras(comparison),
            _ if is_get => length(comparison, "extras", 4),
            _ if unlisted("flags") => length(comparison, "extras", 0),
            _ => {}
        }
    }
    if is_get && unlisted("flags") && unlisted("extras") {
        number(comparison, "flags", 0)?;
    }
    if is_counter && unlisted("value") {
        length(comparison, "text", 8);
    } else if unlisted("value") && unlisted("text") && !is_text && unlisted("counter") {
        bytes(comparison, "value", Vec::new())?;
    }
    // A name that is bound here, `*` and `!$c` ask for any legal value, and 0 is none where a CAS is given out.
    let open = expected.field("cas").is_none_or(|pattern| {
        matches!(pattern, Pattern::Any | Pattern::Not(_)) || pattern.binds().is_some()
    });
    if open && code != 0x1c {
        let assigns = is_get
            || is_counter
            || matches!(code, 0x01..=0x03 | 0x0e | 0x0f | 0x11..=0x13 | 0x19 | 0x1a);
        if assigns {
            comparison.field("cas", &Pattern::Not(Value::Number { value: 0, hex: false }))?;
        } else if unlisted("cas") {
            number(comparison, "cas", 0)?;
        }
    }
    Ok(())
}

/// MCB-HDR-10: no extras, CAS 0, no key (a GETK or GATK miss may carry the request's key instead of a text, MCB-GET-04).
fn error_defaults(
    expected: &Message<Pattern>,
    asked: Option<&Asked>,
    comparison: &mut Comparison<'_>,
) -> Result<(), EvalError> {
    let unlisted = |name: &str| expected.field(name).is_none();
    if unlisted("extras") {
        length(comparison, "extras", 0);
    }
    if unlisted("cas") {
        number(comparison, "cas", 0)?;
    }
    let key = field_bytes(comparison, "key");
    let echoed = matches!(comparison.reply.code, 0x0c | 0x0d | 0x23 | 0x24)
        && comparison.reply.status == 0x0001
        && asked.is_some_and(|asked| asked.key == key);
    if unlisted("key") && !echoed {
        bytes(comparison, "key", Vec::new())?;
    }
    let text = field_bytes(comparison, "text");
    if unlisted("text") && unlisted("value") {
        let printable = !text.is_empty() && text.iter().all(|byte| (0x20..0x7f).contains(byte));
        let got = shortened(&Datum::Bytes(text.clone()));
        comparison.require(
            printable || (echoed && text.is_empty()),
            "text",
            "a printable text that says why",
            got,
        );
    }
    Ok(())
}

/// MCB-TCH-03: nothing, or the item's flags.
fn touch_extras(comparison: &mut Comparison<'_>) {
    let got = field_bytes(comparison, "extras").len();
    comparison.require(got == 0 || got == 4, "extras", "0 or 4 bytes", format!("{got} bytes"));
}

fn field_bytes(comparison: &Comparison<'_>, name: &str) -> Vec<u8> {
    comparison.reply.field(name).cloned().map(Datum::into_bytes).unwrap_or_default()
}

fn length(comparison: &mut Comparison<'_>, name: &str, wanted: usize) {
    let got = field_bytes(comparison, name).len();
    comparison.require(got == wanted, name, &format!("{wanted} bytes"), format!("{got} bytes"));
}

fn number(comparison: &mut Comparison<'_>, name: &str, value: i128) -> Result<(), EvalError> {
    comparison.field(name, &Pattern::Value(Value::Number { value, hex: false }))
}

fn bytes(comparison: &mut Comparison<'_>, name: &str, value: Vec<u8>) -> Result<(), EvalError> {
    comparison.field(name, &Pattern::Value(Value::Text(value)))
}
