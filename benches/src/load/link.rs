//! One connection of the load generator: a socket that never blocks, and its script.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, bail};
use bytes::{Buf, BytesMut};
use mio::net::TcpStream;

use super::script::Script;

/// A connection that asks a batch at a time.
#[derive(Debug)]
pub(crate) struct Link<S> {
    pub(crate) stream: TcpStream,
    pub(crate) script: S,
    /// Requests that the socket has not taken yet.
    unsent: BytesMut,
    /// The beginning of a reply whose end has not come yet.
    partial: BytesMut,
    /// When the batch under way was due, if there is one.
    begun: Option<Instant>,
    /// Operations of the batch under way.
    operations: u32,
}

/// A batch that has all its replies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) operations: u32,
    pub(crate) begun: Instant,
}

impl<S: Script> Link<S> {
    /// Connects, and waits until the connection stands.
    pub(crate) fn open(address: SocketAddr, script: S) -> anyhow::Result<Self> {
        let stream = std::net::TcpStream::connect(address)
            .with_context(|| format!("could not connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            script,
            unsent: BytesMut::new(),
            partial: BytesMut::new(),
            begun: None,
            operations: 0,
        })
    }

    /// Sends the next batch, which was due at `begun`.
    pub(crate) fn ask(&mut self, begun: Instant) -> anyhow::Result<()> {
        self.operations = self.script.ask(&mut self.unsent);
        self.begun = Some(begun);
        self.send()
    }

    /// Sends what the socket takes.
    pub(crate) fn send(&mut self) -> anyhow::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => self.unsent.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("the server does not take requests"),
            }
        }
        Ok(())
    }

    /// Reads what is there; gives the batch, once its last reply is there. When the server closed the connection the end
    /// is among what is there.
    pub(crate) fn hear(
        &mut self,
        buffer: &mut [u8],
        is_closed: bool,
    ) -> anyhow::Result<Option<Done>> {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error).context("the server does not send replies"),
            };
            let is_all = self.take(&buffer[..count])?;
            if is_all {
                let Some(begun) = self.begun.take() else { bail!("a reply that nobody asked for") };
                return Ok(Some(Done { operations: self.operations, begun }));
            }
            // Less than there was room for: the socket is empty, and the next bytes are an event of their own.
            if count < buffer.len() && !is_closed {
                return Ok(None);
            }
        }
    }

    fn take(&mut self, input: &[u8]) -> anyhow::Result<bool> {
        if self.partial.is_empty() {
            let heard = self.script.hear(input)?;
            self.partial.extend_from_slice(&input[heard.bytes..]);
            return Ok(heard.is_all);
        }
        self.partial.extend_from_slice(input);
        let heard = self.script.hear(&self.partial)?;
        self.partial.advance(heard.bytes);
        Ok(heard.is_all)
    }
}
