//! The simulated network: machines, a kernel's sockets, and the ways between machines, which can be cut and held.
//!
//! [`Sim`] runs a program on each machine, all in one thread and in virtual time that jumps from event to event.
//! [`SimStream`] and [`SimListener`] are what programs know of it; they behave as TCP does that never retransmits: a
//! window in bytes, an end of stream, a reset that wakes a writer as well as a reader, bytes for a dead process that are
//! answered with a reset, and silence from a machine without power. [`Meter`] sees every byte and every wait on the
//! server's side; [`wire`](Wire) says how large segments and windows are.
//!
//! Left out: retransmission. A segment that is lost is lost for ever, and its stream is silent from then on, so a cut
//! that heals must hold messages back, and never drop them.

mod connection;
mod listener;
mod meter;
mod network;
mod sim;
mod spawn;
mod stream;
mod world;

use std::sync::Arc;

pub use listener::SimListener;
pub use meter::{Block, End, Meter};
pub use network::{Weather, sim_elapsed};
pub use sim::{Ended, Sim};
pub use spawn::LocalSpawn;
pub use stream::SimStream;
pub use world::{SimWorld, UNIX_START};

/// Bytes of one of Ethernet's segments.
const SEGMENT_BYTES: usize = 1460;

/// How a host's sockets behave.
#[derive(Clone, Debug)]
pub struct Wire {
    /// Bytes of one segment at most: longer writes are cut.
    pub segment_bytes: usize,
    /// Bytes that may be under way or unread, in each direction: a write that finds no room waits.
    pub window_bytes: usize,
    /// Where everything is noted, on hosts that are watched.
    pub meter: Option<Arc<Meter>>,
}

impl Wire {
    /// Segments of that size, and a window of so many of them; nobody watches.
    pub const fn of_segments(segment_bytes: usize, window: usize) -> Self {
        Self { segment_bytes, window_bytes: window * segment_bytes, meter: None }
    }
}

impl Default for Wire {
    /// Ethernet's segments, and Linux's first window.
    fn default() -> Self {
        Self::of_segments(SEGMENT_BYTES, 45)
    }
}
