//! Connections in memory: a door to knock at, and a spawner that knows which tasks came to their end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use lockproof_reference_server::{Listener, Peer, Spawn};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Where clients come in.
#[derive(Debug)]
pub(super) struct Door {
    knock: UnboundedSender<DuplexStream>,
    /// Bytes that a connection holds in each direction before its writer has to wait.
    capacity: usize,
}

/// The server's side of it.
#[derive(Debug)]
pub(super) struct Knocks(Mutex<UnboundedReceiver<DuplexStream>>);

impl Door {
    pub(super) fn new(capacity: usize) -> (Self, Knocks) {
        let (knock, knocks) = unbounded_channel();
        (Self { knock, capacity }, Knocks(Mutex::new(knocks)))
    }

    /// A new connection.
    pub(super) fn connect(&self) -> DuplexStream {
        let (ours, theirs) = duplex(self.capacity);
        self.knock.send(theirs).expect("the server listens");
        ours
    }
}

impl Listener for Knocks {
    type Io = DuplexStream;

    async fn accept(&self) -> io::Result<(DuplexStream, Peer)> {
        let next = self.0.lock().await.recv().await;
        next.map(|stream| (stream, Peer::Unix)).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

/// Counts tasks: one that panics begins and does not end.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    begun: Arc<AtomicU64>,
    ended: Arc<AtomicU64>,
}

impl Tasks {
    pub(super) fn assert_ended(&self) {
        let (begun, ended) = (self.begun.load(Relaxed), self.ended.load(Relaxed));
        assert_eq!(begun, ended, "connections that were begun, and that came to their end");
    }
}

impl Spawn for Tasks {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let ended = Arc::clone(&self.ended);
        self.begun.fetch_add(1, Relaxed);
        tokio::spawn(async move {
            task.await;
            ended.fetch_add(1, Relaxed);
        });
    }
}
