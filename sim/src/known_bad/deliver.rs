//! How a flawed server sends one reply.

use std::io;
use std::pin::pin;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::time::timeout;

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
        KnownBad::K17
        | KnownBad::K19
        | KnownBad::K20
        | KnownBad::K22
        | KnownBad::Locker(_)
        | KnownBad::Pages(_) => timeout(WRITE_DEADLINE, stream.write_all(reply)).await?,
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
