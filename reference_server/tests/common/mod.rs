//! One protocol on a loopback port, and what the tests do with a socket. Every wait has a generous
//! limit, and ends by an event.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses a part of it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lockproof_reference_server::{
    ConnectionConfig, Ending, Protocol, SocketOptions, TcpAcceptor, TokioSpawn, bind, serve,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Far more than anything here takes.
pub const LIMIT: Duration = Duration::from_mins(1);

/// A listener of one protocol.
pub struct Running<P> {
    pub address: SocketAddr,
    pub protocol: Arc<P>,
    pub shutdown: CancellationToken,
    pub serving: JoinHandle<()>,
}

impl<P: Protocol> Running<P> {
    pub fn start(protocol: P, config: ConnectionConfig) -> Self {
        let socket = bind("127.0.0.1:0".parse().unwrap(), 128).unwrap();
        let address = socket.local_addr().unwrap();
        let listener = TcpAcceptor::new(socket, SocketOptions::default()).unwrap();
        let (protocol, shutdown) = (Arc::new(protocol), CancellationToken::new());
        let serving = tokio::spawn(serve(
            listener,
            Arc::clone(&protocol),
            config,
            TokioSpawn,
            shutdown.clone(),
        ));
        Self { address, protocol, shutdown, serving }
    }

    pub async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Waits until so many connections are there.
    pub async fn connections(&self, count: usize) {
        let counters = self.protocol.counters();
        eventually("that many connections", || counters.current() == count).await;
    }

    /// Waits until so many connections have ended for that reason.
    pub async fn ended(&self, ending: Ending, count: u64) {
        let counters = self.protocol.counters();
        eventually("that many endings", || counters.ended(ending) == count).await;
    }
}

/// A client that knows no protocol.
pub struct Client {
    pub stream: TcpStream,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = timeout(LIMIT, TcpStream::connect(address)).await.unwrap().unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        timeout(LIMIT, self.stream.write_all(bytes))
            .await
            .expect("sending takes too long")
            .unwrap();
    }

    /// Reads exactly so many bytes.
    pub async fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let read = timeout(LIMIT, self.stream.read_exact(&mut bytes)).await;
        read.expect("the reply takes too long").expect("the connection ended");
        bytes
    }

    /// Reads to the end of the stream, or to a reset.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = timeout(LIMIT, self.stream.read_to_end(&mut bytes)).await;
        let _end_or_reset = read.expect("the connection stays open");
        bytes
    }

    /// Expects the end of the stream, and neither a byte nor a reset before it.
    pub async fn expect_clean_end(&mut self) {
        let read = timeout(LIMIT, self.stream.read(&mut [0])).await;
        assert_eq!(read.expect("the connection stays open").expect("not a reset"), 0);
    }

    pub async fn expect(&mut self, reply: &[u8]) {
        assert_eq!(self.read(reply.len()).await, reply);
    }

    pub async fn ask(&mut self, request: &[u8], reply: &[u8]) {
        self.send(request).await;
        self.expect(reply).await;
    }

    /// Closes the sending side.
    pub async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Ends with a reset instead of an end of stream.
    pub fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

/// Waits until a condition holds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}
