//! What one connection asks, and what must come back: a conversation in batches.
//!
//! A batch is sent in one go; the next one is sent when the last reply of the batch is there. So the size of a
//! batch is the load's and not a matter of how fast the server is.

use bytes::BytesMut;
use thiserror::Error;

/// One connection's part of a load. It checks every reply.
pub trait Script {
    /// Appends the next batch to `out`; returns the number of operations in it, at least 1.
    fn ask(&mut self, out: &mut BytesMut) -> u32;

    /// Takes whole replies, or parts of long ones, off the start of `input`.
    ///
    /// # Errors
    /// [`Wrong`]: a reply is not the one that the batch asked for.
    fn hear(&mut self, input: &[u8]) -> Result<Heard, Wrong>;
}

/// What was heard of the batch under way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Heard {
    /// Bytes taken off the input.
    pub bytes: usize,
    /// Whether the batch has all its replies.
    pub is_all: bool,
}

/// A reply that is not what was asked for: then no figure counts.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("a wrong reply: {0}")]
pub struct Wrong(pub String);
