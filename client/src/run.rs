//! How a run of a conversation over a stream went: what both kinds of link tell their clients.

use std::io;
use std::time::Duration;

use crate::{Cause, Error, Violation};

/// The answers, and what ended it early.
#[derive(Debug)]
pub(crate) struct Run<A> {
    /// Every answer that came, also when it ended badly.
    pub(crate) answers: Vec<A>,
    /// Why not all of them came.
    pub(crate) error: Option<Error>,
}

impl<A> Run<A> {
    /// Nothing was sent.
    pub(crate) fn refused(error: Error) -> Self {
        Self { answers: Vec::new(), error: Some(error) }
    }

    /// All answers, or the error.
    pub(crate) fn all(self) -> Result<Vec<A>, Error> {
        self.error.map_or(Ok(self.answers), Err)
    }
}

/// What ended an operation early.
pub(crate) enum Fault {
    Transport(io::Error),
    Violation(Violation),
    Timeout,
}

impl Fault {
    /// What ended the connection, and what the operation is told.
    pub(crate) fn blame(self, after: Duration, maybe_applied: bool) -> (Cause, Error) {
        match self {
            Self::Transport(source) => {
                (Cause::Transport, Error::Transport { source, maybe_applied })
            }
            Self::Violation(violation) => {
                (Cause::Protocol, Error::Protocol { violation, maybe_applied })
            }
            Self::Timeout => (Cause::Timeout, Error::Timeout { after, maybe_applied }),
        }
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

/// Why a connection has ended on which reading failed, and perhaps writing before that. What the peer says by TLS is the reason;
/// that it takes nothing more only followed.
pub(crate) fn reason(read: io::Error, written: Option<io::Error>) -> io::Error {
    match read.kind() {
        io::ErrorKind::InvalidData => read,
        _ => written.unwrap_or(read),
    }
}

/// Nothing may be left over when every answer has come.
pub(crate) fn expect_no_surplus(input: &[u8]) -> Result<(), Fault> {
    match input.len() {
        0 => Ok(()),
        bytes => Err(Violation::Surplus { bytes }.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the two comes first is a race on sockets, so it is not played there.
    #[test]
    fn what_the_peer_says_comes_before_what_it_does_not_take() {
        let error = |kind: io::ErrorKind| io::Error::from(kind);
        let broken = || Some(error(io::ErrorKind::BrokenPipe));
        let alert = reason(error(io::ErrorKind::InvalidData), broken());
        assert_eq!(alert.kind(), io::ErrorKind::InvalidData);
        let reset = reason(error(io::ErrorKind::ConnectionReset), broken());
        assert_eq!(reset.kind(), io::ErrorKind::BrokenPipe);
        let ended = reason(error(io::ErrorKind::UnexpectedEof), None);
        assert_eq!(ended.kind(), io::ErrorKind::UnexpectedEof);
    }
}
