//! Starting accept loops on the tokio runtime, for [`Server`](crate::Server) and
//! [`Embedded`](crate::Embedded).

use core::time::Duration;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::protocols::echo_process::serve_processes;
use crate::unix::{UnixAcceptor, UnixSocket};
use crate::{
    ConnectionConfig, Counters, Echo, EchoMode, Inherited, Listen, Listener, Protocol,
    SocketOptions, Spin, TcpAcceptor, Tls, TlsListener, TokioSpawn, bind, serve,
};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// A bound socket and the address that it got.
#[derive(Debug)]
pub(crate) struct Bound {
    socket: Bind,
    pub(crate) address: Listen,
}

#[derive(Debug)]
enum Bind {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

/// The accept loops of a server; dropping it drops them with their connections.
#[derive(Debug)]
pub(crate) struct Loops {
    running: JoinSet<()>,
    options: SocketOptions,
    tls: Option<Tls>,
    shutdown: CancellationToken,
}

impl Bound {
    /// At that address; a Unix socket's file gets this mode.
    pub(crate) fn at(listen: &Listen, unix_mode: u32) -> io::Result<Self> {
        let bound = match listen {
            Listen::Tcp(address) => Self::tcp(*address),
            Listen::Unix(path) => Self::unix(path, unix_mode),
        };
        bound.map_err(|error| io::Error::new(error.kind(), format!("{listen}: {error}")))
    }

    pub(crate) fn tcp(address: SocketAddr) -> io::Result<Self> {
        let socket = bind(address, BACKLOG)?;
        let address = socket.local_addr()?.into();
        Ok(Self { socket: Bind::Tcp(socket), address })
    }

    /// On a socket that somebody else has opened.
    pub(crate) fn inherited(socket: Inherited) -> io::Result<Self> {
        Ok(match socket {
            Inherited::Tcp(socket) => {
                let address = socket.local_addr()?.into();
                Self { socket: Bind::Tcp(socket), address }
            }
            Inherited::Unix(socket) => {
                let socket = UnixSocket::inherited(socket)?;
                let address = Listen::Unix(socket.path());
                Self { socket: Bind::Unix(socket), address }
            }
        })
    }

    fn unix(path: &Path, mode: u32) -> io::Result<Self> {
        let socket = UnixSocket::bind(path, mode, BACKLOG)?;
        Ok(Self { socket: Bind::Unix(socket), address: path.into() })
    }
}

impl Loops {
    /// With `tls`, every TCP connection begins with a handshake; a Unix socket has a mode instead.
    pub(crate) fn new(
        options: SocketOptions,
        tls: Option<Tls>,
        shutdown: CancellationToken,
    ) -> Self {
        Self { running: JoinSet::new(), options, tls, shutdown }
    }

    pub(crate) fn start<P: Protocol>(
        &mut self,
        bound: Bound,
        protocol: Arc<P>,
        config: ConnectionConfig,
    ) -> io::Result<()> {
        let tls = self.tls.clone();
        let with = if tls.is_some() { "TLS" } else { "no TLS" };
        tracing::info!(protocol = P::NAME, address = %bound.address, with, "listening");
        match (bound.socket, tls) {
            (Bind::Unix(socket), _) => self.run(UnixAcceptor::new(socket)?, protocol, config),
            (Bind::Tcp(socket), None) => {
                self.run(TcpAcceptor::new(socket, self.options)?, protocol, config);
            }
            (Bind::Tcp(socket), Some(tls)) => {
                let tcp = TcpAcceptor::new(socket, self.options)?;
                self.run(TlsListener::new(tcp, tls), protocol, config);
            }
        }
        Ok(())
    }

    fn run<P: Protocol>(
        &mut self,
        listener: impl Listener,
        protocol: Arc<P>,
        config: ConnectionConfig,
    ) {
        let shutdown = self.shutdown.clone();
        self.running.spawn(serve(listener, protocol, config, TokioSpawn, shutdown));
    }

    /// A process for each client gets the socket itself, so it can only be had over TCP, and without TLS.
    pub(crate) fn start_echo(
        &mut self,
        bound: Bound,
        mode: EchoMode,
        config: ConnectionConfig,
    ) -> io::Result<Arc<Counters>> {
        let echo = Arc::new(Echo::default());
        let counters = Arc::clone(echo.counters());
        let EchoMode::Process { argv } = mode else {
            self.start(bound, echo, config)?;
            return Ok(counters);
        };
        let (Bind::Tcp(socket), None) = (bound.socket, &self.tls) else {
            let text = "a process for each echo client needs plain TCP: no TLS, no Unix socket";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        };
        let listener = TcpAcceptor::new(socket, self.options)?;
        let shutdown = self.shutdown.clone();
        tracing::info!(protocol = Echo::NAME, address = %bound.address, ?argv, "listening");
        let counted = Arc::clone(&counters);
        self.running.spawn(serve_processes(listener, argv, counted, config, TokioSpawn, shutdown));
        Ok(counters)
    }

    /// A task that keeps the runtime awake for `window` after each request that its handle is told of.
    pub(crate) fn start_spin(&mut self, window: Duration) -> Spin {
        let spin = Spin::new(window);
        self.running.spawn(spin.clone().run(self.shutdown.clone()));
        spin
    }

    /// Waits until all have ended.
    pub(crate) async fn join(&mut self) -> io::Result<()> {
        while let Some(ended) = self.running.join_next().await {
            ended.map_err(io::Error::other)?;
        }
        Ok(())
    }
}
