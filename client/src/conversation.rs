//! What a sans-IO core offers to a shell: bytes to send, and what received bytes mean.
//!
//! Leaves out how requests are made; each core has its own methods for that.

use bytes::BytesMut;

use crate::Violation;

/// One connection's requests and answers, without the connection.
///
/// A shell submits requests with the core's own methods, then sends [`take_output`] and feeds what
/// it reads to [`receive`] until [`is_waiting`] is false. After a [`Violation`] the shell closes the
/// connection and drops the core.
///
/// [`take_output`]: Conversation::take_output
/// [`receive`]: Conversation::receive
/// [`is_waiting`]: Conversation::is_waiting
pub trait Conversation {
    /// What one request came to.
    type Answer;

    /// Whether an answer names its request. Where it does not, a shell makes sure before each
    /// request that nothing has arrived unasked: it would be taken for the answer.
    fn answers_are_named(&self) -> bool {
        false
    }

    /// The bytes of all requests submitted since the last call.
    fn take_output(&mut self) -> BytesMut;

    /// Takes the next answer off the front of `input`, or `None` when more bytes are needed.
    ///
    /// # Errors
    ///
    /// When the bytes can't be what the protocol allows here. The connection must not be used again.
    fn receive(&mut self, input: &mut BytesMut) -> Result<Option<Self::Answer>, Violation>;

    /// Whether a request is still without an answer.
    fn is_waiting(&self) -> bool;
}
