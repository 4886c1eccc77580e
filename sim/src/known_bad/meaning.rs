//! What a flawed server needs of a protocol: requests, replies, and the table between them.

use bytes::{Bytes, BytesMut};
use lockproof_state_machine::{Effect, Now, SessionId};

/// A protocol's table and codec.
pub(crate) trait Meaning: 'static {
    /// A whole request.
    type Request;

    /// Takes a request off the input; an error ends the connection.
    fn decode(input: &mut BytesMut) -> Result<Option<Self::Request>, ()>;

    /// The reply to a request that changes nothing; none if it may change something.
    fn read(&self, now: Now, request: &Self::Request) -> Option<Bytes>;

    /// Executes a request: its own reply, unless it has to wait, and those of sessions that waited.
    fn write(&mut self, now: Now, session: SessionId, request: Self::Request)
    -> Vec<Effect<Bytes>>;

    /// Forgets a session.
    fn end(&mut self, session: SessionId) -> Vec<Effect<Bytes>>;
}
