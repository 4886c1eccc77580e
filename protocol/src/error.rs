//! The error that all four decoders share. It leaves out what to answer: that is each protocol's.

use thiserror::Error;

/// Framing is lost: answer where the protocol says so, then close.
///
/// It names the field, its offset from the start of the frame, and the value that was found there.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("{field} {value} at offset {offset}: {reason}")]
#[non_exhaustive]
pub struct FrameError {
    /// The field's name, as the layout drawing of its protocol has it.
    pub field: &'static str,
    /// Where the field starts, in bytes from the start of the frame.
    pub offset: usize,
    /// What the peer sent there.
    pub value: u64,
    /// What is wrong with the value.
    pub reason: &'static str,
}

impl FrameError {
    /// An error about `field`, which starts `offset` bytes into the frame and holds `value`.
    pub const fn new(field: &'static str, offset: usize, value: u64, reason: &'static str) -> Self {
        Self { field, offset, value, reason }
    }
}
