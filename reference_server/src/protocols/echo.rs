//! Echo inside a task: bytes go back as they came (EC-ECHO-03), without looking for a NUL.
//!
//! A process for each client is in [`echo_process`](super::echo_process).

use std::sync::Arc;

use bytes::BytesMut;

use crate::{Counters, Output, Peer, Protocol, Session, Step};

/// How echo clients are served.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum EchoMode {
    /// A task each.
    #[default]
    Task,
    /// A process each, in the manner of inetd: this program and these arguments, with the socket
    /// as standard input and output.
    Process {
        /// The program and its arguments.
        argv: Vec<String>,
    },
}

/// The echo protocol.
#[derive(Debug, Default)]
pub struct Echo {
    counters: Arc<Counters>,
}

/// One echo client.
#[derive(Debug)]
pub struct EchoSession;

impl Protocol for Echo {
    type Session = EchoSession;

    const NAME: &'static str = "echo";

    fn open(self: &Arc<Self>, _: Peer) -> EchoSession {
        // EC-LOG-01: the span that this is called in has the peer.
        tracing::info!("accepted");
        EchoSession
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }
}

impl Session for EchoSession {
    /// One read is one batch, so the memory for a client that never reads is one read's
    /// (EC-CONC-02).
    fn execute(&mut self, input: &mut BytesMut, output: &mut Output) -> Step {
        if !input.is_empty() {
            output.count_frame();
            output.buffer().extend_from_slice(input);
            input.clear();
        }
        Step::Drained
    }
}
