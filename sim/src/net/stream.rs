//! A stream inside the simulator: a socket of the simulated kernel, and notes of what is done with it.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::{Connection, Item, SIDES, Socket, Stage};
use super::meter::Ticket;
use super::network::{ConnectionId, Network, Way, here, this_host};
use super::{Meter, Wire};
use crate::record::Side;

/// A stream.
#[derive(Debug)]
pub struct SimStream {
    id: ConnectionId,
    side: usize,
    names: Side,
    segment_bytes: usize,
    window_bytes: usize,
    meter: Option<Arc<Meter>>,
    /// A write that waits.
    blocked: Option<Ticket>,
    /// Bytes that were read while a write waits.
    hoarded: u64,
}

/// What is said where no simulation runs any more.
fn nowhere<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::NetworkDown.into()))
}

impl SimStream {
    pub(super) fn new(id: ConnectionId, side: usize, names: Side, wire: &Wire) -> Self {
        let Wire { segment_bytes, window_bytes, meter } = wire.clone();
        Self { id, side, names, segment_bytes, window_bytes, meter, blocked: None, hoarded: 0 }
    }

    /// Connects to a port of another host. Where the way is cut it takes for ever.
    ///
    /// # Errors
    ///
    /// Nobody listens there, or there is no such host.
    pub async fn connect(host: &str, port: u16, wire: &Wire) -> io::Result<Self> {
        let own = this_host();
        let knocked: Option<io::Result<Self>> = here(|network| {
            let peer = network.host(host).ok_or(io::Error::from(io::ErrorKind::NotFound))?;
            let [client, _] = SIDES;
            let own_address = network.client_address(own);
            let peer_address = SocketAddr::new(network.hosts[peer].ip, port);
            let ends = [Socket::new(own, own_address), Socket::new(peer, peer_address)];
            let [client_socket, server_socket] = ends;
            let id = network.connections.len();
            network.connections.push(Connection::new(client_socket, server_socket));
            network.connections[id].ends[client].meter.clone_from(&wire.meter);
            network.send(id, client, Item::Knock);
            let names = network.connections[id].side(client);
            // It is closed when it is dropped, even before it is open.
            Ok(Self::new(id, client, names, wire))
        });
        let stream = knocked.unwrap_or_else(|| Err(io::ErrorKind::NetworkDown.into()))?;
        poll_fn(|context| stream.poll_open(context)).await?;
        Ok(stream)
    }

    fn poll_open(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        let open = here(|network| {
            let socket = &mut network.connections[self.id].ends[self.side];
            match socket.stage {
                Stage::Open => Poll::Ready(Ok(())),
                Stage::Refused => Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into())),
                Stage::Knocked => {
                    socket.waits_to_read(context);
                    Poll::Pending
                }
            }
        });
        open.unwrap_or_else(nowhere)
    }

    /// Its own address.
    pub fn address(&self) -> SocketAddr {
        self.names.own
    }

    /// The peer's address.
    pub fn peer(&self) -> SocketAddr {
        self.names.peer
    }

    fn note_use(&self) {
        if let Some(meter) = &self.meter {
            meter.note_use(self.names.peer.ip());
        }
    }

    fn note_read(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.names.read(bytes.len());
        if let Some(meter) = &self.meter {
            meter.note_bytes(self.names.peer.ip(), b'<', bytes);
        }
        if self.blocked.is_some() {
            self.hoarded += bytes.len() as u64;
        }
    }

    fn note_written(&self, bytes: &[u8]) {
        self.names.wrote(bytes);
        if let Some(meter) = &self.meter {
            meter.note_bytes(self.names.peer.ip(), b'>', bytes);
        }
    }

    fn note_blocked(&mut self) {
        if let (None, Some(meter)) = (&self.blocked, &self.meter) {
            self.blocked = Some(meter.begin_block(self.names.peer.ip()));
            self.names.waits();
        }
    }

    fn note_unblocked(&mut self) {
        if let (Some(ticket), Some(meter)) = (self.blocked.take(), &self.meter) {
            meter.end_block(&ticket);
            self.names.waits_no_more();
            meter.note_hoarded(std::mem::take(&mut self.hoarded));
        }
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.note_use();
        let before = buf.filled().len();
        let (id, side) = (self.id, self.side);
        let read = here(|network| {
            let is_acknowledged = hears(network, id, side);
            network.connections[id].poll_read(side, context, buf, is_acknowledged)
        });
        self.note_read(&buf.filled()[before..]);
        read.unwrap_or_else(nowhere)
    }
}

/// Whether the peer is told what this side has read.
fn hears(network: &Network, id: ConnectionId, side: usize) -> bool {
    let ends = &network.connections[id].ends;
    network.way(ends[side].host, ends[1 - side].host) != Way::Cut
}

impl AsyncWrite for SimStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.note_use();
        let (id, side, sizes) = (self.id, self.side, (self.segment_bytes, self.window_bytes));
        let written = here(|network| {
            let connection = &mut network.connections[id];
            let written = connection.poll_write(side, context, buf, sizes);
            if let Poll::Ready(Ok(count @ 1..)) = written {
                network.send(id, side, Item::Bytes(count));
            }
            written
        });
        let written = written.unwrap_or_else(nowhere);
        if written.is_pending() {
            self.note_blocked();
        } else {
            self.note_unblocked();
        }
        if let Poll::Ready(Ok(count)) = written {
            self.note_written(&buf[..count]);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note_use();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note_use();
        here(|network| {
            if network.connections[self.id].finish(self.side) {
                network.send(self.id, self.side, Item::Finish);
            }
        });
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.note_unblocked();
        self.names.dropped();
        here(|network| {
            if let Some(item) = network.connections[self.id].close(self.side) {
                network.send(self.id, self.side, item);
            }
        });
    }
}
