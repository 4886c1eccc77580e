//! What a line of a reply says, as a client reads it. It leaves out which request it answers.

use super::Tokens;
use crate::memcached_binary::Status;
use crate::{FrameError, decimal};

/// A line of a classic reply. Errors come as the statuses of the binary protocol, so that a client has one set of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer<'a> {
    /// `STORED`
    Stored,
    /// `NOT_STORED`: a condition of the command does not hold.
    NotStored,
    /// `EXISTS`: the CAS is another.
    Exists,
    /// `NOT_FOUND`
    NotFound,
    /// `DELETED`
    Deleted,
    /// `TOUCHED`
    Touched,
    /// `OK`
    Ok,
    /// `END`: no more values, or statistics.
    End,
    /// `RESET`
    Reset,
    /// `VALUE <key> <flags> <bytes> [<cas>]`; the value follows the line.
    Value {
        /// Whose it is.
        key: &'a [u8],
        /// What was stored beside it.
        flags: u32,
        /// What `gets` and `gats` ask for.
        cas: Option<u64>,
    },
    /// `STAT <name> <value>`
    Stat {
        /// Its name.
        name: &'a [u8],
        /// The rest of the line.
        value: &'a [u8],
    },
    /// `VERSION <text>`
    Version(&'a [u8]),
    /// A number alone: a counter (MCT-ARI-01).
    Counter(u64),
    /// `ERROR`, `CLIENT_ERROR …`, `SERVER_ERROR …` (MCT-ERR-01).
    Error(Status),
}

/// A failure of the server that is neither "too large" nor "out of memory".
const SERVER_ERROR: Status = Status(0x84);

impl<'a> Answer<'a> {
    /// Reads a line without its end.
    ///
    /// # Errors
    ///
    /// A line that no command is answered by, or one with too few or wrong tokens.
    pub fn read(line: &'a [u8]) -> Result<Self, FrameError> {
        let unknown = |reason| FrameError::new("line", 0, line.len() as u64, reason);
        if let Some(error) = error(line) {
            return Ok(Self::Error(error));
        }
        Ok(match line {
            b"STORED" => Self::Stored,
            b"NOT_STORED" => Self::NotStored,
            b"EXISTS" => Self::Exists,
            b"NOT_FOUND" => Self::NotFound,
            b"DELETED" => Self::Deleted,
            b"TOUCHED" => Self::Touched,
            b"OK" => Self::Ok,
            b"END" => Self::End,
            b"RESET" => Self::Reset,
            line => {
                let mut tokens = Tokens::new(line);
                match tokens.next() {
                    Some(b"VALUE") => value(tokens).ok_or(unknown("no VALUE of an item"))?,
                    Some(b"STAT") => {
                        let name = tokens.next().ok_or(unknown("a statistic without a name"))?;
                        let value = tokens.rest();
                        Self::Stat { name, value: value.strip_prefix(b" ").unwrap_or(value) }
                    }
                    Some(b"VERSION") => {
                        let text = tokens.rest();
                        Self::Version(text.strip_prefix(b" ").unwrap_or(text))
                    }
                    _ => Self::Counter(
                        decimal::unsigned(line).ok_or(unknown("not what a server answers"))?,
                    ),
                }
            }
        })
    }
}

fn value(mut tokens: Tokens<'_>) -> Option<Answer<'_>> {
    let key = tokens.next()?;
    let flags = decimal::flags(tokens.next()?)?;
    // The decoder has read the length.
    tokens.next()?;
    let cas = match tokens.next() {
        None => None,
        Some(cas) => Some(decimal::unsigned(cas)?),
    };
    tokens.next().is_none().then_some(Answer::Value { key, flags, cas })
}

/// The status that an error line stands for, if it is one. Only these texts are looked at beyond the first word.
pub(crate) fn error(line: &[u8]) -> Option<Status> {
    let text = line.strip_prefix(b"SERVER_ERROR ");
    if let Some(text) = text {
        return Some(match text {
            b"object too large for cache" => Status::TOO_LARGE,
            _ if text.to_ascii_lowercase().starts_with(b"out of memory") => Status::OUT_OF_MEMORY,
            _ => SERVER_ERROR,
        });
    }
    if let Some(text) = line.strip_prefix(b"CLIENT_ERROR ") {
        return Some(match text {
            b"cannot increment or decrement non-numeric value" => Status::NON_NUMERIC,
            b"unauthenticated" | b"authentication failure" | b"flush_all not allowed" => {
                Status::AUTH_ERROR
            }
            _ => Status::INVALID_ARGUMENTS,
        });
    }
    // It answers nothing that was asked (MCT-ERR-07), and the server closes.
    if line == b"ERROR Too many open connections" {
        return None;
    }
    // "ERROR: shutdown not enabled" has a first word of its own.
    let is_error = matches!(line.strip_prefix(b"ERROR"), Some([] | [b' ' | b':', ..]));
    is_error.then_some(Status::UNKNOWN_COMMAND)
}
