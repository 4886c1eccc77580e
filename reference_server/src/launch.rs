//! Starting accept loops on the tokio runtime, for [`Server`](crate::Server) and
//! [`Embedded`](crate::Embedded).

use core::time::Duration;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::protocols::echo_process::serve_processes;
use crate::{
    ConnectionConfig, Echo, EchoMode, Protocol, SocketOptions, Spin, TcpAcceptor, TokioSpawn, bind,
    serve,
};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// A bound socket and the address that it got.
#[derive(Debug)]
pub(crate) struct Bound {
    socket: TcpListener,
    pub(crate) address: SocketAddr,
}

/// The accept loops of a server; dropping it drops them with their connections.
#[derive(Debug)]
pub(crate) struct Loops {
    running: JoinSet<()>,
    options: SocketOptions,
    shutdown: CancellationToken,
}

impl Bound {
    pub(crate) fn new(address: SocketAddr) -> io::Result<Self> {
        let in_words =
            |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
        let socket = bind(address, BACKLOG).map_err(in_words)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }
}

impl Loops {
    pub(crate) fn new(options: SocketOptions, shutdown: CancellationToken) -> Self {
        Self { running: JoinSet::new(), options, shutdown }
    }

    pub(crate) fn start<P: Protocol>(
        &mut self,
        bound: Bound,
        protocol: Arc<P>,
        config: ConnectionConfig,
    ) -> io::Result<()> {
        let listener = TcpAcceptor::new(bound.socket, self.options)?;
        let shutdown = self.shutdown.clone();
        tracing::info!(protocol = P::NAME, address = %bound.address, "listening");
        self.running.spawn(serve(listener, protocol, config, TokioSpawn, shutdown));
        Ok(())
    }

    pub(crate) fn start_echo(
        &mut self,
        bound: Bound,
        mode: EchoMode,
        config: ConnectionConfig,
    ) -> io::Result<()> {
        let echo = Arc::new(Echo::default());
        let EchoMode::Process { argv } = mode else { return self.start(bound, echo, config) };
        let listener = TcpAcceptor::new(bound.socket, self.options)?;
        let (counters, shutdown) = (Arc::clone(echo.counters()), self.shutdown.clone());
        tracing::info!(protocol = Echo::NAME, address = %bound.address, ?argv, "listening");
        self.running.spawn(serve_processes(listener, argv, counters, config, TokioSpawn, shutdown));
        Ok(())
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
