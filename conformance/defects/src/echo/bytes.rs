//! What comes back for what came: the same, unless a defect is on.

use super::Echo;
use super::defects::Switch;

/// Takes from `buffer` what is echoed now, and says what comes back for it.
pub(super) fn echo_of(server: &Echo, buffer: &mut Vec<u8>) -> Vec<u8> {
    let on = |switch| server.switches.on(switch);
    let ready = if on(Switch::WaitsForNul) {
        through_last(buffer, 0)
    } else if on(Switch::OneStringARead) {
        through_first(buffer, 0)
    } else {
        buffer.len()
    };
    let mut bytes: Vec<u8> = buffer.drain(..ready).collect();
    if on(Switch::StopsAtNul) {
        bytes.truncate(through_first(&bytes, 0));
    }
    if on(Switch::AddsNul) && !bytes.ends_with(b"\0") {
        bytes.push(0);
    }
    if on(Switch::StaleTail) {
        bytes = with_stale_tail(bytes, &mut server.earlier.borrow_mut());
    }
    if on(Switch::StripsNewline) && bytes.ends_with(b"\n") {
        bytes.pop();
    }
    if on(Switch::CrlfToLf) {
        bytes = without_cr(&bytes);
    }
    if on(Switch::SevenBits) {
        for byte in &mut bytes {
            *byte &= 0x7f;
        }
    }
    if on(Switch::CutAt1024) {
        bytes.truncate(1024);
    }
    if on(Switch::FullBufferLosesAByte) {
        bytes = bytes.chunks(512).flat_map(|full| &full[..full.len().min(511)]).copied().collect();
    }
    bytes
}

fn through_last(bytes: &[u8], end: u8) -> usize {
    bytes.iter().rposition(|byte| *byte == end).map_or(0, |last| last + 1)
}

fn through_first(bytes: &[u8], end: u8) -> usize {
    bytes.iter().position(|byte| *byte == end).map_or(bytes.len(), |first| first + 1)
}

/// What a C string in a buffer that is used again shows: `bytes`, and the old bytes up to a NUL.
fn with_stale_tail(mut bytes: Vec<u8>, earlier: &mut Vec<u8>) -> Vec<u8> {
    if !bytes.contains(&0) {
        let tail = earlier.get(bytes.len()..).unwrap_or_default();
        bytes.extend_from_slice(&tail[..through_first(tail, 0)]);
    }
    earlier.clone_from(&bytes);
    bytes
}

fn without_cr(bytes: &[u8]) -> Vec<u8> {
    let kept = (0..bytes.len()).filter(|at| !bytes[*at..].starts_with(b"\r\n"));
    kept.map(|at| bytes[at]).collect()
}
