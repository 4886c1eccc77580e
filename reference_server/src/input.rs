//! Reading what is there, without a buffer for each idle connection.
//!
//! Bytes arrive in a scratch buffer of the thread and move to the connection's own buffer, which
//! is empty, and owns no memory, while the peer is silent.

use core::cell::RefCell;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes taken by one read at most.
pub(crate) const READ_MAX: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_MAX].into_boxed_slice());
}

/// Waits for bytes and appends at most `limit` of them; 0 is the end of the stream. Safe to drop
/// half way: then nothing was taken.
pub(crate) async fn read_some(
    io: &mut (impl AsyncRead + Unpin),
    input: &mut BytesMut,
    limit: usize,
) -> io::Result<usize> {
    poll_fn(|context| poll_read_some(io, context, input, limit)).await
}

fn poll_read_some(
    io: &mut (impl AsyncRead + Unpin),
    context: &mut Context<'_>,
    input: &mut BytesMut,
    limit: usize,
) -> Poll<io::Result<usize>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let room = limit.min(scratch.len());
        let mut buffer = ReadBuf::new(scratch.get_mut(..room).unwrap_or_default());
        ready!(Pin::new(io).poll_read(context, &mut buffer))?;
        input.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    })
}
