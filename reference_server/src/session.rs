//! The two traits between a connection and a protocol.
//!
//! A [`Protocol`] is the state that all its connections share; a [`Session`] is one connection's
//! part of it. A session sees bytes in buffers, never a socket, and no function that takes a lock
//! can await: so nothing is sent while anything is locked.

use core::fmt::Debug;
use core::future::{Future, pending};
use std::sync::Arc;

use bytes::BytesMut;
use lockproof_state_machine::SessionId;

use crate::output::Output;
use crate::{Counters, Peer};

/// A protocol and the state behind it.
pub trait Protocol: Debug + Send + Sync + 'static {
    /// One connection's part.
    type Session: Session;

    /// For logs.
    const NAME: &'static str;

    /// Begins a session. Ending it is dropping it, so it ends exactly once, however that comes
    /// about: end of stream, reset, deadline, shutdown or panic.
    fn open(self: &Arc<Self>, peer: Peer) -> Self::Session;

    /// The counters of this protocol's listeners.
    fn counters(&self) -> &Arc<Counters>;
}

/// What a session wants after it executed what it could.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Every whole frame is executed; more bytes please.
    Drained,
    /// The output is full; whole frames may be left in the input.
    Full,
    /// The reply to the last frame comes later. Nothing more is executed until
    /// [`Session::granted`] returns.
    Waiting,
    /// The session is over: what stands in the output is delivered, then the connection closes.
    Close,
}

/// One connection's part of a protocol. Dropping it frees all that it holds.
pub trait Session: Send + 'static {
    /// Its number within the protocol, where that has one.
    fn id(&self) -> Option<SessionId> {
        None
    }

    /// Executes whole frames of `input` until none is left, the output is full, or the session
    /// waits or ends. Of a frame that has begun and not ended some bytes stay in `input`.
    fn execute(&mut self, input: &mut BytesMut, output: &mut Output) -> Step;

    /// There is no memory for the frame that has begun in `input`. A session that can go on takes all of it off
    /// but its head, drops what still comes of it, and answers it with an error then; the others say
    /// [`Step::Close`].
    fn give_up_frame(&mut self, input: &mut BytesMut, output: &mut Output) -> Step {
        let _ = (input, output);
        Step::Close
    }

    /// Waits for the reply that [`Step::Waiting`] announced, and puts it into `output`. Must be
    /// safe to drop half way.
    fn granted(&mut self, output: &mut Output) -> impl Future<Output = ()> + Send {
        let _ = output;
        pending()
    }
}
