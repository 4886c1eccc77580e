//! Locker requests, in either layout.

use super::{BODY_MAX, Fields, Request, TakenRequest, list, named, number, value_of};
use crate::session::Value;
use crate::wire::locker::{Layout, SEPARATOR, command_name};

pub(super) fn take(layout: Layout, buffer: &[u8]) -> TakenRequest {
    let padding = if layout == Layout::Natural { 3 } else { 0 };
    let start = 1 + padding;
    let header = start + 12;
    let Some((head, rest)) = buffer.split_at_checked(header) else {
        return TakenRequest::Incomplete(header);
    };
    let little_endian =
        |bytes: &[u8]| bytes.iter().rev().fold(0u64, |sum, &byte| (sum << 8) | u64::from(byte));
    let (pad, words) = head.get(1..).unwrap_or_default().split_at(padding);
    let (count, length) = words.split_at(4);
    let (count, length) = (little_endian(count), little_endian(length));
    let Some(length) = usize::try_from(length).ok().filter(|length| *length <= BODY_MAX) else {
        return TakenRequest::Broken;
    };
    let Some(body) = rest.get(..length) else { return TakenRequest::Incomplete(header + length) };
    let keys = if body.is_empty() && count == 0 { Vec::new() } else { split(body) };
    let mut fields = Fields::new();
    if keys.len() as u64 != count {
        list(&mut fields, "number", number(count));
    }
    if pad.iter().any(|byte| *byte != 0) {
        list(&mut fields, "pad", Value::Hex(pad.to_vec()));
    }
    let code = buffer.first().copied().unwrap_or_default();
    TakenRequest::Whole(Request {
        message: named(command_name(code), keys, fields),
        length: header + length,
        asked: None,
    })
}

fn split(body: &[u8]) -> Vec<Value> {
    let mut keys = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < body.len() {
        if body.get(at..).is_some_and(|rest| rest.starts_with(SEPARATOR)) {
            keys.push(value_of(body.get(start..at).unwrap_or_default()));
            at += SEPARATOR.len();
            start = at;
        } else {
            at += 1;
        }
    }
    keys.push(value_of(body.get(start..).unwrap_or_default()));
    keys
}
