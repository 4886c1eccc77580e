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

/// How much of a batch was heard: replies that are a header of N bytes and a body.
#[derive(Debug, Default)]
pub(super) struct Progress {
    heard: usize,
    /// Bytes of the body under way that have not come yet.
    body_left: usize,
}

impl Progress {
    /// A new batch begins.
    pub(super) fn begin(&mut self) {
        *self = Self::default();
    }

    /// Takes what is there of `expected` replies. `check` is given each header with its number, and tells the length of
    /// its body.
    pub(super) fn hear<const N: usize>(
        &mut self,
        input: &[u8],
        expected: usize,
        mut check: impl FnMut(usize, &[u8; N]) -> Result<u32, Wrong>,
    ) -> Result<Heard, Wrong> {
        let mut rest = input;
        loop {
            let body = self.body_left.min(rest.len());
            self.body_left -= body;
            rest = &rest[body..];
            let is_all = self.heard == expected && self.body_left == 0;
            let header = rest.first_chunk().filter(|_| !is_all && self.body_left == 0);
            let Some(header) = header else {
                return Ok(Heard { bytes: input.len() - rest.len(), is_all });
            };
            self.body_left = check(self.heard, header)? as usize;
            self.heard += 1;
            rest = &rest[N..];
        }
    }
}
