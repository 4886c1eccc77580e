//! turmoil's streams and tasks, as the server and the player want them.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use lockproof_conformance::replay::World;
use lockproof_reference_server::{Listener, Spawn};
use tokio::time::Instant;
use turmoil::net::{TcpListener, TcpStream};

use crate::trace::Trace;

/// turmoil's listener, as [`serve`](lockproof_reference_server::serve) wants it.
pub struct SimListener(pub TcpListener);

impl std::fmt::Debug for SimListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimListener").field("address", &self.0.local_addr().ok()).finish()
    }
}

impl Listener for SimListener {
    type Io = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.accept().await
    }
}

/// Tasks on the host's own thread: with `tokio::spawn` a crash ends them in an order that differs from run to run.
#[derive(Clone, Copy, Debug)]
pub struct LocalSpawn;

impl Spawn for LocalSpawn {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::task::spawn_local(task);
    }
}

/// The conformance player's surroundings inside the simulator.
#[derive(Debug)]
pub struct SimWorld {
    host: &'static str,
    port: u16,
    start: Instant,
    trace: Rc<RefCell<Trace>>,
}

/// Unix time at the start of every simulation: 2024-01-01.
pub const UNIX_START: u64 = 1_704_067_200;

impl SimWorld {
    /// A world whose server is `host:port`; connections are noted in `trace`.
    pub fn new(host: &'static str, port: u16, trace: Rc<RefCell<Trace>>) -> Self {
        Self { host, port, start: Instant::now(), trace }
    }
}

impl World for SimWorld {
    type Stream = TcpStream;

    async fn connect(&self) -> io::Result<TcpStream> {
        self.trace.borrow_mut().note("connect");
        TcpStream::connect((self.host, self.port)).await
    }

    /// turmoil resets a stream that is dropped with unread data, and ends it otherwise.
    fn reset(&self, stream: TcpStream) {
        drop(stream);
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn unix_now(&self) -> u64 {
        UNIX_START + turmoil::sim_elapsed().unwrap_or_default().as_secs()
    }

    async fn sleep_until(&self, until: Duration) {
        tokio::time::sleep_until(self.start + until).await;
    }
}
