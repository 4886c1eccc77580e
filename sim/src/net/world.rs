//! The conformance player's surroundings inside the simulator.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use lockproof_conformance::replay::{Ticking, World};

use super::network::sim_elapsed;
use super::{SimStream, Wire};
use crate::trace::Trace;

/// Streams to one simulated server, and virtual time.
#[derive(Debug)]
pub struct SimWorld {
    host: &'static str,
    port: u16,
    clock: Ticking,
    trace: Rc<RefCell<Trace>>,
}

/// Unix time at the start of every simulation: 2024-01-01.
pub const UNIX_START: u64 = 1_704_067_200;

impl SimWorld {
    /// A world whose server is `host:port`; connections are noted in `trace`.
    pub fn new(host: &'static str, port: u16, trace: Rc<RefCell<Trace>>) -> Self {
        let elapsed = sim_elapsed().unwrap_or_default().as_secs();
        Self { host, port, clock: Ticking::starting_at(UNIX_START + elapsed), trace }
    }
}

impl World for SimWorld {
    type Stream = SimStream;
    type Clock = Ticking;

    async fn connect(&self) -> io::Result<SimStream> {
        self.trace.borrow_mut().note("connect");
        SimStream::connect(self.host, self.port, &Wire::default()).await
    }

    /// A stream that is dropped with unread data is reset, and ended otherwise.
    fn reset(&self, stream: SimStream) {
        drop(stream);
    }

    fn clock(&self) -> &Ticking {
        &self.clock
    }
}
