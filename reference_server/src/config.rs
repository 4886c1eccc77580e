//! Limits of a connection and of a listener, each with a name and a default.

use core::time::Duration;

use crate::{Budget, Roster, Spin};

/// Memory of all connections' inputs and outputs, unless something else is said.
pub const BUFFER_BYTES_MAX: usize = 512 * 1024 * 1024;

/// What every connection of one listener is held to.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// Connections served at once; one more is accepted and closed (LKR-601).
    pub connections_max: usize,
    /// Time for a frame to arrive whole, counted from its first byte (LKR-603). It does not run
    /// between frames.
    pub frame_deadline: Option<Duration>,
    /// Time without a byte, between frames, before the connection is closed. Off by default: a
    /// session that holds locks may be silent (LKR-207).
    pub idle_timeout: Option<Duration>,
    /// Time for one whole flush of the output. A peer that reads a little now and then does not
    /// extend it (LKR-504).
    pub write_deadline: Duration,
    /// High-water mark in bytes: no further frame is executed while so much output waits. The
    /// output can pass it by one reply. Bytes that lie in the cache, and are only referred to, count a third.
    pub output_max: usize,
    /// Memory of this connection's input and output, and of all others that share the budget.
    pub memory: Budget,
    /// Bytes read ahead while a session waits for a lock. Beyond them the socket is not read, so
    /// the death of such a peer is noticed only at its grant.
    pub read_ahead_max: usize,
    /// Time to drain a peer's input after the server closed its sending side, so that a reset does
    /// not destroy the last reply.
    pub linger_time: Duration,
    /// Bytes drained in that time at most.
    pub linger_bytes: usize,
    /// Time that connections have to finish once the listener is shut down.
    pub drain_deadline: Duration,
    /// Pause after a failed `accept`, which mostly means that descriptors ran out.
    pub accept_pause: Duration,
    /// Is told of every read, and keeps the runtime awake for a while after it. [`Server`](crate::Server) fills it in.
    pub spin: Option<Spin>,
    /// Where connections are listed for those who watch. [`Server`](crate::Server) fills it in.
    pub roster: Option<Roster>,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            frame_deadline: Some(Duration::from_mins(1)),
            idle_timeout: None,
            write_deadline: Duration::from_secs(10),
            output_max: 128 * 1024,
            memory: Budget::new(BUFFER_BYTES_MAX),
            read_ahead_max: 1024 * 1024,
            linger_time: Duration::from_secs(1),
            linger_bytes: 8 * 1024 * 1024,
            drain_deadline: Duration::from_secs(5),
            accept_pause: Duration::from_millis(50),
            spin: None,
            roster: None,
        }
    }
}
