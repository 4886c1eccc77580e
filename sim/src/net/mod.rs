//! turmoil's sockets as programs know sockets, and what the server and the judge need around them.
//!
//! turmoil counts segments where a kernel counts bytes, and a write that waits for room is never woken by a reset.
//! [`SimStream`] mends both, so that a server which survives a peer's death on a real kernel survives it here.
//! [`Meter`] sees every byte and every wait on the server's side; [`wire`](Wire) says how large segments are.
//!
//! Left out: retransmission. A segment that is lost is lost for ever, and its stream is silent from then on, so a cut
//! that heals must hold messages back, and never drop them. And an end of stream that finds a full window is lost, because
//! turmoil looks at it again only when another segment comes.

mod listener;
mod meter;
mod spawn;
mod stream;
mod world;

use std::sync::Arc;

pub use listener::SimListener;
pub use meter::{Block, End, Meter};
pub use spawn::LocalSpawn;
pub use stream::SimStream;
pub use world::{SimWorld, UNIX_START};

/// How a host's sockets behave.
#[derive(Clone, Debug)]
pub struct Wire {
    /// Bytes of one segment at most: longer writes are cut.
    pub segment_bytes: usize,
    /// Where everything is noted, on hosts that are watched.
    pub meter: Option<Arc<Meter>>,
}

impl Default for Wire {
    /// Ethernet's segments, and nobody watches.
    fn default() -> Self {
        Self { segment_bytes: 1460, meter: None }
    }
}
