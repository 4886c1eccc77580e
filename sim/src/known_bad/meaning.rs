//! What a flawed server needs of a protocol: requests, replies, and the table between them.

use bytes::{Bytes, BytesMut};
use lockproof_state_machine::{Effect, Now, SessionId};

/// More than is ever missing of a request here.
const MISSING_MAX: usize = 4096;

/// A protocol's table and codec.
pub(crate) trait Meaning: 'static {
    /// A whole request.
    type Request: 'static;

    /// What a request that changes something sees when it begins.
    type Seen;

    /// Takes a request off the input; an error ends the connection.
    fn decode(input: &mut BytesMut) -> Result<Option<Self::Request>, ()>;

    /// What is missing of a request for all that its server knows; it is made up (K17).
    fn make_up(input: &mut BytesMut) {
        input.resize(input.len() + MISSING_MAX, 0);
    }

    /// Whether the reply goes out while the lock is held, whatever the others' does.
    fn locks_its_reply(&self, _: &Self::Request) -> bool {
        false
    }

    /// Whether the reply needs nothing that ever changes.
    fn is_a_fact(request: &Self::Request) -> bool;

    /// The reply to a request that changes nothing; none if it may change something.
    fn read(&self, now: Now, request: &Self::Request) -> Option<Bytes>;

    /// The reply to a plain write, before it is done; none to other requests (K16).
    fn promise(&self, request: &Self::Request) -> Option<Bytes>;

    /// Whether a careless handler would panic over the request (K15).
    fn is_absurd(&self, now: Now, request: &Self::Request) -> bool;

    /// Whether the session may have something to release afterwards.
    fn may_hold(request: &Self::Request) -> bool;

    /// Looks before [`write`](Self::write), which happens some time later under the same lock.
    fn look(&self, now: Now, request: &Self::Request) -> Self::Seen;

    /// Executes a request on what was seen: its own reply, unless it has to wait, and those of sessions that waited.
    fn write(
        &mut self,
        now: Now,
        session: SessionId,
        request: Self::Request,
        seen: Self::Seen,
    ) -> Vec<Effect<Bytes>>;

    /// Forgets a session.
    fn end(&mut self, session: SessionId) -> Vec<Effect<Bytes>>;
}
