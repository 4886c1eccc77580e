//! From a body to keys.

use super::defects::{Switch, Switches};
use super::frame::Request;

const SEPARATOR: &[u8] = b"#!@^^$#";

/// The keys of a request, in their order, empty ones among them.
pub(super) fn keys(request: &Request, switches: Switches) -> Vec<Vec<u8>> {
    let on = |switch| switches.on(switch);
    let body = request.body.as_slice();
    let mut keys: Vec<Vec<u8>> = if on(Switch::SplitsFromTheRight) {
        split_from_the_right(body)
    } else if on(Switch::SplitsAtAnyByte) {
        let parts = body.split(|byte| SEPARATOR.contains(byte));
        parts.filter(|part| !part.is_empty()).map(<[u8]>::to_vec).collect()
    } else {
        split(body, request, switches)
    };
    if on(Switch::EmptyKeysDropped) {
        keys.retain(|key| !key.is_empty());
    }
    keys.into_iter().map(|key| bent(key, switches)).collect()
}

/// Cut from left to right at the first match; matches do not overlap.
fn split(body: &[u8], request: &Request, switches: Switches) -> Vec<Vec<u8>> {
    let hides = switches.on(Switch::BorderHidesSeparator);
    let is_hidden = |at: usize| {
        hides
            && request.borders.iter().any(|border| (at + 1..at + SEPARATOR.len()).contains(border))
    };
    let step = SEPARATOR.len() - usize::from(switches.on(Switch::SeparatorsOverlap));
    let (mut keys, mut from, mut at) = (Vec::new(), 0, 0);
    while at < body.len() {
        if body[at..].starts_with(SEPARATOR) && !is_hidden(at) {
            keys.push(body[from.min(at)..at].to_vec());
            from = at + SEPARATOR.len();
            at += step;
        } else {
            at += 1;
        }
    }
    keys.push(body[from..].to_vec());
    keys
}

fn split_from_the_right(mut body: &[u8]) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    while let Some(at) = body.windows(SEPARATOR.len()).rposition(|part| part == SEPARATOR) {
        keys.push(body[at + SEPARATOR.len()..].to_vec());
        body = &body[..at];
    }
    keys.push(body.to_vec());
    keys.reverse();
    keys
}

/// A key as it is, unless a defect takes it for something else.
fn bent(mut key: Vec<u8>, switches: Switches) -> Vec<u8> {
    let on = |switch| switches.on(switch);
    if on(Switch::KeysEndAtNul) {
        let end = key.iter().position(|byte| *byte == 0);
        key.truncate(end.unwrap_or(key.len()));
    }
    if on(Switch::KeysTrimmed) {
        key.truncate(key.trim_ascii_end().len());
    }
    if on(Switch::KeysCaseFolded) {
        key.make_ascii_lowercase();
    }
    if on(Switch::KeysAreText) {
        key = String::from_utf8_lossy(&key).into_owned().into_bytes();
    }
    if on(Switch::KeysCutAt255) {
        key.truncate(255);
    }
    key
}
