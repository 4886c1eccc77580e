//! What a line of a reply says, as a client reads it. It leaves out which request it answers.

use super::Tokens;
use crate::memcached_binary::Status;
use crate::memcached_text::{Tokens as Words, error};
use crate::{FrameError, decimal};

/// What a line begins with (MCM-GEN-02).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Code {
    /// `HD`: done, or a hit whose value was not asked for.
    Done,
    /// `VA`: a value follows.
    Value,
    /// `EN`: a miss of `mg`.
    Miss,
    /// `NF`: not found.
    NotFound,
    /// `NS`: a condition of the store does not hold.
    NotStored,
    /// `EX`: the CAS is another.
    Exists,
    /// `MN`
    Nop,
}

/// A line of a meta reply: its code and what flags came back. Flags that this client never asks for are passed over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Answer {
    /// What came of it.
    pub code: Code,
    /// `O`, where it is a number as [`put_command`](super::put_command) sends it.
    pub opaque: Option<u32>,
    /// `c`
    pub cas: Option<u64>,
    /// `f`
    pub flags: Option<u32>,
    /// `W`, `X` and `Z`, in any order (MCM-STA-10).
    pub tokens: Tokens,
}

/// A line of a reply on a meta connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Line {
    /// Of a meta command.
    Answer(Answer),
    /// `ERROR`, `CLIENT_ERROR …`, `SERVER_ERROR …`, in the words of the binary protocol.
    Error(Status),
}

impl Line {
    /// Reads a line without its end.
    ///
    /// # Errors
    ///
    /// A line that no meta command is answered by, or a flag whose argument is none.
    pub fn read(line: &[u8]) -> Result<Self, FrameError> {
        if let Some(status) = error(line) {
            return Ok(Self::Error(status));
        }
        let wrong = |reason| FrameError::new("line", 0, line.len() as u64, reason);
        let mut words = Words::new(line);
        let code = match words.next() {
            Some(b"HD") => Code::Done,
            Some(b"VA") => Code::Value,
            Some(b"EN") => Code::Miss,
            Some(b"NF") => Code::NotFound,
            Some(b"NS") => Code::NotStored,
            Some(b"EX") => Code::Exists,
            Some(b"MN") => Code::Nop,
            _ => return Err(wrong("not what a server answers")),
        };
        if code == Code::Value {
            // The decoder has read the length.
            words.next();
        }
        let mut answer =
            Answer { code, opaque: None, cas: None, flags: None, tokens: Tokens::default() };
        for word in words {
            answer.add(word).ok_or(wrong("a flag whose argument is none"))?;
        }
        Ok(Self::Answer(answer))
    }
}

impl Answer {
    fn add(&mut self, word: &[u8]) -> Option<()> {
        let (letter, argument) = word.split_first()?;
        match letter {
            b'O' => self.opaque = Some(decimal::flags(argument)?),
            b'c' => self.cas = Some(decimal::unsigned(argument)?),
            b'f' => self.flags = Some(decimal::flags(argument)?),
            b'W' => self.tokens.is_won = true,
            b'X' => self.tokens.is_stale = true,
            b'Z' => self.tokens.is_taken = true,
            _ => {}
        }
        Some(())
    }
}
