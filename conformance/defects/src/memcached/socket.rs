//! The bytes of a connection: input that waits for its frame to be complete, output that waits to be sent
//! with its neighbours. Left out: frames.

use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use super::Memcached;
use super::defect::Switch;
use crate::Stream;

/// How much is read at once.
const READ_BYTES_MAX: usize = 16 << 10;
/// How much output waits for more.
const OUTPUT_BYTES_MAX: usize = 64 << 10;
/// How long a client that was told to leave has for leaving.
const LINGER: Duration = Duration::from_secs(2);

/// One connection's bytes.
pub(super) struct Socket {
    server: Rc<Memcached>,
    stream: Box<dyn Stream>,
    /// Read, and not taken yet.
    pub(super) input: Vec<u8>,
    /// Written, and not sent yet.
    pub(super) output: Vec<u8>,
    /// Sent behind the next reply; only defects put something here.
    pub(super) late: Vec<u8>,
    fatal_errors_before: u32,
}

impl fmt::Debug for Socket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (input, output) = (self.input.len(), self.output.len());
        write!(formatter, "Socket({input} bytes in, {output} bytes out)")
    }
}

impl Socket {
    pub(super) fn new(server: Rc<Memcached>, stream: Box<dyn Stream>) -> Self {
        let fatal_errors_before = server.fatal_errors.get();
        let (input, output, late) = (Vec::new(), Vec::new(), Vec::new());
        Self { server, stream, input, output, late, fatal_errors_before }
    }

    fn wrong(&self, switch: Switch) -> bool {
        self.server.active.is(switch)
    }

    /// Sends what waits, then reads what comes; false at the end of the stream.
    pub(super) async fn more(&mut self) -> io::Result<bool> {
        self.flush().await?;
        let mut bytes = vec![0; READ_BYTES_MAX];
        let read = self.read(&mut bytes).await?;
        self.input.extend_from_slice(&bytes[..read]);
        if read == 0 && self.wrong(Switch::HalfCloseIsIgnored) {
            sleep(Duration::from_secs(20)).await;
        }
        if read > 0 && self.wrong(Switch::HalfCloseDropsRequests) {
            return self.look_for_the_end().await;
        }
        self.server.store.borrow_mut().statistics.add("bytes_read", read);
        Ok(read > 0)
    }

    async fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if !self.wrong(Switch::ErrorEndsEveryConnection) {
            return self.stream.read(bytes).await;
        }
        loop {
            let read = timeout(Duration::from_millis(10), self.stream.read(bytes)).await;
            if self.server.fatal_errors.get() != self.fatal_errors_before {
                return Ok(0);
            }
            if let Ok(read) = read {
                return read;
            }
        }
    }

    /// Drops the input if the stream ends right behind it.
    async fn look_for_the_end(&mut self) -> io::Result<bool> {
        let mut bytes = vec![0; READ_BYTES_MAX];
        match timeout(Duration::from_millis(2), self.stream.read(&mut bytes)).await {
            Ok(Ok(0)) => {
                self.input.clear();
                Ok(false)
            }
            Ok(read) => {
                self.input.extend_from_slice(&bytes[..read?]);
                Ok(true)
            }
            Err(_) => Ok(true),
        }
    }

    /// Reads until so many bytes wait; false if the stream ends before.
    pub(super) async fn wait_for(&mut self, length: usize) -> io::Result<bool> {
        while self.input.len() < length {
            if !self.more().await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes what waits, but no more than that.
    pub(super) fn take(&mut self, length: usize) -> Vec<u8> {
        self.input.drain(..length.min(self.input.len())).collect()
    }

    /// Reads so many bytes and drops them; false if the stream ends before.
    pub(super) async fn skip(&mut self, mut length: usize) -> io::Result<bool> {
        loop {
            length -= self.take(length).len();
            if length == 0 {
                return Ok(true);
            }
            if !self.more().await? {
                return Ok(false);
            }
        }
    }

    /// Keeps the bytes of a reply until there is nothing else to do, or very much of it.
    pub(super) async fn queue(&mut self, bytes: &[u8]) -> io::Result<()> {
        let overflows = self.output.len() + bytes.len() > 2 << 10;
        if overflows && !self.output.is_empty() && self.wrong(Switch::BatchLosesReplies) {
            return Ok(());
        }
        self.output.extend_from_slice(bytes);
        if self.output.len() > OUTPUT_BYTES_MAX { self.flush().await } else { Ok(()) }
    }

    /// Sends what waits.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.output.append(&mut self.late);
        if self.output.is_empty() {
            return Ok(());
        }
        if self.wrong(Switch::ReplyBufferIsShared) {
            self.server.shared_output.replace(std::mem::take(&mut self.output));
            yield_now().await;
            self.output.clone_from(&self.server.shared_output.borrow());
        }
        let bytes = std::mem::take(&mut self.output);
        self.server.store.borrow_mut().statistics.add("bytes_written", bytes.len());
        self.send(&bytes).await
    }

    /// Sends these bytes now.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.server.active.0 {
            Some(Switch::ShortWritesAreLost) => self.stream.write(bytes).await.map(drop),
            Some(Switch::SlowReadersAreDropped) => {
                timeout(Duration::from_millis(250), self.stream.write_all(bytes)).await?
            }
            _ => self.stream.write_all(bytes).await,
        }
    }

    /// Sends what waits and ends the connection. What the client still sends is dropped, because closing
    /// before it is read would be a reset, which takes sent replies with it.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await?;
        let mut dropped = vec![0; READ_BYTES_MAX];
        let left = async { while matches!(self.stream.read(&mut dropped).await, Ok(1..)) {} };
        // Time is up for one who stays: nothing is owed to it any more.
        let _ = timeout(LINGER, left).await;
        Ok(())
    }
}
