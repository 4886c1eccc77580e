//! What happened on the recorded connections, in one total order.

use std::time::Duration;

/// One thing that happened on one connection.
#[derive(Clone, Debug)]
pub struct Event {
    /// The connection; numbers say nothing but which is which.
    pub conn: u64,
    /// Since the recording began.
    pub at: Duration,
    /// What happened.
    pub what: What,
}

/// What can happen on a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum What {
    /// The client opened it.
    Opened,
    /// Bytes of the client.
    Sent(Vec<u8>),
    /// Bytes of the server.
    Received(Vec<u8>),
    /// So many bytes of the client that the recording did not keep: what the server holds is unknown from here on.
    LostSent(u64),
    /// So many bytes of the server that the recording did not keep: this connection cannot be followed any more.
    LostReceived(u64),
    /// The recorder's limit, in bytes: nothing was kept after this.
    Full(usize),
    /// The client ended its stream.
    ClientEnded(Ending),
    /// The server ended its stream.
    ServerEnded(Ending),
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// By end of stream.
    Fin,
    /// By reset.
    Rst,
    /// The connection was never made: nobody listened.
    Refused,
}
