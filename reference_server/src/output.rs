//! A connection's output: replies gathered over a batch, and sent in one go.

use core::time::Duration;

use bytes::{Buf, BytesMut};
use std::io;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Room for the first replies of a batch; a batch that needs more grows it.
const FIRST_BYTES: usize = 2048;

/// Replies that wait to be sent, and the number of frames executed.
#[derive(Debug)]
pub struct Output {
    bytes: BytesMut,
    high_water: usize,
    frames: u64,
}

/// Why a flush failed.
#[derive(Debug)]
pub(crate) enum FlushError {
    /// The peer did not take everything in time.
    Deadline,
    /// The transport failed.
    Transport(io::Error),
}

impl Output {
    /// Empty, and full from `high_water` bytes on.
    pub fn new(high_water: usize) -> Self {
        Self { bytes: BytesMut::new(), high_water, frames: 0 }
    }

    /// True when no further frame may be executed before a flush.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= self.high_water
    }

    /// True when nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Where replies are encoded to.
    pub fn buffer(&mut self) -> &mut BytesMut {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(FIRST_BYTES);
        }
        &mut self.bytes
    }

    /// Notes that one more frame was taken from the input, answered or not.
    pub fn count_frame(&mut self) {
        self.frames += 1;
    }

    /// Frames taken so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Sends everything under one deadline, and gives the memory back: an idle connection keeps
    /// no buffer.
    pub(crate) async fn flush(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        deadline: Duration,
    ) -> Result<usize, FlushError> {
        let bytes = self.bytes.len();
        match timeout(deadline, self.write_all(io)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(FlushError::Transport(error)),
            Err(_) => return Err(FlushError::Deadline),
        }
        self.bytes = BytesMut::new();
        Ok(bytes)
    }

    async fn write_all(&mut self, io: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while self.bytes.has_remaining() {
            if io.write_buf(&mut self.bytes).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        io.flush().await
    }
}
