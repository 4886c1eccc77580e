//! A connection's output: replies gathered over a batch, and sent in one go.
//!
//! Small replies are copied together, into a buffer that the thread lends; a large value is sent from where the cache
//! keeps it.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes, BytesMut};
use lockproof_state_machine::items;
use tokio::io::AsyncWrite;
use tokio::time::timeout;
use tokio_util::io::poll_write_buf;

use crate::budget::{Charge, NoMemory};
use crate::spare;

/// From this length on, sharing a value costs less than copying it.
pub const SHARED_BYTES_MIN: usize = items::SHARED_LEN_MIN;

/// So many shared bytes count as much as one that was encoded.
const SHARED_PER_ENCODED: usize = 3;

/// Replies that wait to be sent, and the number of frames executed.
#[derive(Debug)]
pub struct Output {
    waiting: Waiting,
    high_water: usize,
    frames: u64,
}

/// What waits: a buffer that replies are encoded to, and pieces that belong into gaps of it.
#[derive(Debug, Default)]
struct Waiting {
    encoded: BytesMut,
    /// Bytes of `encoded` that are sent already.
    sent: usize,
    /// Shared pieces, and the length that `encoded` had when each was added.
    pieces: VecDeque<(usize, Bytes)>,
    pieces_bytes: usize,
}

/// Why a flush failed.
#[derive(Debug)]
pub(crate) enum FlushError {
    /// The peer did not take everything in time.
    Deadline,
    /// The peer is slow, and there is no memory to keep its replies.
    Memory,
    /// The transport failed.
    Transport(io::Error),
}

impl Output {
    /// Empty, and full from `high_water` bytes on.
    pub fn new(high_water: usize) -> Self {
        Self { waiting: Waiting::default(), high_water, frames: 0 }
    }

    /// True when no further frame may be executed before a flush. Shared bytes take no memory of the connection's own, and
    /// many small sends cost more than a large one; so they count for less.
    pub fn is_full(&self) -> bool {
        let Waiting { encoded, sent, pieces_bytes, .. } = &self.waiting;
        encoded.len() - sent + pieces_bytes / SHARED_PER_ENCODED >= self.high_water
    }

    /// True when nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        !self.waiting.has_remaining()
    }

    /// Where replies are encoded to.
    pub fn buffer(&mut self) -> &mut BytesMut {
        if self.waiting.encoded.capacity() == 0 {
            self.waiting.encoded = spare::take();
        }
        &mut self.waiting.encoded
    }

    /// Adds bytes without a copy. Worth it from [`SHARED_BYTES_MIN`] on.
    pub fn share(&mut self, bytes: Bytes) {
        self.waiting.pieces_bytes += bytes.len();
        self.waiting.pieces.push_back((self.waiting.encoded.len(), bytes));
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
    /// no buffer. What a slow peer keeps waiting is charged, and whenever it takes no more for now, `stuck` is told how many
    /// bytes are left.
    pub(crate) async fn flush(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        deadline: Duration,
        charge: &mut Charge,
        stuck: impl Fn(usize),
    ) -> Result<usize, FlushError> {
        let bytes = self.waiting.remaining();
        self.waiting.write_within(io, deadline, charge, &stuck).await?;
        let Waiting { encoded, .. } = core::mem::take(&mut self.waiting);
        spare::give(encoded);
        Ok(bytes)
    }
}

impl Waiting {
    async fn write_within(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        deadline: Duration,
        charge: &mut Charge,
        stuck: &impl Fn(usize),
    ) -> Result<(), FlushError> {
        // Most sockets take everything at once, and then no timer is needed.
        if let Poll::Ready(written) = self.write_now(io, stuck).await {
            return written.map_err(FlushError::Transport);
        }
        self.wait_with_less(charge).map_err(|NoMemory| FlushError::Memory)?;
        let written = timeout(deadline, self.write_all(io, stuck)).await;
        // To have less never fails.
        let _ = charge.set(0);
        written.map_err(|_| FlushError::Deadline)?.map_err(FlushError::Transport)
    }

