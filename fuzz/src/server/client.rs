//! A client: what it has yet to send, what it read, and whether the server has closed.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, split};
use tokio::task::JoinHandle;

/// What was read since it was looked at, and whether the end was.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) bytes: Vec<u8>,
    pub(super) closed: bool,
}

/// One connection from the client's side; dropping it closes both directions.
#[derive(Debug)]
pub(super) struct Client {
    writing: WriteHalf<DuplexStream>,
    reading: JoinHandle<()>,
    seen: Arc<Mutex<Seen>>,
    /// Encoded and not sent yet: the rest of a frame, mostly.
    pending: Vec<u8>,
}

impl Client {
    pub(super) fn new(stream: DuplexStream) -> Self {
        let (reading, writing) = split(stream);
        let seen = Arc::default();
        let reading = tokio::spawn(read(reading, Arc::clone(&seen)));
        Self { writing, reading, seen, pending: Vec::new() }
    }

    /// Puts bytes behind those that wait, and takes some off the front: all but `kept`, if there are so many.
    pub(super) fn piece(&mut self, bytes: &[u8], kept: usize) -> Vec<u8> {
        self.pending.extend_from_slice(bytes);
        let length = self.pending.len();
        self.pending.drain(..length - kept.min(length)).collect()
    }

    /// A server that has closed does not take them, which is its right.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.writing.write_all(bytes).await;
    }

    pub(super) async fn close_sending(&mut self) {
        let _ = self.writing.shutdown().await;
    }

    pub(super) fn take_seen(&self) -> Seen {
        let mut seen = self.seen.lock().expect("nobody panics with it");
        Seen { bytes: std::mem::take(&mut seen.bytes), closed: seen.closed }
    }
}

impl Drop for Client {
    /// The other half of the stream is the reader's.
    fn drop(&mut self) {
        self.reading.abort();
    }
}

async fn read(mut stream: ReadHalf<DuplexStream>, seen: Arc<Mutex<Seen>>) {
    let mut buffer = [0; 512];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or_default();
        let mut seen = seen.lock().expect("nobody panics with it");
        seen.bytes.extend_from_slice(&buffer[..read]);
        seen.closed = read == 0;
        if seen.closed {
            return;
        }
    }
}
