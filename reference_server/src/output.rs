//! A connection's output: replies gathered over a batch, and sent in one go.
//!
//! Small replies are copied together; a large value is sent from where the cache keeps it.

use core::time::Duration;
use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Room for the first replies of a batch; a batch that needs more grows it.
const FIRST_BYTES: usize = 2048;

/// From this length on, sharing a value costs less than copying it.
pub const SHARED_BYTES_MIN: usize = 8 * 1024;

/// Replies that wait to be sent, and the number of frames executed.
#[derive(Debug)]
pub struct Output {
    waiting: Waiting,
    high_water: usize,
    frames: u64,
}

/// What waits: whole pieces, and behind them the buffer that replies are encoded to.
#[derive(Debug, Default)]
struct Waiting {
    pieces: VecDeque<Bytes>,
    pieces_bytes: usize,
    tail: BytesMut,
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
        Self { waiting: Waiting::default(), high_water, frames: 0 }
    }

    /// True when no further frame may be executed before a flush.
    pub fn is_full(&self) -> bool {
        self.waiting.remaining() >= self.high_water
    }

    /// True when nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        !self.waiting.has_remaining()
    }

    /// Where replies are encoded to.
    pub fn buffer(&mut self) -> &mut BytesMut {
        if self.waiting.tail.capacity() == 0 {
            self.waiting.tail.reserve(FIRST_BYTES);
        }
        &mut self.waiting.tail
    }

    /// Adds bytes without a copy. Worth it from [`SHARED_BYTES_MIN`] on.
    pub fn share(&mut self, bytes: Bytes) {
        if !self.waiting.tail.is_empty() {
            let before = self.waiting.tail.split().freeze();
            self.waiting.push(before);
        }
        self.waiting.push(bytes);
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
        let bytes = self.waiting.remaining();
        match timeout(deadline, self.waiting.write_all(io)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(FlushError::Transport(error)),
            Err(_) => return Err(FlushError::Deadline),
        }
        self.waiting = Waiting::default();
        Ok(bytes)
    }
}

impl Waiting {
    fn push(&mut self, piece: Bytes) {
        self.pieces_bytes += piece.len();
        self.pieces.push_back(piece);
    }

    async fn write_all(&mut self, io: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while self.has_remaining() {
            if io.write_buf(self).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        io.flush().await
    }
}

impl Buf for Waiting {
    fn remaining(&self) -> usize {
        self.pieces_bytes + self.tail.len()
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&self.tail, |piece| piece)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = self.pieces.iter().map(|piece| &piece[..]);
        let all = pieces.chain([&self.tail[..]]).filter(|piece| !piece.is_empty());
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(all) {
            *slice = IoSlice::new(piece);
            count += 1;
        }
        count
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            let taken = count.min(piece.len());
            piece.advance(taken);
            self.pieces_bytes -= taken;
            count -= taken;
            if piece.has_remaining() {
                return;
            }
            self.pieces.pop_front();
        }
        self.tail.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use super::{Output, Waiting};
    use bytes::{Buf, Bytes};
    use std::io::IoSlice;

    /// Encoded, shared, encoded, shared, encoded.
    fn mixed() -> Output {
        let mut output = Output::new(10);
        output.buffer().extend_from_slice(b"ab");
        output.share(Bytes::from_static(b"cde"));
        output.buffer().extend_from_slice(b"f");
        output.share(Bytes::from_static(b"gh"));
        output.buffer().extend_from_slice(b"ij");
        output
    }

    fn vectored(waiting: &Waiting, count: usize) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = waiting.chunks_vectored(&mut slices[..count]);
        slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect()
    }

    #[test]
    fn order_is_kept_from_every_position() {
        let whole = b"abcdefghij";
        for skip in 0..=whole.len() {
            let Output { mut waiting, .. } = mixed();
            waiting.advance(skip);
            assert_eq!(waiting.remaining(), whole.len() - skip);
            assert_eq!(vectored(&waiting, 8), whole[skip..]);
            assert!(whole[skip..].starts_with(&vectored(&waiting, 2)));
            let mut bytes = Vec::new();
            while waiting.has_remaining() {
                bytes.push(waiting.get_u8());
            }
            assert_eq!(bytes, whole[skip..]);
        }
    }

    #[test]
    fn shared_bytes_count_for_the_high_water_mark() {
        assert!(mixed().is_full());
        let mut output = Output::new(4);
        output.share(Bytes::from_static(b"abc"));
        assert!(!output.is_full() && !output.is_empty());
        output.buffer().extend_from_slice(b"d");
        assert!(output.is_full());
    }
}
