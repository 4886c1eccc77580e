//! The other end of a client's stream, played by a test.
//!
//! Builds and reads bytes by hand, without the codec that the client uses: a shared mistake would
//! otherwise go unnoticed.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// Long enough never to be reached where it is not meant to be.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// How long a peer waits for what the client must send: less than the client's own patience, so that
/// a client that sends too little is a failure and not a hang.
const PEER_PATIENCE: Duration = Duration::from_secs(20);

/// A stream for the client, and the peer's end of it.
pub fn pair() -> (DuplexStream, Peer) {
    pair_of(64 * 1024)
}

/// A pair whose every write and read moves at most `bytes` bytes.
pub fn pair_of(bytes: usize) -> (DuplexStream, Peer) {
    let (client, peer) = tokio::io::duplex(bytes);
    (client, Peer(peer))
}

/// The peer's end.
pub struct Peer(pub DuplexStream);

impl Peer {
    /// Reads exactly these bytes.
    pub async fn expect(&mut self, expected: &[u8]) {
        let mut found = vec![0; expected.len()];
        self.read(&mut found).await;
        assert_eq!(found, expected);
    }

    /// Fills `bytes` with what the client sends.
    pub async fn read(&mut self, bytes: &mut [u8]) {
        let read = tokio::time::timeout(PEER_PATIENCE, self.0.read_exact(bytes)).await;
        read.expect("the client sends in time").expect("the client sends all of it");
    }

    /// Sends bytes; a client that is gone already is no error here.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// Reads to the end of the stream: the client has closed, and sent nothing more.
    pub async fn expect_end(&mut self) {
        let mut rest = Vec::new();
        let end = tokio::time::timeout(PEER_PATIENCE, self.0.read_to_end(&mut rest)).await;
        end.expect("the client closes").expect("a duplex stream ends cleanly");
        assert_eq!(rest, b"", "the client sent more before it closed");
    }

    /// Reads one memcached request.
    pub async fn asked(&mut self) -> Asked {
        let mut header = [0; 24];
        self.read(&mut header).await;
        let field = |at: usize, len: usize| {
            header[at..at + len].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
        };
        assert_eq!((header[0], header[5], field(6, 2)), (0x80, 0, 0), "magic, data type, vbucket");
        let (key, extras, body) = (field(2, 2), field(4, 1), field(8, 4));
        let mut rest = vec![0; body];
        self.read(&mut rest).await;
        let value = rest.split_off(extras + key);
        let key = rest.split_off(extras);
        let opaque = u32::try_from(field(12, 4)).expect("four bytes");
        let cas = u64::try_from(field(16, 8)).expect("eight bytes");
        Asked { opcode: header[1], opaque, cas, extras: rest, key, value }
    }

    /// Answers the next memcached request with `reply(its opaque)`, and returns the request.
    pub async fn answer(&mut self, reply: impl FnOnce(u32) -> Vec<u8>) -> Asked {
        let asked = self.asked().await;
        self.send(&reply(asked.opaque)).await;
        asked
    }
}

/// A memcached request as it came.
#[derive(Debug)]
pub struct Asked {
    pub opcode: u8,
    pub opaque: u32,
    pub cas: u64,
    pub extras: Vec<u8>,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

/// A memcached reply.
#[derive(Clone, Default)]
pub struct Reply<'a> {
    pub opcode: u8,
    pub status: u16,
    pub cas: u64,
    pub extras: &'a [u8],
    pub key: &'a [u8],
    pub value: &'a [u8],
}

impl Reply<'_> {
    /// Its bytes, with the opaque of the request.
    pub fn to(&self, opaque: u32) -> Vec<u8> {
        let body = self.extras.len() + self.key.len() + self.value.len();
        let mut bytes = vec![0x81, self.opcode];
        bytes.extend(u16::try_from(self.key.len()).expect("a short key").to_be_bytes());
        bytes.extend([u8::try_from(self.extras.len()).expect("short extras"), 0]);
        bytes.extend(self.status.to_be_bytes());
        bytes.extend(u32::try_from(body).expect("a short body").to_be_bytes());
        bytes.extend(opaque.to_be_bytes());
        bytes.extend(self.cas.to_be_bytes());
        for part in [self.extras, self.key, self.value] {
            bytes.extend(part);
        }
        bytes
    }
}

/// A netmem frame.
pub fn netmem(kind: u8, page: u32, version: i32, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("a short page");
    let mut bytes = vec![kind];
    bytes.extend(page.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(version.to_be_bytes());
    bytes.extend(data);
    bytes
}

/// A locker request in the natural layout.
pub fn locker(cmd: u8, number: i32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![cmd, 0, 0, 0];
    bytes.extend(number.to_le_bytes());
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend(body);
    bytes
}
