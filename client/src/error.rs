//! What can go wrong, sorted by whose fault it is.
//!
//! Leaves out outcomes that an operation is asked about (a miss, a busy lock): those are results.

use std::io;
use std::time::Duration;

use lockproof_protocol::error::FrameError;
use lockproof_protocol::locker::Outcome;
use lockproof_protocol::memcached_binary::Status;

use crate::locker::KeyError;

/// Why an operation gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The stream failed or ended. The connection is closed.
    #[error("transport failed: {source}")]
    Transport {
        /// What the stream said; `UnexpectedEof` when the peer closed before the answer.
        source: io::Error,
        /// Whether the change may have happened.
        maybe_applied: bool,
    },
    /// No complete answer in time. The connection is closed.
    #[error("no answer within {after:?}")]
    Timeout {
        /// The client's timeout.
        after: Duration,
        /// Whether the change may have happened.
        maybe_applied: bool,
    },
    /// The server understood, and said no.
    #[error("the server said no: {refusal}")]
    Refused {
        /// Its answer.
        refusal: Refusal,
        /// Whether a part of a batch may have been applied; false for a single command.
        maybe_applied: bool,
    },
    /// The server sent what the protocol does not allow. The connection is closed.
    #[error("the server broke the protocol: {violation}")]
    Protocol {
        /// What is wrong with it.
        violation: Violation,
        /// Whether the change may have happened.
        maybe_applied: bool,
    },
    /// The server speaks another version of the protocol (NM-CLI-01).
    #[error("the server's API is {}.{}, this client's is {}.{}", server.0, server.1, client.0, client.1)]
    Incompatible {
        /// Major and minor of this client.
        client: (u8, u8),
        /// Major and minor of the server.
        server: (u8, u8),
    },
    /// The arguments can't be sent. Nothing was, and the connection is as before.
    #[error("not sent: {reason}")]
    Invalid {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// The keys can't be sent (LKR-801). Nothing was, and the connection is as before.
    #[error("not sent: {0}")]
    InvalidKeys(#[from] KeyError),
    /// The connection was closed by an earlier operation. Nothing was sent.
    #[error("the connection is closed: {cause}")]
    Closed {
        /// What ended it.
        cause: Cause,
    },
}

impl Error {
    /// Whether the operation may have changed something on the server although it failed: the
    /// *unknown outcome* of a history checker. False means that it certainly did not.
    pub fn maybe_applied(&self) -> bool {
        match self {
            Self::Transport { maybe_applied, .. }
            | Self::Timeout { maybe_applied, .. }
            | Self::Refused { maybe_applied, .. }
            | Self::Protocol { maybe_applied, .. } => *maybe_applied,
            Self::Incompatible { .. }
            | Self::Invalid { .. }
            | Self::InvalidKeys(_)
            | Self::Closed { .. } => false,
        }
    }

    /// The same end of an exchange, for its other operations: the text of what has no copy.
    pub(crate) fn clone_for_others(&self) -> Self {
        let maybe_applied = self.maybe_applied();
        match self {
            Self::Transport { source, .. } => {
                let source = io::Error::new(source.kind(), source.to_string());
                Self::Transport { source, maybe_applied }
            }
            Self::Timeout { after, .. } => Self::Timeout { after: *after, maybe_applied },
            Self::Refused { refusal, .. } => Self::Refused { refusal: *refusal, maybe_applied },
            Self::Closed { cause } => Self::Closed { cause: *cause },
            _ => {
                let violation = Violation::Shape("an earlier answer of the exchange was no answer");
                Self::Protocol { violation, maybe_applied }
            }
        }
    }

    /// The end of an exchange as one of its operations sees it, which changes something or not.
    pub(crate) fn if_changing(mut self, mutating: bool) -> Self {
        match &mut self {
            Self::Transport { maybe_applied, .. }
            | Self::Timeout { maybe_applied, .. }
            | Self::Refused { maybe_applied, .. }
            | Self::Protocol { maybe_applied, .. } => *maybe_applied &= mutating,
            _ => {}
        }
        self
    }

    pub(crate) fn refused(refusal: impl Into<Refusal>) -> Self {
        Self::Refused { refusal: refusal.into(), maybe_applied: false }
    }

    pub(crate) fn invalid(reason: &'static str) -> Self {
        Self::Invalid { reason }
    }
}

/// An answer that says no.
#[derive(Copy, Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A memcached status.
    #[error("{0}")]
    Memcached(Status),
    /// A locker outcome.
    #[error("{0:?}")]
    Locker(Outcome),
    /// The netmem server has no page of that number.
    #[error("no such page")]
    NoSuchPage,
    /// This netmem connection does not hold the lock that it wants to release.
    #[error("page not locked by this connection")]
    NotLocked,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::Memcached(status)
    }
}

impl From<Outcome> for Refusal {
    fn from(outcome: Outcome) -> Self {
        Self::Locker(outcome)
    }
}

/// What a server sent that the protocol does not allow.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The bytes are no frame.
    #[error("framing is lost: {0}")]
    Frame(FrameError),
    /// A field differs from what this reply must carry.
    #[error("{field} is {found:#x}, expected {expected:#x}")]
    Mismatch {
        /// Its name.
        field: &'static str,
        /// What the request calls for.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// A well-framed reply that can't answer this request.
    #[error("{0}")]
    Shape(&'static str),
    /// Bytes that nobody asked for.
    #[error("{bytes} bytes that nobody asked for")]
    Surplus {
        /// How many have arrived.
        bytes: usize,
    },
}

impl From<FrameError> for Violation {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl Violation {
    /// `Ok` when the field is as expected.
    pub(crate) fn check(
        field: &'static str,
        expected: impl Into<u64>,
        found: impl Into<u64>,
    ) -> Result<(), Self> {
        let (expected, found) = (expected.into(), found.into());
        if expected == found { Ok(()) } else { Err(Self::Mismatch { field, expected, found }) }
    }
}

/// What ended a connection.
#[derive(Copy, Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The stream failed or ended.
    #[error("the transport failed")]
    Transport,
    /// An operation timed out; its answer could be taken for a later one's.
    #[error("an operation timed out")]
    Timeout,
    /// The server broke the protocol.
    #[error("the server broke the protocol")]
    Protocol,
    /// The future of an operation was dropped before it was done.
    #[error("an operation was cancelled half-way")]
    Cancelled,
    /// The server gave an answer after which it closes.
    #[error("the server refused a request and closes")]
    Refused,
    /// The client closed it.
    #[error("closed by this client")]
    Quit,
}