    /// Writes what the socket takes without waiting.
    async fn write_now(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        stuck: &impl Fn(usize),
    ) -> Poll<io::Result<()>> {
        let mut write = pin!(self.write_all(io, stuck));
        poll_fn(|context| Poll::Ready(write.as_mut().poll(context))).await
    }

    /// Gives the thread's buffer back if little of it is left, and charges what is kept.
    fn wait_with_less(&mut self, charge: &mut Charge) -> Result<(), NoMemory> {
        let left = self.encoded.get(self.sent..).unwrap_or_default();
        if left.len() > self.encoded.capacity() / 2 {
            return charge.set(self.encoded.capacity() + self.pieces_bytes);
        }
        charge.set(left.len() + self.pieces_bytes)?;
        let left = charge.copy(left, 0)?;
        spare::give(core::mem::replace(&mut self.encoded, left));
        self.pieces.iter_mut().for_each(|(at, _)| *at -= self.sent);
        self.sent = 0;
        Ok(())
    }

    async fn write_all(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        stuck: &impl Fn(usize),
    ) -> io::Result<()> {
        // What encrypts may have something left of what it took before.
        let mut count = 1;
        while self.has_remaining() {
            count = poll_fn(|context| {
                let written = self.poll_write(Pin::new(io), context);
                if written.is_pending() {
                    stuck(self.remaining());
                }
                written
            })
            .await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        // Only what encrypts has anything left here: something of the last write.
        poll_fn(|context| {
            let flushed = Pin::new(&mut *io).poll_flush(context);
            if flushed.is_pending() {
                stuck(count);
            }
            flushed
        })
        .await
    }

    fn poll_write(
        &mut self,
        io: Pin<&mut impl AsyncWrite>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if !self.pieces.is_empty() {
            return poll_write_buf(io, context, self);
        }
        // One piece goes by a shorter way through the kernel than many.
        let written = io.poll_write(context, self.chunk());
        if let Poll::Ready(Ok(count)) = written {
            self.advance(count);
        }
        written
    }

    /// The encoded bytes before the next piece, or the last ones.
    fn next_encoded(&self) -> &[u8] {
        let end = self.pieces.front().map_or(self.encoded.len(), |(at, _)| *at);
        self.encoded.get(self.sent..end).unwrap_or_default()
    }
}

impl Buf for Waiting {
    fn remaining(&self) -> usize {
        self.pieces_bytes + self.encoded.len() - self.sent
    }

    fn chunk(&self) -> &[u8] {
        match (self.next_encoded(), self.pieces.front()) {
            ([], Some((_, piece))) => piece,
            (encoded, _) => encoded,
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut from = self.sent;
        let pieces = self.pieces.iter().map(|(at, piece)| (*at, &piece[..]));
        let all = pieces.chain([(self.encoded.len(), &[][..])]).flat_map(|(at, piece)| {
            let before = self.encoded.get(from..at).unwrap_or_default();
            from = at;
            [before, piece]
        });
        let mut count = 0;
        for (slice, bytes) in slices.iter_mut().zip(all.filter(|bytes| !bytes.is_empty())) {
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        count
    }

    fn advance(&mut self, mut count: usize) {
        while count > 0 {
            let encoded = count.min(self.next_encoded().len());
            self.sent += encoded;
            count -= encoded;
            let Some((_, piece)) = self.pieces.front_mut().filter(|_| count > 0) else { return };
            let taken = count.min(piece.len());
            piece.advance(taken);
            self.pieces_bytes -= taken;
            count -= taken;
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Output, SHARED_PER_ENCODED, Waiting};
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
    fn shared_bytes_count_for_less_at_the_high_water_mark() {
        let mut output = Output::new(4);
        output.share(Bytes::from(vec![0; 4 * SHARED_PER_ENCODED - 1]));
        assert!(!output.is_full() && !output.is_empty());
        output.buffer().extend_from_slice(b"d");
        assert!(output.is_full());
    }
}
