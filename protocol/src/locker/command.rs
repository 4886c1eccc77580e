//! Requests: a frame's contents, and a request's bytes. It leaves out what a request does.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};

use super::frame::put_header;
use super::keys::{SEPARATOR, split_keys};
use super::{Dialect, Frame, Limits, Outcome};

/// The commands of the protocol.
pub(super) const CMDS: RangeInclusive<u8> = 122..=127;

/// What to do with the keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    /// Acquire them, all or none, at once.
    Get,
    /// Free them, all or none.
    Release,
    /// Say what a GET would answer.
    Query,
}

/// What a client asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// What to do.
    pub verb: Verb,
    /// Whether it is one of the batch commands, which take any number of keys.
    pub batch: bool,
    /// The keys in the order of the body, duplicates kept (LKR-305).
    pub keys: Vec<Bytes>,
}

/// Reads a frame's contents: checks 3 to 5 of LKR-109, in that order.
///
/// # Errors
///
/// The outcome to answer; framing is intact. `UnknownCommand`, then `Malformed`, then `TooLarge`.
pub fn parse(frame: Frame, limits: &Limits) -> Result<Request, Outcome> {
    let (verb, batch) = verb(frame.cmd).ok_or(Outcome::UnknownCommand)?;
    let keys = Keys::measure(&frame.body);
    let agrees = usize::try_from(frame.number) == Ok(keys.count);
    if !agrees || (!batch && keys.count != 1) || keys.shortest == 0 {
        return Err(Outcome::Malformed);
    }
    if keys.count > limits.keys_max || keys.longest > limits.key_max {
        return Err(Outcome::TooLarge);
    }
    Ok(Request { verb, batch, keys: split(frame, keys.count) })
}

/// What the checks need to know of a body, before anything is allocated for it.
struct Keys {
    count: usize,
    shortest: usize,
    longest: usize,
}

impl Keys {
    fn measure(body: &[u8]) -> Self {
        let start = Self { count: 0, shortest: usize::MAX, longest: 0 };
        split_keys(body).fold(start, |seen, key| Self {
            count: seen.count + 1,
            shortest: seen.shortest.min(key.len()),
            longest: seen.longest.max(key.len()),
        })
    }
}

fn split(frame: Frame, count: usize) -> Vec<Bytes> {
    if count == 1 {
        return vec![frame.body];
    }
    let mut keys = Vec::with_capacity(count);
    keys.extend(split_keys(&frame.body).map(|key| frame.body.slice_ref(key)));
    keys
}

const fn verb(cmd: u8) -> Option<(Verb, bool)> {
    Some(match cmd {
        127 => (Verb::Get, false),
        126 => (Verb::Get, true),
        125 => (Verb::Release, false),
        124 => (Verb::Release, true),
        123 => (Verb::Query, false),
        122 => (Verb::Query, true),
        _ => return None,
    })
}

impl Request {
    /// The command byte.
    pub const fn cmd(&self) -> u8 {
        match (self.verb, self.batch) {
            (Verb::Get, false) => 127,
            (Verb::Get, true) => 126,
            (Verb::Release, false) => 125,
            (Verb::Release, true) => 124,
            (Verb::Query, false) => 123,
            (Verb::Query, true) => 122,
        }
    }

    /// Appends the request to `out`, with zeroed padding (LKR-802). A key that holds the separator, or
    /// ends with its start, is not read back as it was: to refuse it is the client's part (LKR-801).
    pub fn encode(&self, dialect: Dialect, out: &mut BytesMut) {
        let number = i32::try_from(self.keys.len()).unwrap_or(i32::MAX);
        put_header(dialect.layout, self.cmd(), number, self.body_len(), out);
        for (index, key) in self.keys.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(SEPARATOR);
            }
            out.extend_from_slice(key);
        }
    }

    /// Bytes of keys and separators.
    pub fn body_len(&self) -> u64 {
        let keys: u64 = self.keys.iter().map(|key| key.len() as u64).sum();
        keys + SEPARATOR.len() as u64 * (self.keys.len() as u64).saturating_sub(1)
    }
}
