//! Which of memcached's protocols a connection speaks, and how that is found out.

use std::io;

use super::operation::{Operation, unexpected};
use super::{Core, Outcome};
use crate::Error;

/// One of memcached's three protocols. Operations and their results are the same in each, but for what one cannot say:
/// that is [`Error::Invalid`].
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub enum Dialect {
    /// Frames, with SASL.
    #[default]
    Binary,
    /// Classic lines. A store does not tell the new CAS (it is 0), nor do a touch and a counter; a counter is not created by
    /// counting; keys have no spaces and no control bytes. Users log in as memcached's `-Y` has it.
    Text,
    /// Lines with flags. Only here there are leases and stale items. Keys with spaces or control bytes go in base64,
    /// and have 186 bytes at most.
    Meta,
}

/// Asks a server that nothing is known of, on a fresh connection, in [`Dialect::Meta`]. The result is what the connection
/// can go on in; where it fails, [`or_binary`] tells what that means.
pub fn probe() -> Operation<Dialect> {
    Operation::own(Own::Probe, |outcome| match outcome {
        Outcome::Done => Ok(Dialect::Meta),
        Outcome::Refused(_) => Ok(Dialect::Text),
        outcome => Err(unexpected(&outcome)),
    })
}

/// What a [`probe`] came to. A server that answers a line by ending the connection, or in frames, speaks the binary protocol or
/// none that we know: that is tried on another connection, and not remembered before it was seen to work.
///
/// # Errors
///
/// A probe that proves nothing, as one that timed out.
pub fn or_binary(probed: Result<Dialect, Error>) -> Result<Dialect, Error> {
    match probed {
        Err(Error::Transport { source, .. }) if has_ended(&source) => Ok(Dialect::Binary),
        Err(Error::Protocol { .. }) => Ok(Dialect::Binary),
        probed => probed,
    }
}

/// Whether the server has ended the connection. A wait that a signal has ended, or a certificate that is wrong, tells nothing of
/// what it speaks.
fn has_ended(source: &io::Error) -> bool {
    matches!(
        source.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

/// What is only said by meta.
#[derive(Clone, Debug)]
pub(super) enum Own {
    /// A no-op that a binary-only server takes for a frame.
    Probe,
    /// `mg` with leases.
    Lookup(bytes::Bytes, lockproof_protocol::memcached::Lookup),
    /// `md I`: key, CAS to match or 0, new expiry.
    Invalidate(bytes::Bytes, u64, Option<u32>),
}

impl Own {
    pub(super) fn is_mutating(&self) -> bool {
        match self {
            Self::Probe => false,
            Self::Lookup(_, lookup) => !lookup.is_read(),
            Self::Invalidate(..) => true,
        }
    }

    pub(super) fn submit(self, core: &mut Core) -> Result<(), Error> {
        core.submit_own(self).map(|_| ())
    }
}
