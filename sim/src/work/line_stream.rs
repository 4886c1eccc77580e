//! A connection that speaks in lines: requests are written as they stand, replies are read by the judge's codec.
//!
//! The client crate's own clients for text and meta could stand in its place.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use lockproof_client::Error;
use lockproof_conformance::wire::{Codec, Protocol, Reply, Taken};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::net::SimStream;

/// The connection.
pub(super) struct LineStream {
    stream: SimStream,
    input: BytesMut,
    patience: Duration,
}

impl LineStream {
    pub(super) fn new(stream: SimStream, patience: Duration) -> Self {
        Self { stream, input: BytesMut::new(), patience }
    }

    /// Sends lines.
    pub(super) async fn say(&mut self, lines: &[u8]) -> Result<(), Error> {
        self.stream.write_all(lines).await.map_err(lost)
    }

    /// The next reply.
    pub(super) async fn reply(&mut self) -> Result<Reply, Error> {
        let after = self.patience;
        let given_up = |_| Err(Error::Timeout { after, maybe_applied: true });
        timeout(after, self.read()).await.unwrap_or_else(given_up)
    }

    async fn read(&mut self) -> Result<Reply, Error> {
        loop {
            match Codec::new(Protocol::Text).take(&self.input) {
                Taken::Whole(reply) => {
                    self.input.advance(reply.length);
                    return Ok(reply);
                }
                Taken::Broken(why) => return Err(lost(io::Error::other(why))),
                Taken::Incomplete(_) => {}
            }
            if self.stream.read_buf(&mut self.input).await.map_err(lost)? == 0 {
                return Err(lost(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// A line, and its reply.
    pub(super) async fn ask(&mut self, line: &str) -> Result<Reply, Error> {
        self.say(format!("{line}\r\n").as_bytes()).await?;
        self.reply().await
    }

    /// A line that has to be answered by these words and no more.
    pub(super) async fn must(&mut self, line: &str, reply: &str) -> Result<(), Error> {
        let got = self.ask(line).await?;
        if got.to_string() == reply { Ok(()) } else { Err(misfit(line, &got)) }
    }
}

/// What came is no reply to that.
pub(super) fn misfit(asked: &str, reply: &Reply) -> Error {
    lost(io::Error::other(format!("`{asked}` is answered with `{reply}`")))
}

fn lost(source: io::Error) -> Error {
    Error::Transport { source, maybe_applied: true }
}

/// A word of a reply, or nothing.
pub(super) fn word(reply: &Reply, place: usize) -> &str {
    reply.tokens.get(place).and_then(|word| std::str::from_utf8(word).ok()).unwrap_or_default()
}

/// The value of a reply.
pub(super) fn block(reply: &Reply) -> Vec<u8> {
    reply.text("block").unwrap_or_default().into_bytes()
}
