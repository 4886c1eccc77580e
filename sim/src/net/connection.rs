//! A connection: two ends, and a pipe from each to the other with a window in bytes, as a kernel has them.
//!
//! A reset wakes whoever writes as well as whoever reads; what came before it can still be read. Bytes for a socket
//! that is closed are answered with a reset.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::network::HostId;
use super::{End, Meter};
use crate::record::Side;

/// The client's side and the server's.
pub(super) const SIDES: [usize; 2] = [0, 1];

/// What travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Item {
    /// A client wants to connect…
    Knock,
    /// …and may,
    Welcome,
    /// …or there is nobody.
    Refusal,
    /// So many bytes; they wait in the pipe.
    Bytes(usize),
    /// No more comes.
    Finish,
    /// The connection is gone.
    Reset,
}

impl Item {
    /// Whether it opens a connection.
    pub(super) const fn is_of_the_handshake(self) -> bool {
        matches!(self, Self::Knock | Self::Welcome | Self::Refusal)
    }
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    /// Bytes that were written and not read yet.
    bytes: BytesMut,
    /// How many of them have arrived.
    arrived: usize,
    /// Bytes that were read and still count: the writer hears of room when there is some for a segment.
    unannounced: usize,
    /// How long that is.
    segment_bytes: usize,
    pub(super) under_way: VecDeque<(Instant, Item)>,
    pub(super) last_arrival: Option<Instant>,
    /// Something was lost: nothing arrives any more.
    pub(super) is_broken: bool,
    /// Nobody tells the writer any more that there is room.
    is_stuck: bool,
}

impl Pipe {
    /// It arrives then.
    pub(super) fn put(&mut self, at: Instant, item: Item) {
        if let (Item::Bytes(more), Some((last, Item::Bytes(count)))) =
            (item, self.under_way.back_mut())
            && *last == at
        {
            *count += more;
            return;
        }
        self.under_way.push_back((at, item));
    }

    pub(super) fn take_due(&mut self, now: Instant) -> Option<Item> {
        let (at, _) = self.under_way.front()?;
        if *at > now {
            return None;
        }
        self.under_way.pop_front().map(|(_, item)| item)
    }
}

/// How far a connection has come, as its client sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    Knocked,
    Refused,
    Open,
}

/// What the program has done with its side.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Own {
    Open,
    /// It has said that no more comes.
    Finished,
    /// It has dropped it.
    Closed,
}

/// One side's socket.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) host: HostId,
    pub(super) address: SocketAddr,
    pub(super) meter: Option<Arc<Meter>>,
    pub(super) stage: Stage,
    own: Own,
    /// How the peer's side ended, if it did.
    came: Option<End>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Socket {
    pub(super) fn new(host: HostId, address: SocketAddr) -> Self {
        Self {
            host,
            address,
            meter: None,
            stage: Stage::Knocked,
            own: Own::Open,
            came: None,
            reader: None,
            writer: None,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.own == Own::Closed
    }

    fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }

    pub(super) fn waits_to_read(&mut self, context: &Context<'_>) {
        keep(&mut self.reader, context);
    }
}

fn keep(waker: &mut Option<Waker>, context: &Context<'_>) {
    match waker {
        Some(known) => known.clone_from(context.waker()),
        None => *waker = Some(context.waker().clone()),
    }
}

/// All of it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) ends: [Socket; 2],
    /// From each side to the other.
    pub(super) pipes: [Pipe; 2],
}

impl Connection {
    pub(super) fn new(client: Socket, server: Socket) -> Self {
        Self { ends: [client, server], pipes: Default::default() }
    }

    /// The names of both ends, as that side sees them.
    pub(super) fn side(&self, side: usize) -> Side {
        Side { own: self.ends[side].address, peer: self.ends[1 - side].address }
    }

    /// Whether that side has sent something that did not arrive, or waits for room: it asks again and again.
    pub(super) fn is_waiting(&self, side: usize) -> bool {
        let pipe = &self.pipes[side];
        let is_open = !self.ends[side].is_closed() && self.ends[side].came.is_none();
        let is_unheard = pipe.is_broken && pipe.bytes.len() > pipe.arrived;
        is_open && (is_unheard || self.ends[side].writer.is_some())
    }

