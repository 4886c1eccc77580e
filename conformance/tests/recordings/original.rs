//! A server that does again what a recorded original did: on each connection it waits for the bytes that the client sent
//! then, and answers with the bytes that came then. A session that is true to its recording passes against it.
//!
//! Only memcached's opaques are the player's own; the replies get those of the requests that they answered.

use std::net::SocketAddr;
use std::time::Duration;

use lockproof_conformance::record::{Ending, Event, What};
use lockproof_conformance::wire::Protocol;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Pauses are kept up to here: longer than a session watches a waiting connection, shorter than anyone's patience.
const PAUSE_MAX: Duration = Duration::from_millis(250);

const HEADER: usize = 24;

/// Starts the server; it ends with its runtime.
pub(super) async fn start(events: Vec<Event>, protocol: Protocol) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        for opened in events.iter().filter(|event| event.what == What::Opened) {
            let Ok((stream, _)) = listener.accept().await else { return };
            let own = events.iter().filter(|event| event.conn == opened.conn).cloned().collect();
            tokio::spawn(Connection::new(stream, protocol).run(own));
        }
    });
    address
}

struct Connection {
    stream: TcpStream,
    protocol: Protocol,
    /// What the client sent then, and what it sends now.
    then: Vec<u8>,
    now: Vec<u8>,
    /// Where the next request and the next reply begin.
    request_at: usize,
    reply_at: usize,
    replied: usize,
    /// Requests without a reply.
    open: Vec<Request>,
}

/// A request: its opaque then and now.
struct Request {
    opcode: u8,
    key: Vec<u8>,
    then: Vec<u8>,
    now: Vec<u8>,
}

impl Request {
    fn is_quiet(&self) -> bool {
        matches!(self.opcode, 0x09 | 0x0d | 0x11..=0x1a | 0x1e | 0x24)
    }
}

impl Connection {
    fn new(stream: TcpStream, protocol: Protocol) -> Self {
        let (then, now, open) = (Vec::new(), Vec::new(), Vec::new());
        Self { stream, protocol, then, now, request_at: 0, reply_at: 0, replied: 0, open }
    }

    async fn run(mut self, events: Vec<Event>) {
        let mut last = Duration::ZERO;
        for event in events {
            let pause = event.at.saturating_sub(last).min(PAUSE_MAX);
            last = event.at;
            match event.what {
                What::Opened => {}
                What::Sent(bytes) => self.then.extend(bytes),
                What::Received(bytes) => {
                    self.hear(self.then.len()).await;
                    tokio::time::sleep(pause).await;
                    let bytes = self.with_opaques(bytes);
                    if self.stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                What::ServerEnded(Ending::Fin) => {
                    self.hear(self.then.len()).await;
                    tokio::time::sleep(pause).await;
                    let _ = self.stream.shutdown().await;
                    self.hear(usize::MAX).await;
                    return;
                }
                What::ClientEnded(Ending::Fin) => self.hear(usize::MAX).await,
                What::LostReceived(_) if self.protocol == Protocol::Memcached => {
                    // What is left of a STAT reply that was not kept: its end.
                    self.hear(self.then.len()).await;
                    let mut end = vec![0x81, 0x10];
                    end.resize(HEADER, 0);
                    let opaque = self.now.len() - HEADER - 1 + 12;
                    end[12..16].copy_from_slice(&self.now[opaque..opaque + 4]);
                    let _ = self.stream.write_all(&end).await;
                }
                _ => return,
            }
        }
        self.hear(usize::MAX).await;
    }

    /// Reads until so many bytes have come, or the client's stream ends.
    async fn hear(&mut self, length: usize) {
        while self.now.len() < length {
            if !matches!(self.stream.read_buf(&mut self.now).await, Ok(1..)) {
                return;
            }
        }
    }

    /// The bytes with the opaques of today's requests in the place of those days'.
    fn with_opaques(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.protocol != Protocol::Memcached {
            return bytes;
        }
        while let Some(Frame { opcode, key, length, .. }) = frame(0x80, &self.then, self.request_at)
        {
            let opaque = |bytes: &[u8]| bytes[self.request_at + 12..self.request_at + 16].to_vec();
            self.open.push(Request {
                opcode,
                key,
                then: opaque(&self.then),
                now: opaque(&self.now),
            });
            self.request_at += length;
        }
        let start = self.replied;
        self.replied += bytes.len();
        while let Some(Frame { opcode, opaque, key, length }) =
            self.reply_at.checked_sub(start).and_then(|at| frame(0x81, &bytes, at))
        {
            let answers = |request: &Request| {
                let fits = opcode == 0x10 || key.is_empty() || request.key == key;
                request.opcode == opcode && request.then == opaque && fits
            };
            match self.open.iter().position(answers) {
                Some(found) => {
                    let at = self.reply_at - start + 12;
                    bytes[at..at + 4].copy_from_slice(&self.open[found].now);
                    // A STAT reply is done with the packet that has no name; quiet requests before it had nothing to say.
                    let is_done = opcode != 0x10 || key.is_empty();
                    let mut index = 0;
                    self.open.retain(|earlier| {
                        index += 1;
                        index - 1 > found
                            || !(is_done && (index - 1 == found || earlier.is_quiet()))
                    });
                }
                // An original that mistook its request.
                None if !self.open.is_empty() => drop(self.open.remove(0)),
                None => {}
            }
            self.reply_at += length;
        }
        bytes
    }
}

/// What tells which request a reply answers.
struct Frame {
    opcode: u8,
    opaque: Vec<u8>,
    key: Vec<u8>,
    length: usize,
}

/// The frame at `at`.
fn frame(magic: u8, bytes: &[u8], at: usize) -> Option<Frame> {
    let header = bytes.get(at..at + HEADER).filter(|header| header[0] == magic)?;
    let body = u32::from_be_bytes([header[8], header[9], header[10], header[11]]) as usize;
    let key = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let key_at = at + HEADER + usize::from(header[4]);
    let key = bytes.get(key_at..key_at + key).unwrap_or_default().to_vec();
    Some(Frame { opcode: header[1], opaque: header[12..16].to_vec(), key, length: HEADER + body })
}
