//! turmoil's stream with a window in bytes, whose blocked writer a reset wakes.
//!
//! While a write waits, arriving bytes go into a side buffer of limited size, so that a reset behind them is seen;
//! readers are served from there first. What that costs: the other direction's window is looser by the side buffer
//! for so long, a stream that is dropped over bytes in it ends with a FIN instead of a reset, and a reset that follows
//! a FIN is not seen.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::TcpStream;

use super::meter::Ticket;
use super::{End, Meter, Wire};
use crate::record::Side;

/// Bytes that arrive while a write waits and are kept at most.
const AHEAD_BYTES_MAX: usize = 64 * 1024;

/// One read ahead at most.
const AHEAD_READ_BYTES: usize = 4 * 1024;

/// A stream inside the simulator.
pub struct SimStream {
    inner: TcpStream,
    peer: IpAddr,
    side: Side,
    segment_bytes: usize,
    ahead: BytesMut,
    end: Option<End>,
    wakers: Arc<Wakers>,
    /// Wakes both halves: turmoil keeps one waker, of whoever asked last.
    waker: Waker,
    meter: Option<Arc<Meter>>,
    blocked: Option<Ticket>,
    /// Bytes that were handed on while a write waits.
    hoarded: u64,
}

impl std::fmt::Debug for SimStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimStream")
            .field("peer", &self.peer)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

impl SimStream {
    /// Wraps a stream to `peer`.
    pub fn new(inner: TcpStream, peer: IpAddr, wire: &Wire) -> Self {
        let wakers = Arc::new(Wakers::default());
        let waker = Waker::from(Arc::clone(&wakers));
        let Wire { segment_bytes, meter } = wire.clone();
        let ahead = BytesMut::new();
        let unknown = SocketAddr::new(peer, 0);
        let side = Side {
            own: inner.local_addr().unwrap_or(unknown),
            peer: inner.peer_addr().unwrap_or(unknown),
        };
        Self {
            inner,
            peer,
            side,
            segment_bytes,
            ahead,
            end: None,
            wakers,
            waker,
            meter,
            blocked: None,
            hoarded: 0,
        }
    }

    /// Connects to a port of another host.
    ///
    /// # Errors
    ///
    /// Nobody listens there, or the way is cut.
    pub async fn connect(host: &str, port: u16, wire: &Wire) -> io::Result<Self> {
        let inner = TcpStream::connect((host, port)).await?;
        let peer = inner.peer_addr()?.ip();
        Ok(Self::new(inner, peer, wire))
    }

    /// Its own address.
    pub fn address(&self) -> SocketAddr {
        self.side.own
    }

    /// The peer's address.
    pub fn peer(&self) -> SocketAddr {
        self.side.peer
    }

    /// A read of the stream itself. Every end goes through here, once.
    fn poll_inner(&mut self, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let mut context = Context::from_waker(&self.waker);
        match ready!(Pin::new(&mut self.inner).poll_read(&mut context, buf)) {
            Ok(()) if buf.filled().len() == before && buf.remaining() > 0 => {
                self.note_end(End::Finished);
            }
            Ok(()) => {
                let read = buf.filled().get(before..).unwrap_or_default();
                self.side.read(read.len());
                if let Some(meter) = &self.meter {
                    meter.note_bytes(self.peer, b'<', read);
                    meter.note_heard(self.peer);
                }
            }
            Err(error) => {
                self.note_end(End::Reset);
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what has arrived, up to the limit, to see whether a reset is behind it.
    fn look_ahead(&mut self) {
        let mut chunk = [0; AHEAD_READ_BYTES];
        while self.end.is_none() && self.ahead.len() < AHEAD_BYTES_MAX {
            let mut buf = ReadBuf::new(&mut chunk);
            match self.poll_inner(&mut buf) {
                Poll::Ready(Ok(())) => self.ahead.extend_from_slice(buf.filled()),
                Poll::Ready(Err(_)) | Poll::Pending => return,
            }
        }
    }

    fn note_use(&self) {
        if let Some(meter) = &self.meter {
            meter.note_use(self.peer);
        }
    }

    fn note_end(&mut self, end: End) {
        if self.end.is_none() {
            self.end = Some(end);
            self.side.ended(end.name());
            if let Some(meter) = &self.meter {
                meter.note_end(self.peer, end);
            }
        }
    }

    fn note_blocked(&mut self) {
        if let (None, Some(meter)) = (&self.blocked, &self.meter) {
            self.blocked = Some(meter.begin_block(self.peer));
            self.side.waits();
        }
    }

    fn note_unblocked(&mut self) {
        if let (Some(ticket), Some(meter)) = (self.blocked.take(), &self.meter) {
            meter.end_block(&ticket);
            self.side.waits_no_more();
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
        self.wakers.set(Half::Reader, context.waker());
        let before = buf.filled().len();
        let polled = self.poll_side_buffer(buf);
        if self.blocked.is_some() {
            self.hoarded += (buf.filled().len() - before) as u64;
        }
        polled
    }
}

impl SimStream {
    /// What was taken ahead first, then the stream.
    fn poll_side_buffer(&mut self, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead[..count]);
            self.ahead.advance(count);
            return Poll::Ready(Ok(()));
        }
        match self.end {
            Some(End::Finished) => Poll::Ready(Ok(())),
            Some(End::Reset) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            None => self.poll_inner(buf),
        }
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.note_use();
        this.wakers.set(Half::Writer, context.waker());
        let segment = &buf[..buf.len().min(this.segment_bytes)];
        let mut both = Context::from_waker(&this.waker);
        let written = Pin::new(&mut this.inner).poll_write(&mut both, segment);
        if let Poll::Ready(written) = written {
            this.note_unblocked();
            if let Ok(count) = &written {
                this.side.wrote(&segment[..*count]);
            }
            if let (Ok(count), Some(meter)) = (&written, &this.meter) {
                meter.note_bytes(this.peer, b'>', &segment[..*count]);
            }
            return Poll::Ready(written);
        }
        this.note_blocked();
        this.look_ahead();
        if this.end == Some(End::Reset) {
            this.note_unblocked();
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Pending
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note_use();
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note_use();
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.note_unblocked();
        self.side.dropped();
    }
}

/// Who asked last, of each half.
#[derive(Debug, Default)]
struct Wakers {
    halves: Mutex<[Option<Waker>; 2]>,
}

#[derive(Clone, Copy)]
enum Half {
    Reader,
    Writer,
}

impl Wakers {
    fn set(&self, half: Half, waker: &Waker) {
        let mut halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut halves[half as usize] {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let halves = self.halves.lock().unwrap_or_else(PoisonError::into_inner).clone();
        halves.iter().flatten().for_each(Waker::wake_by_ref);
    }
}
