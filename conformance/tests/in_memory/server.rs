//! The reference server, reached by pipes of this process.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use lockproof_conformance::replay::{Ticking, World};
use lockproof_conformance::suite::Case;
use lockproof_conformance::target::SMALL;
use lockproof_conformance::wire::Protocol;
use lockproof_defects::{End, pipe};
use lockproof_reference_server::{
    ConnectionConfig, Credentials, Echo, Listener, Locker, LockerConfig, Memcached,
    MemcachedConfig, NetMem, NetMemConfig, Peer, SASL_PASSWORD, SASL_USER, Spawn, serve,
};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

/// Unix time at the server's start: 2024-01-01.
const UNIX_START: u64 = 1_704_067_200;

/// A running server and the way to it.
pub(crate) struct Memory {
    door: UnboundedSender<End>,
    clock: Ticking,
}

impl Memory {
    /// Starts a server that suits the case as a task of the current `LocalSet`.
    pub(crate) fn start(case: &Case) -> Self {
        let (door, arrivals) = unbounded_channel();
        let listener = Pipes(Mutex::new(arrivals));
        match case.protocol() {
            Protocol::Memcached | Protocol::Text | Protocol::Meta => {
                run(listener, Memcached::new(memcached(case)));
            }
            Protocol::NetMem => {
                let config = NetMemConfig { pages: 16, page_len: 64, ..NetMemConfig::default() };
                run(listener, NetMem::new(config));
            }
            Protocol::Locker => run(listener, Locker::new(LockerConfig::default())),
            Protocol::Echo => run(listener, Echo::default()),
        }
        Self { door, clock: Ticking::starting_at(UNIX_START) }
    }
}

fn memcached(case: &Case) -> MemcachedConfig {
    let sasl = || Credentials::new().with(SASL_USER, SASL_PASSWORD);
    let mut config = MemcachedConfig {
        unix_start: Some(UNIX_START),
        users: case.needs("sasl").then(|| sasl().into()),
        ..MemcachedConfig::default()
    };
    if SMALL.into_iter().any(|need| case.needs(need)) {
        config = config.with_little_memory(case.needs("evicts"));
    }
    config
}

fn run<P: lockproof_reference_server::Protocol>(listener: Pipes, protocol: P) {
    let config = ConnectionConfig {
        frame_deadline: Some(Duration::from_secs(10)),
        ..ConnectionConfig::default()
    };
    let never = CancellationToken::new();
    tokio::task::spawn_local(serve(listener, Arc::new(protocol), config, Local, never));
}

/// Connections as they come.
struct Pipes(Mutex<UnboundedReceiver<End>>);

impl Listener for Pipes {
    type Io = End;

    async fn accept(&self) -> io::Result<(End, Peer)> {
        match self.0.lock().await.recv().await {
            Some(end) => Ok((end, Peer::Unix)),
            None => std::future::pending().await,
        }
    }
}

/// Tasks of the judge's own thread.
#[derive(Clone, Copy)]
struct Local;

impl Spawn for Local {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::task::spawn_local(task);
    }
}

impl World for Memory {
    type Stream = End;
    type Clock = Ticking;

    async fn connect(&self) -> io::Result<End> {
        let (ours, theirs) = pipe();
        self.door.send(theirs).map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(ours)
    }

    fn reset(&self, stream: End) {
        stream.reset();
    }

    fn clock(&self) -> &Ticking {
        &self.clock
    }
}
