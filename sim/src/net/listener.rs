//! Where simulated connections come from.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use lockproof_reference_server::{Listener, Peer};

use super::connection::{Item, SIDES};
use super::network::{ConnectionId, HostId, here, this_host};
use super::{Meter, SimStream, Wire};

/// Connections that wait to be accepted at most; few, so that it is seen when nobody accepts.
const BACKLOG: usize = 24;

/// What a system says that has no descriptors left: `EMFILE`.
const TOO_MANY_FILES: i32 = 24;

/// Connections that wait to be accepted.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: VecDeque<ConnectionId>,
    acceptor: Option<Waker>,
    pub(super) meter: Option<Arc<Meter>>,
}

impl Backlog {
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= BACKLOG
    }

    pub(super) fn put(&mut self, id: ConnectionId) {
        self.waiting.push_back(id);
        if let Some(waker) = self.acceptor.take() {
            waker.wake();
        }
    }
}

/// A listener on a simulated machine, as [`serve`](lockproof_reference_server::serve) wants it.
#[derive(Debug)]
pub struct SimListener {
    host: HostId,
    port: u16,
    wire: Wire,
}

impl SimListener {
    /// Listens on every address of this host.
    ///
    /// # Errors
    ///
    /// The port is taken, or no simulation runs here.
    pub fn bind(port: u16, wire: Wire) -> io::Result<Self> {
        let host = this_host();
        here(|network| {
            let listeners = &mut network.hosts[host].listeners;
            if listeners.contains_key(&port) {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            let meter = wire.meter.clone();
            listeners.insert(port, Backlog { meter, ..Backlog::default() });
            Ok(Self { host, port, wire })
        })
        .unwrap_or_else(|| Err(io::ErrorKind::NetworkDown.into()))
    }

    fn poll_accept(&self, context: &Context<'_>) -> Poll<io::Result<(SimStream, SocketAddr)>> {
        let accepted = here(|network| {
            let Some(backlog) = network.hosts[self.host].listeners.get_mut(&self.port) else {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            };
            if !backlog.waiting.is_empty()
                && self.wire.meter.as_ref().is_some_and(|meter| meter.refuses())
            {
                return Poll::Ready(Err(io::Error::from_raw_os_error(TOO_MANY_FILES)));
            }
            let Some(id) = backlog.waiting.pop_front() else {
                backlog.acceptor = Some(context.waker().clone());
                return Poll::Pending;
            };
            let [_, server] = SIDES;
            let stream =
                SimStream::new(id, server, network.connections[id].side(server), &self.wire);
            let peer = stream.peer();
            Poll::Ready(Ok((stream, peer)))
        });
        accepted.unwrap_or_else(|| Poll::Ready(Err(io::ErrorKind::NetworkDown.into())))
    }
}

impl Listener for SimListener {
    type Io = SimStream;

    async fn accept(&self) -> io::Result<(SimStream, Peer)> {
        let (stream, peer) = poll_fn(|context| self.poll_accept(context)).await?;
        Ok((stream, peer.into()))
    }
}

impl Drop for SimListener {
    /// Who waits to be accepted is reset.
    fn drop(&mut self) {
        here(|network| {
            let backlog = network.hosts[self.host].listeners.remove(&self.port);
            for id in backlog.into_iter().flat_map(|backlog| backlog.waiting) {
                let [_, server] = SIDES;
                network.connections[id].close(server);
                network.send(id, server, Item::Reset);
            }
        });
    }
}
