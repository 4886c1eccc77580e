//! A server that says the same bytes on every connection, whatever it is told: for property tests and fuzzing. Nothing
//! leaves the process, and time passes only when the player waits, so that every session ends at once.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::clock::Clock;
use super::world::World;

/// The world of such a server.
#[derive(Debug)]
pub struct Monologue {
    bytes: Arc<[u8]>,
    ends: bool,
    clock: Skipping,
}

/// A clock that stands still until somebody waits, and is then where they waited for.
#[derive(Debug, Default)]
pub struct Skipping(Cell<Duration>);

/// One connection to it.
#[derive(Debug)]
pub struct Speech {
    bytes: Arc<[u8]>,
    said: usize,
    ends: bool,
}

impl Monologue {
    /// It says `bytes`, and then ends the connection or falls silent.
    pub fn new(bytes: &[u8], ends: bool) -> Self {
        Self { bytes: bytes.into(), ends, clock: Skipping::default() }
    }
}

impl World for Monologue {
    type Stream = Speech;
    type Clock = Skipping;

    async fn connect(&self) -> io::Result<Speech> {
        Ok(Speech { bytes: Arc::clone(&self.bytes), said: 0, ends: self.ends })
    }

    fn reset(&self, _: Speech) {}

    fn clock(&self) -> &Skipping {
        &self.clock
    }
}

impl Clock for Skipping {
    fn now(&self) -> Duration {
        self.0.get()
    }

    fn unix_now(&self) -> u64 {
        self.now().as_secs()
    }

    async fn sleep_until(&self, until: Duration) {
        self.0.set(self.now().max(until));
    }
}

impl AsyncRead for Speech {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.bytes.get(self.said..).unwrap_or_default();
        if left.is_empty() && !self.ends {
            // Nobody is woken: the player's own time limit is ready at once.
            return Poll::Pending;
        }
        let some = left.get(..buffer.remaining()).unwrap_or(left);
        buffer.put_slice(some);
        let length = some.len();
        self.said += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Speech {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
