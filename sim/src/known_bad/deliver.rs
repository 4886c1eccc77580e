//! How a flawed server sends one reply.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::time::{Instant, timeout, timeout_at};

use super::KnownBad;
use crate::config::WRITE_DEADLINE;
use crate::net::SimStream;

/// Sends a reply; what arrives meanwhile goes into `input`, where the flaw has it so.
pub(super) async fn deliver(
    flaw: KnownBad,
    stream: &mut SimStream,
    input: &mut BytesMut,
    reply: &[u8],
) -> io::Result<()> {
    match flaw {
        KnownBad::K01 | KnownBad::K02 | KnownBad::K05 => stream.write_all(reply).await,
        KnownBad::K03 => until_the_peer_ends(stream, input, reply).await,
        KnownBad::K04 => a_deadline_per_write(stream, reply).await,
        KnownBad::K28 => stream.write(reply).await.map(drop),
        KnownBad::K23 => without_rest(stream, reply).await,
        KnownBad::K30 => timeout(WRITE_DEADLINE, until_the_peer_ends(stream, input, reply)).await?,
        _ => timeout(WRITE_DEADLINE, stream.write_all(reply)).await?,
    }
}

async fn until_the_peer_ends(
    stream: &mut SimStream,
    input: &mut BytesMut,
    reply: &[u8],
) -> io::Result<()> {
    let (mut reader, mut writer) = split(stream);
    let mut sending = pin!(writer.write_all(reply));
    loop {
        let read = tokio::select! {
            biased; // whatever is sent counts, even when the end has come as well
            sent = &mut sending => return sent,
            read = reader.read_buf(input) => read?,
        };
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn a_deadline_per_write(stream: &mut SimStream, mut reply: &[u8]) -> io::Result<()> {
    while !reply.is_empty() {
        let written = timeout(WRITE_DEADLINE, stream.write(reply)).await??;
        reply = reply.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Where nothing can be written, it asks to be polled again: its thread never sleeps, and paused time never moves.
async fn without_rest(stream: &mut SimStream, mut reply: &[u8]) -> io::Result<()> {
    while !reply.is_empty() {
        let written = poll_fn(|context| {
            let written = Pin::new(&mut *stream).poll_write(context, reply);
            if written.is_pending() {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            written
        });
        let written = written.await?;
        reply = reply.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Replies that wait for room, however many they are (K06).
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: BytesMut,
    /// Since when something waits.
    since: Option<Instant>,
}

impl Outbox {
    pub(super) fn push(&mut self, reply: &[u8]) {
        self.bytes.extend_from_slice(reply);
        self.since.get_or_insert_with(Instant::now);
    }

    /// Sends until something is read; says how much.
    pub(super) async fn send_and_read(
        &mut self,
        stream: &mut SimStream,
        input: &mut BytesMut,
    ) -> io::Result<usize> {
        let (mut reader, mut writer) = split(stream);
        while let Some(since) = self.since {
            let moved = async {
                tokio::select! {
                    biased; // what has room goes first
                    sent = writer.write(&self.bytes) => sent.map(Err),
                    read = reader.read_buf(input) => read.map(Ok),
                }
            };
            match timeout_at(since + WRITE_DEADLINE, moved).await?? {
                Ok(read) => return Ok(read),
                Err(sent) => self.bytes.advance(sent),
            }
            self.since = self.since.filter(|_| !self.bytes.is_empty());
        }
        reader.read_buf(input).await
    }
}
