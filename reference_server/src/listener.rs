//! Where connections come from: the [`Listener`] seam, and TCP with its socket options.
//!
//! A simulator implements [`Listener`] over its own streams; socket options exist only here.

use core::future::Future;
use core::time::Duration;
use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::Peer;

/// Accepts connections.
pub trait Listener: Send + Sync + 'static {
    /// One accepted byte stream.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next connection. Must be safe to drop half way.
    ///
    /// # Errors
    /// Whatever the transport reports; the server pauses briefly and asks again.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Io, Peer)>> + Send;
}

/// What is set on every accepted socket.
#[derive(Clone, Copy, Debug)]
pub struct SocketOptions {
    /// Silence before the first keepalive probe (LKR-408).
    pub keepalive_idle: Duration,
    /// Time between probes.
    pub keepalive_interval: Duration,
    /// Unanswered probes before the peer counts as dead.
    pub keepalive_probes: u32,
    /// How long sent bytes may stay unacknowledged. Linux lets it overrule the probe count, so it
    /// should equal idle + interval × probes.
    pub user_timeout: Duration,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            keepalive_idle: Duration::from_secs(30),
            keepalive_interval: Duration::from_secs(10),
            keepalive_probes: 3,
            user_timeout: Duration::from_mins(1),
        }
    }
}

impl SocketOptions {
    fn apply(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?; // LKR-010: a header and a body in two writes must not stall
        let keepalive = TcpKeepalive::new()
            .with_time(self.keepalive_idle)
            .with_interval(self.keepalive_interval)
            .with_retries(self.keepalive_probes);
        let socket = SockRef::from(stream);
        socket.set_tcp_keepalive(&keepalive)?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(self.user_timeout))?;
        Ok(())
    }
}

/// The real listener: tokio's, with [`SocketOptions`] on every accepted socket.
#[derive(Debug)]
pub struct TcpAcceptor {
    listener: TcpListener,
    options: SocketOptions,
}

impl TcpAcceptor {
    /// Takes over a listening socket. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// When the runtime cannot register the socket.
    pub fn new(listener: std::net::TcpListener, options: SocketOptions) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener: TcpListener::from_std(listener)?, options })
    }
}

impl Listener for TcpAcceptor {
    type Io = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Peer)> {
        let (stream, peer) = self.listener.accept().await?;
        // A peer that has already gone makes this fail; the first read then reports it.
        if let Err(error) = self.options.apply(&stream) {
            tracing::debug!(%peer, %error, "socket options not set");
        }
        Ok((stream, peer.into()))
    }
}

/// Opens a listening socket; `backlog` connections may wait to be accepted.
///
/// # Errors
/// When the address is in use, or is not ours.
pub fn bind(address: SocketAddr, backlog: i32) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{Duration, Listener, SockRef, SocketOptions, TcpAcceptor, TcpStream, bind};

    #[tokio::test]
    async fn accepted_socket_finds_dead_peers_within_a_minute() {
        let socket = bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
        let address = socket.local_addr().unwrap();
        let acceptor = TcpAcceptor::new(socket, SocketOptions::default()).unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), acceptor.accept());
        let (stream, peer) = accepted.unwrap();
        assert_eq!(peer, client.unwrap().local_addr().unwrap().into());
        assert!(stream.nodelay().unwrap());
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(10));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_mins(1)));
    }
}
