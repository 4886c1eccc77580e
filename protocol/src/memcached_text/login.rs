//! Authentication of a text connection: a `set` whose block is `user password` (MCT-AUT-01).
//! It leaves out who may come in.

use bytes::Bytes;

use super::{Block, Refusal, Tokens};
use crate::memcached::Value;

/// What a line is to a server that has not let its client in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Login {
    /// A user and a password. Key, flags, expiry and `noreply` mean nothing.
    Attempt {
        /// Who.
        user: Bytes,
        /// With what.
        password: Bytes,
    },
    /// Anything else, and what to say to it (MCT-AUT-02, MCT-AUT-03).
    Refused(Refusal),
}

impl Login {
    pub(super) fn read(line: &[u8], block: Option<Block>) -> Self {
        let mut tokens = Tokens::new(line);
        let is_set = tokens.next() == Some(b"set") && tokens.take(6).count() <= 5;
        match block.filter(|_| is_set) {
            None => Self::Refused(Refusal::UNAUTHENTICATED),
            Some(Err(_)) => Self::Refused(Refusal::LOGIN_END),
            Some(Ok(Value::Present(text))) => Self::of(&text),
            Some(Ok(Value::TooLarge(_) | Value::NoMemory(_))) => Self::Refused(Refusal::BAD_LOGIN),
        }
    }

    fn of(text: &Bytes) -> Self {
        let Some(space) = text.iter().position(|byte| *byte == b' ') else {
            return Self::Refused(Refusal::BAD_LOGIN);
        };
        Self::Attempt { user: text.slice(..space), password: text.slice(space + 1..) }
    }
}
