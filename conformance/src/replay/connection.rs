//! The session's connections. Whatever the player waits for, all of them are written and read meanwhile (a stalled one is
//! not read), so that a server never waits for the judge.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::clock::Clock;
use super::read_ahead::ReadAhead;
use super::transcript::{Direction, Transcript};
use super::world::World;
use crate::session::Closing;
use crate::wire::Asked;

const READ_CHUNK: usize = 16 << 10;
const FORGET_ABOVE: usize = 64 << 10;

/// One connection of a session.
pub(super) struct Connection<S> {
    /// `None` once closed by the session.
    pub(super) stream: Option<S>,
    /// What came and was not taken yet starts at `taken`.
    inbox: Vec<u8>,
    taken: usize,
    /// How the server ended it.
    pub(super) ended: Option<Closing>,
    pub(super) stalled: bool,
    /// Our sending side is closed.
    pub(super) finished: bool,
    /// Bytes that wait for the next send.
    pub(super) held: Vec<u8>,
    /// What the server has not taken yet starts at `written`.
    outbox: Vec<u8>,
    written: usize,
    /// What was written may still lie in the stream: TLS keeps back what its socket does not take.
    unflushed: bool,
    /// Requests that wait for a reply, oldest first.
    pub(super) asked: VecDeque<Asked>,
    /// How much the next reply needs at least, so that a long one is read ahead whole.
    pub(super) wanted: usize,
}

impl<S> Connection<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self {
            stream: Some(stream),
            inbox: Vec::new(),
            taken: 0,
            ended: None,
            stalled: false,
            finished: false,
            held: Vec::new(),
            outbox: Vec::new(),
            written: 0,
            unflushed: false,
            asked: VecDeque::new(),
            wanted: 0,
        }
    }

    /// What came and was not taken yet.
    pub(super) fn unread(&self) -> &[u8] {
        self.inbox.get(self.taken..).unwrap_or_default()
    }

    pub(super) fn take(&mut self, length: usize) {
        self.taken += length;
    }

    /// Where the session stands on this connection, to come back to.
    pub(super) fn mark(&self) -> (usize, VecDeque<Asked>) {
        (self.taken, self.asked.clone())
    }

    pub(super) fn rewind(&mut self, mark: (usize, VecDeque<Asked>)) {
        (self.taken, self.asked) = mark;
    }

    /// Forgets what was taken, once that is worth the copying. Not while a mark is held.
    pub(super) fn forget_taken(&mut self) {
        if self.taken >= FORGET_ABOVE.max(self.unread().len()) || self.unread().is_empty() {
            self.inbox.drain(..self.taken.min(self.inbox.len()));
            self.inbox.shrink_to(FORGET_ABOVE.max(self.inbox.len()));
            self.taken = 0;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Reads what is there, as long as no more than `limit` bytes are unread. Whether that was reached.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
        mut seen: impl FnMut(Result<&[u8], Closing>),
    ) -> bool {
        let mut chunk = [0; READ_CHUNK];
        while !self.stalled && self.ended.is_none() {
            let Some(stream) = &mut self.stream else { return false };
            if self.inbox.len() - self.taken >= limit {
                return true;
            }
            let mut buffer = ReadBuf::new(&mut chunk);
            match Pin::new(stream).poll_read(cx, &mut buffer) {
                Poll::Pending => return false,
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    self.ended = Some(Closing::Eof);
                }
                Poll::Ready(Ok(())) => {
                    self.inbox.extend_from_slice(buffer.filled());
                    seen(Ok(buffer.filled()));
                }
                Poll::Ready(Err(_)) => self.ended = Some(Closing::Rst),
            }
        }
        if let Some(ended) = self.ended {
            seen(Err(ended));
        }
        false
    }

    /// Puts bytes behind what is still to be written.
    pub(super) fn post(&mut self, mut bytes: Vec<u8>) {
        if self.unwritten() == 0 {
            (self.outbox, self.written) = (bytes, 0);
        } else {
            self.outbox.append(&mut bytes);
        }
    }

    /// How much the server has not taken.
    pub(super) fn unwritten(&self) -> usize {
        self.outbox.len() - self.written + usize::from(self.unflushed)
    }

    /// Writes what the server takes. What nobody takes any more is dropped: the reading side tells how it ended.
    fn poll_write(&mut self, cx: &mut Context<'_>) {
        while self.written < self.outbox.len() {
            let Some(stream) = &mut self.stream else { break };
            let left = self.outbox.get(self.written..).unwrap_or_default();
            match Pin::new(stream).poll_write(cx, left) {
                Poll::Pending => return,
                Poll::Ready(Ok(0) | Err(_)) => break,
                Poll::Ready(Ok(count)) => {
                    self.written += count;
                    self.unflushed = true;
                }
            }
        }
        (self.outbox, self.written) = (Vec::new(), 0);
        if self.unflushed {
            let stream = self.stream.as_mut();
            let flushed = stream.map(|stream| Pin::new(stream).poll_flush(cx));
            self.unflushed = flushed.is_some_and(|flushed| flushed.is_pending());
        }
    }

    /// Ends our sending side.
    pub(super) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// All connections of a session, by name.
pub(super) struct Connections<S> {
    pub(super) all: BTreeMap<String, Connection<S>>,
    pub(super) transcript: Transcript,
    ahead: ReadAhead,
}

/// The deadline came first.
pub(super) struct TimedOut;

impl<S: AsyncRead + AsyncWrite + Unpin> Connections<S> {
    pub(super) const fn new() -> Self {
        let transcript = Transcript { events: Vec::new(), dropped: 0 };
        Self { all: BTreeMap::new(), transcript, ahead: ReadAhead::new() }
    }

    /// Keeps all connections read until `ready` is, or the deadline comes.
    pub(super) async fn until<W: World<Stream = S>, T>(
        &mut self,
        world: &W,
        deadline: Duration,
        mut ready: impl FnMut(&mut Context<'_>, &mut Self) -> Poll<T>,
    ) -> Result<T, TimedOut> {
        let mut sleep = pin!(world.clock().sleep_until(deadline));
        poll_fn(|cx| {
            self.poll_all(cx, world.now());
            if let Poll::Ready(value) = ready(cx, self) {
                return Poll::Ready(Ok(value));
            }
            sleep.as_mut().poll(cx).map(|()| Err(TimedOut))
        })
        .await
    }

    fn poll_all(&mut self, cx: &mut Context<'_>, now: Duration) {
        self.ahead.give_back(self.all.values().map(|connection| connection.unread().len()));
        // Once more if there is room now for what did not fit.
        while self.poll_each(cx, now) && self.ahead.poll_more(cx) {}
    }

    /// Whether a connection has more to read than it may.
    fn poll_each(&mut self, cx: &mut Context<'_>, now: Duration) -> bool {
        let mut full = false;
        let mut unread: usize = self.all.values().map(|connection| connection.unread().len()).sum();
        for (name, connection) in &mut self.all {
            connection.poll_write(cx);
            let was_ended = connection.ended.is_some();
            let before = connection.unread().len();
            let limit = self.ahead.limit(before, unread, connection.wanted);
            full |= connection.poll_read(cx, limit, |seen| match seen {
                Ok(bytes) => self.transcript.bytes(now, name, Direction::Received, bytes),
                Err(_) if was_ended => {}
                Err(Closing::Rst) => self.transcript.note(now, name, Direction::Received, "reset"),
                Err(_) => self.transcript.note(now, name, Direction::Received, "end of stream"),
            });
            unread += connection.unread().len() - before;
        }
        full
    }
}
