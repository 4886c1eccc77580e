//! memcached binary requests.

use super::{BODY_MAX, Fields, Request, TakenRequest, bits_value, list, named, number, value_of};
use crate::session::Value;
use crate::wire::Asked;
use crate::wire::memcached::{HEADER, opcode_name};

pub(super) fn take(buffer: &[u8]) -> TakenRequest {
    if buffer.first() != Some(&0x80) {
        return TakenRequest::Broken;
    }
    let Some((header, rest)) = buffer.split_first_chunk::<HEADER>() else {
        return TakenRequest::Incomplete(HEADER);
    };
    let keys = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let extras = usize::from(header[4]);
    let body = u32::from_be_bytes([header[8], header[9], header[10], header[11]]) as usize;
    if body < keys + extras || body > BODY_MAX {
        return TakenRequest::Broken;
    }
    let Some(body) = rest.get(..body) else { return TakenRequest::Incomplete(HEADER + body) };
    let (extras, rest) = body.split_at(extras);
    let (key, value) = rest.split_at(keys);
    let mut fields = Fields::new();
    if !key.is_empty() {
        list(&mut fields, "key", value_of(key));
    }
    if !value.is_empty() {
        list(&mut fields, "value", value_of(value));
    }
    extras_fields(header[1], extras, &mut fields);
    header_fields(header, &mut fields);
    let opaque = u32::from_be_bytes([header[12], header[13], header[14], header[15]]);
    TakenRequest::Whole(Request {
        message: named(opcode_name(header[1]), Vec::new(), fields),
        length: HEADER + body.len(),
        asked: Some(Asked { opaque, ..Asked::default() }),
    })
}

/// The extras by their names where they have the shape that the opcode wants, else as bytes.
fn extras_fields(opcode: u8, extras: &[u8], fields: &mut Fields) {
    let known = match (opcode, extras) {
        (0x01..=0x03 | 0x11..=0x13, [flags @ .., a, b, c, d]) if flags.len() == 4 => {
            unless(fields, "flags", bits_value(big_endian(flags)), 0);
            unless(fields, "exp", expiry(&[*a, *b, *c, *d]), 0);
            true
        }
        (0x05 | 0x06 | 0x15 | 0x16, extras) if extras.len() == 20 => {
            let (delta, rest) = extras.split_at(8);
            let (initial, exp) = rest.split_at(8);
            unless(fields, "exp", expiry(exp), 0);
            unless(fields, "delta", number(big_endian(delta)), 1);
            unless(fields, "initial", number(big_endian(initial)), 0);
            true
        }
        (0x1c | 0x1d | 0x1e | 0x23 | 0x24, exp) if exp.len() == 4 => {
            unless(fields, "exp", expiry(exp), 0);
            true
        }
        (0x08 | 0x18, exp) if exp.len() == 4 => {
            list(fields, "exp", expiry(exp));
            true
        }
        (0x01..=0x03 | 0x05 | 0x06 | 0x11..=0x13 | 0x15 | 0x16 | 0x1c..=0x1e | 0x23 | 0x24, _) => {
            false
        }
        (_, extras) => extras.is_empty(),
    };
    if !known {
        list(
            fields,
            "extras",
            if extras.is_empty() { Value::Text(Vec::new()) } else { Value::Hex(extras.to_vec()) },
        );
    }
}

/// What a header says beyond the lengths, where it is not the default. Lengths cannot lie here: they were read by.
fn header_fields(header: &[u8; HEADER], fields: &mut Fields) {
    let cas = big_endian(&header[16..24]);
    if cas != 0 {
        let extras = fields.iter().position(|(name, _)| name == "extras").unwrap_or(fields.len());
        fields.insert(extras, ("cas".to_owned(), number(cas)));
    }
    unless(fields, "datatype", bits_value(u64::from(header[5])), 0);
    unless(fields, "vbucket", bits_value(big_endian(&header[6..8])), 0);
}

fn unless(fields: &mut Fields, name: &str, value: Value, default: i128) {
    if !matches!(value, Value::Number { value, .. } if value == default) {
        list(fields, name, value);
    }
}

/// Seconds, or bits where the number is no time of this century.
fn expiry(bytes: &[u8]) -> Value {
    let value = big_endian(bytes);
    Value::Number { value: i128::from(value), hex: value > 0x7fff_ffff }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, &byte| (sum << 8) | u64::from(byte))
}
