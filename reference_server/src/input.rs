//! Reading what is there, without a buffer for each idle connection.
//!
//! Bytes arrive in a spare buffer of the thread. The connection works on that buffer, and keeps what it cannot execute yet in
//! one of its own, as far as there is memory; a silent connection has none.

use core::future::poll_fn;
use core::mem::{replace, take};
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use bytes::{BufMut, BytesMut};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use crate::Budget;
use crate::budget::{Charge, NoMemory};
use crate::spare;

/// Bytes taken by one read at most.
pub(crate) const READ_MAX: usize = spare::SPARE_BYTES;

/// What came, and was not executed yet.
#[derive(Debug)]
pub(crate) struct Input {
    bytes: BytesMut,
    /// The buffer is the thread's, lent until [`rest`](Self::rest).
    is_lent: bool,
    charge: Charge,
    /// What came after `bytes` and found no memory; boxed, because it is seldom there.
    overflow: Option<Box<BytesMut>>,
}

impl Input {
    /// Nothing came yet.
    pub(crate) fn new(budget: Budget) -> Self {
        let charge = Charge::new(budget);
        Self { bytes: BytesMut::new(), is_lent: false, charge, overflow: None }
    }

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

    /// More came than there is memory for: the bytes must become few, then [`rejoin`](Self::rejoin) adds the rest.
    pub(crate) const fn overflows(&self) -> bool {
        self.overflow.is_some()
    }

    /// The bytes, and behind them what found no memory: all in a buffer of the thread's, which has room for both.
    pub(crate) fn rejoin(&mut self) {
        let Some(overflow) = self.overflow.take() else { return };
        let mut joined = spare::take();
        joined.extend_from_slice(&self.bytes);
        joined.extend_from_slice(&overflow);
        spare::give(*overflow);
        self.bytes = joined;
        self.is_lent = true;
        // To have less never fails.
        let _ = self.charge.set(0);
    }

    /// Gives the lent buffer back: before anything that may take time. What is in it is kept; on an error nothing is
    /// given back, and the bytes must become few.
    pub(crate) fn rest(&mut self) -> Result<(), NoMemory> {
        if self.is_lent {
            self.charge.set(self.bytes.len())?;
            let kept = self.charge.copy(&self.bytes, 0)?;
            spare::give(replace(&mut self.bytes, kept));
            self.is_lent = false;
        } else if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
            self.charge.set(0)?;
        }
        Ok(())
    }

    /// Waits for bytes and appends at most `limit` of them; 0 is the end of the stream. Safe to drop
    /// half way: then nothing was taken. Look at [`overflows`](Self::overflows) afterwards.
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
        if self.make_room(buffer.len()).is_err() {
            self.overflow = Some(Box::new(buffer));
            return read;
        }
        self.bytes.extend_from_slice(&buffer);
        spare::give(buffer);
        read
    }

    /// Room for so many more bytes, in powers of two: a long frame is not copied at each read, and how much it takes does not
    /// depend on how it came.
    fn make_room(&mut self, more: usize) -> Result<(), NoMemory> {
        if self.bytes.try_reclaim(more) {
            return Ok(());
        }
        let (before, len) = (self.bytes.capacity(), self.bytes.len());
        let capacity = (len + more).next_power_of_two();
        // Both are there while it is copied.
        self.charge.set(before + capacity)?;
        let grown = self.charge.copy(&self.bytes, capacity);
        let _ = self.charge.set(if grown.is_ok() { capacity } else { before });
        self.bytes = grown?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Input, READ_MAX};
    use crate::Budget;
    use crate::budget::{FREE_BYTES, NoMemory};

    async fn after(input: &mut Input, bytes: &[u8]) {
        let mut stream = bytes;
        assert_eq!(input.read(&mut stream, READ_MAX).await.unwrap(), bytes.len());
    }

    #[tokio::test]
    async fn what_is_kept_is_counted_until_it_is_executed() {
        let budget = Budget::new(100_000);
        let mut input = Input::new(budget.clone());
        after(&mut input, &[b'a'; 10_000]).await;
        assert_eq!(budget.taken(), 0, "the buffer is lent");
        input.rest().unwrap();
        assert_eq!(budget.taken(), 10_000 - FREE_BYTES);
        after(&mut input, &vec![b'b'; 20_000]).await;
        assert_eq!((input.len(), budget.taken()), (30_000, 32_768 - FREE_BYTES));
        input.bytes().clear();
        input.rest().unwrap();
        assert_eq!(budget.taken(), 0);
    }

    #[tokio::test]
    async fn what_finds_no_memory_is_not_lost() {
        let budget = Budget::new(10_000);
        let mut input = Input::new(budget.clone());
        after(&mut input, &[b'a'; 10_000]).await;
        input.rest().unwrap();
        after(&mut input, &vec![b'b'; 20_000]).await;
        assert!(input.overflows() && input.len() == 10_000);
        input.bytes().truncate(3);
        input.rejoin();
        assert_eq!((input.len(), &input.bytes()[..4]), (20_003, &b"aaab"[..]));
        assert_eq!(input.rest(), Err(NoMemory));
        assert_eq!(input.len(), 20_003, "and still nothing is lost");
        input.bytes().truncate(FREE_BYTES);
        assert_eq!((input.rest(), budget.taken(), budget.refused()), (Ok(()), 0, 2));
    }
}
