//! Reading what is there, without a buffer for each idle connection.
//!
//! Bytes arrive in a spare buffer of the thread. The connection works on that buffer, and keeps what it cannot execute yet in
//! one of its own; a silent connection has none.

use core::future::poll_fn;
use core::mem::take;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use bytes::{BufMut, BytesMut};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use crate::spare;

/// Bytes taken by one read at most.
pub(crate) const READ_MAX: usize = spare::SPARE_BYTES;

/// What came, and was not executed yet.
#[derive(Debug, Default)]
pub(crate) struct Input {
    bytes: BytesMut,
    /// The buffer is the thread's, lent until [`rest`](Self::rest).
    is_lent: bool,
}

impl Input {
    /// The bytes; what is executed is taken off their start.
    pub(crate) fn bytes(&mut self) -> &mut BytesMut {
        &mut self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Gives the lent buffer back: before anything that may take time. What is in it is kept.
    pub(crate) fn rest(&mut self) {
        if self.is_lent {
            let kept = BytesMut::from(&self.bytes[..]);
            spare::give(core::mem::replace(&mut self.bytes, kept));
            self.is_lent = false;
        } else if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
    }

    /// Waits for bytes and appends at most `limit` of them; 0 is the end of the stream. Safe to drop
    /// half way: then nothing was taken.
    pub(crate) async fn read(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        limit: usize,
    ) -> io::Result<usize> {
        poll_fn(|context| self.poll_read(io, context, limit)).await
    }

    fn poll_read(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = spare::take();
        let mut room = (&mut buffer).limit(limit.min(READ_MAX));
        let read = poll_read_buf(Pin::new(io), context, &mut room);
        if self.bytes.is_empty() && matches!(read, Poll::Ready(Ok(1..))) {
            self.bytes = take(&mut buffer);
            self.is_lent = true;
            return read;
        }
        self.bytes.extend_from_slice(&buffer);
        spare::give(buffer);
        read
    }
}