    /// Something has come for that side. True if it has to be answered with a reset.
    pub(super) fn receive(&mut self, side: usize, item: Item) -> bool {
        let (names, peer) = (self.side(side), self.ends[1 - side].address.ip());
        let (end, pipe) = (&mut self.ends[side], &mut self.pipes[1 - side]);
        let tell_end = |meter: &Option<Arc<Meter>>, how: End| {
            names.ended(how.name());
            if let Some(meter) = meter {
                meter.note_end(peer, how);
            }
        };
        match item {
            Item::Knock => {}
            Item::Welcome | Item::Bytes(_) if end.own == Own::Closed => return true,
            Item::Welcome => end.stage = Stage::Open,
            Item::Refusal => end.stage = Stage::Refused,
            Item::Bytes(count) => {
                pipe.arrived += count;
                if let Some(meter) = &end.meter {
                    meter.note_heard(peer);
                }
            }
            Item::Finish | Item::Reset => {
                let how = if item == Item::Finish { End::Finished } else { End::Reset };
                let is_news = end.came != Some(End::Reset) && end.came != Some(how);
                if is_news && end.own != Own::Closed {
                    tell_end(&end.meter, how);
                }
                if is_news {
                    end.came = Some(how);
                }
                if how == End::Reset {
                    end.wake_writer();
                }
            }
        }
        end.wake_reader();
        false
    }

    /// Reads what has arrived for that side; it is the end where that is nothing.
    pub(super) fn poll_read(
        &mut self,
        side: usize,
        context: &Context<'_>,
        buf: &mut ReadBuf<'_>,
        is_acknowledged: bool,
    ) -> Poll<io::Result<()>> {
        let pipe = &mut self.pipes[1 - side];
        if pipe.arrived > 0 {
            let count = pipe.arrived.min(buf.remaining());
            buf.put_slice(&pipe.bytes[..count]);
            pipe.bytes.advance(count);
            pipe.arrived -= count;
            pipe.is_stuck |= !is_acknowledged;
            pipe.unannounced += count;
            if !pipe.is_stuck && (pipe.unannounced >= pipe.segment_bytes || pipe.bytes.is_empty()) {
                pipe.unannounced = 0;
                self.ends[1 - side].wake_writer();
            }
            return Poll::Ready(Ok(()));
        }
        let end = &mut self.ends[side];
        match end.came {
            Some(End::Reset) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(End::Finished) => Poll::Ready(Ok(())),
            None => {
                end.waits_to_read(context);
                Poll::Pending
            }
        }
    }

    /// Takes as much for the other side as the window has room for.
    pub(super) fn poll_write(
        &mut self,
        side: usize,
        context: &Context<'_>,
        bytes: &[u8],
        (segment_bytes, window_bytes): (usize, usize),
    ) -> Poll<io::Result<usize>> {
        let (end, pipe) = (&mut self.ends[side], &mut self.pipes[side]);
        if end.came == Some(End::Reset) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if end.own != Own::Open {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        pipe.segment_bytes = segment_bytes;
        let taken = pipe.bytes.len() + pipe.unannounced;
        let room = window_bytes.saturating_sub(taken);
        let count = bytes.len().min(segment_bytes).min(room);
        if count == 0 && !bytes.is_empty() {
            keep(&mut end.writer, context);
            return Poll::Pending;
        }
        pipe.bytes.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    /// The program ends its side. True if that has to be said.
    pub(super) fn finish(&mut self, side: usize) -> bool {
        let end = &mut self.ends[side];
        let says = end.own == Own::Open && end.came != Some(End::Reset);
        end.own = end.own.max(Own::Finished);
        says
    }

    /// The program drops the socket: what has to be said of that.
    pub(super) fn close(&mut self, side: usize) -> Option<Item> {
        let unread = self.pipes[1 - side].arrived > 0;
        let finishes = self.finish(side);
        let end = &mut self.ends[side];
        let was = std::mem::replace(&mut end.own, Own::Closed);
        if was == Own::Closed || end.came == Some(End::Reset) {
            return None;
        }
        if unread { Some(Item::Reset) } else { finishes.then_some(Item::Finish) }
    }
}
