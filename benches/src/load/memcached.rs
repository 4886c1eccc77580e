//! memcached's binary protocol as a load: single requests, pipelines, quiet multi-gets, and the filling of a server.
//!
//! Every reply's opcode, status, opaque and lengths are checked against the request that it answers, and every key is
//! expected to be there: fill the server first.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use fastrand::Rng;
use lockproof_protocol::memcached_binary::{Header, MAGIC_REPLY, MAGIC_REQUEST, Opcode};

use super::script::{Heard, Progress, Script, Wrong};

/// Flags and expiry of every SET: none.
const SET_EXTRAS: [u8; 8] = [0; 8];
/// The flags in a hit.
const HIT_EXTRAS_LEN: u8 = 4;

/// The keys and the value that all connections of a load use.
#[derive(Debug)]
pub struct Data {
    keys: Vec<u8>,
    key_len: usize,
    value: Vec<u8>,
    /// The value's length, in decimal.
    value_digits: Vec<u8>,
}

impl Data {
    /// `count` keys of 10 digits, and one value of `value_len` bytes.
    pub fn new(count: u32, value_len: usize) -> Arc<Self> {
        let keys = (0..count).flat_map(|index| format!("{index:010}").into_bytes()).collect();
        let value_digits = value_len.to_string().into_bytes();
        Arc::new(Self { keys, key_len: 10, value: vec![b'v'; value_len], value_digits })
    }

    /// Number of keys.
    pub fn count(&self) -> usize {
        self.keys.len() / self.key_len
    }

    pub(super) fn value(&self) -> &[u8] {
        &self.value
    }

    pub(super) fn value_digits(&self) -> &[u8] {
        &self.value_digits
    }

    pub(super) fn key(&self, index: usize) -> &[u8] {
        &self.keys[index * self.key_len..][..self.key_len]
    }
}

/// What is asked over and over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    /// `depth` requests at once for random keys: of `of` requests `sets` are SETs, and the rest GETs.
    Mix {
        /// Requests in a batch.
        depth: u32,
        /// SETs among `of` requests.
        sets: u32,
        /// See `sets`.
        of: u32,
    },
    /// That many GETKQ for random keys, then a NOOP. An operation is a key.
    MultiGet {
        /// Keys in a batch.
        keys: u32,
    },
}

/// The load of one connection.
#[derive(Debug)]
pub struct Memcached {
    data: Arc<Data>,
    ask: Ask,
    random: Rng,
    batch: Batch,
}

impl Memcached {
    /// A connection's load; its keys are drawn by `seed`.
    pub fn new(data: Arc<Data>, ask: Ask, seed: u64) -> Self {
        Self { data, ask, random: Rng::with_seed(seed), batch: Batch::default() }
    }
}

impl Script for Memcached {
    fn ask(&mut self, out: &mut BytesMut) -> u32 {
        let Self { data, ask, random, batch } = self;
        batch.begin();
        let mut key = || data.key(random.usize(..data.count()));
        match *ask {
            Ask::Mix { depth, sets, of } => {
                let mut choice = Rng::with_seed(u64::from(batch.opaque));
                for _ in 0..depth {
                    if sets > 0 && choice.u32(..of) < sets {
                        batch.set(out, key(), &data.value);
                    } else {
                        batch.get(out, Opcode::GET, key(), data.value.len());
                    }
                }
                depth
            }
            Ask::MultiGet { keys } => {
                for _ in 0..keys {
                    batch.get(out, Opcode::GETKQ, key(), data.value.len());
                }
                batch.noop(out);
                keys
            }
        }
    }

    fn hear(&mut self, input: &[u8]) -> Result<Heard, Wrong> {
        self.batch.hear(input)
    }
}

/// Stores every key once, in pipelines.
#[derive(Debug)]
pub struct Fill {
    data: Arc<Data>,
    next: usize,
    end: usize,
    batch: Batch,
}

impl Fill {
    /// SETs in a batch.
    const DEPTH: usize = 64;

    /// Stores the keys of that range.
    pub fn new(data: Arc<Data>, range: std::ops::Range<usize>) -> Self {
        Self { data, next: range.start, end: range.end, batch: Batch::default() }
    }

    /// Whether every key was asked to be stored.
    pub fn is_over(&self) -> bool {
        self.next == self.end
    }
}

impl Script for Fill {
    fn ask(&mut self, out: &mut BytesMut) -> u32 {
        self.batch.begin();
        let end = self.end.min(self.next + Self::DEPTH);
        for index in self.next..end {
            self.batch.set(out, self.data.key(index), &self.data.value);
        }
        let asked = end - self.next;
        self.next = end;
        u32::try_from(asked).unwrap_or(0)
    }

    fn hear(&mut self, input: &[u8]) -> Result<Heard, Wrong> {
        self.batch.hear(input)
    }
}

/// The replies that a batch still expects.
#[derive(Debug, Default)]
struct Batch {
    /// The opaque of the next request.
    opaque: u32,
    expected: Vec<Expected>,
    progress: Progress,
}

#[derive(Debug)]
struct Expected {
    opcode: Opcode,
    opaque: u32,
    key_len: u16,
    extras_len: u8,
    body_len: u32,
}

impl Batch {
    fn begin(&mut self) {
        self.expected.clear();
        self.progress.begin();
    }

    fn get(&mut self, out: &mut BytesMut, opcode: Opcode, key: &[u8], value_len: usize) {
        let key_len = if opcode.with_key() { length(key) } else { 0 };
        let body_len = u32::from(HIT_EXTRAS_LEN) + u32::from(key_len) + u32_of(value_len);
        self.request(out, opcode, &[], key, &[], (key_len, HIT_EXTRAS_LEN, body_len));
    }

    fn set(&mut self, out: &mut BytesMut, key: &[u8], value: &[u8]) {
        self.request(out, Opcode::SET, &SET_EXTRAS, key, value, (0, 0, 0));
    }

    fn noop(&mut self, out: &mut BytesMut) {
        self.request(out, Opcode::NOOP, &[], &[], &[], (0, 0, 0));
    }

    /// Writes a request, and expects a reply with these lengths of key, extras and body.
    fn request(
        &mut self,
        out: &mut BytesMut,
        opcode: Opcode,
        extras: &[u8],
        key: &[u8],
        value: &[u8],
        (key_len, extras_len, body_len): (u16, u8, u32),
    ) {
        let opaque = self.opaque;
        self.opaque = opaque.wrapping_add(1);
        let header = Header {
            magic: MAGIC_REQUEST,
            opcode,
            key_len: length(key),
            extras_len: u8::try_from(extras.len()).unwrap_or(0),
            data_type: 0,
            status_or_vbucket: 0,
            body_len: u32_of(extras.len() + key.len() + value.len()),
            opaque,
            cas: 0,
        };
        header.encode(out);
        out.put_slice(extras);
        out.put_slice(key);
        out.put_slice(value);
        self.expected.push(Expected { opcode, opaque, key_len, extras_len, body_len });
    }

    fn hear(&mut self, input: &[u8]) -> Result<Heard, Wrong> {
        self.progress.hear(input, self.expected.len(), |number, header| {
            check(&self.expected[number], &Header::parse(header))
        })
    }
}

/// The length of the reply's body, if it is the one that was expected.
fn check(expected: &Expected, header: &Header) -> Result<u32, Wrong> {
    let is_right = header.magic == MAGIC_REPLY
        && header.opcode == expected.opcode
        && header.status().0 == 0
        && header.opaque == expected.opaque
        && header.key_len == expected.key_len
        && header.extras_len == expected.extras_len
        && header.body_len == expected.body_len;
    if !is_right {
        return Err(Wrong(format!("expected {expected:?} with status 0, got {header:?}")));
    }
    Ok(header.body_len)
}

fn length(key: &[u8]) -> u16 {
    u16::try_from(key.len()).unwrap_or(0)
}

fn u32_of(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Ask, Batch, Data, Memcached};
    use crate::load::script::Script;
    use bytes::{BufMut, BytesMut};
    use lockproof_protocol::memcached_binary::{Header, Opcode, Reply, Status};

    /// The replies of a server where every key has a value of 5 bytes.
    fn replies(requests: &[u8], status: Status) -> BytesMut {
        let (mut out, mut rest) = (BytesMut::new(), requests);
        while let Some(header) = rest.first_chunk().map(Header::parse) {
            let key_at = 24 + usize::from(header.extras_len);
            let key = &rest[key_at..][..header.key_len.into()];
            let reply = match header.opcode {
                Opcode::NOOP => Reply::Done,
                Opcode::SET => Reply::Stored { cas: 1 },
                _ if status == Status::SUCCESS => {
                    Reply::Found { flags: 0, cas: 1, value: "value".into() }
                }
                _ => Reply::Failed { status },
            };
            reply.encode(header.opcode, header.opaque, key, &mut out);
            rest = &rest[24 + header.body_len as usize..];
        }
        out
    }

    fn script(ask: Ask) -> Memcached {
        Memcached::new(Data::new(100, 5), ask, 1)
    }

    #[test]
    fn right_replies_are_taken_in_any_pieces() {
        for ask in [Ask::Mix { depth: 9, sets: 1, of: 3 }, Ask::MultiGet { keys: 9 }] {
            for piece in [1, 7, 24, 10_000] {
                let mut script = script(ask);
                for _ in 0..3 {
                    let mut asked = BytesMut::new();
                    assert_eq!(script.ask(&mut asked), 9);
                    let (mut left, mut is_all) = (BytesMut::new(), false);
                    for bytes in replies(&asked, Status::SUCCESS).chunks(piece) {
                        assert!(!is_all, "{ask:?}: all was heard before the end");
                        left.put_slice(bytes);
                        let heard = script.hear(&left).unwrap();
                        let _ = left.split_to(heard.bytes);
                        is_all = heard.is_all;
                    }
                    assert!(is_all && left.is_empty(), "{ask:?}, pieces of {piece}");
                }
            }
        }
    }

    #[test]
    fn every_field_of_a_reply_counts() {
        let mut script = script(Ask::Mix { depth: 1, sets: 0, of: 1 });
        let mut asked = BytesMut::new();
        script.ask(&mut asked);
        let right = replies(&asked, Status::SUCCESS);
        // Magic, opcode, key length, extras length, status, body length, opaque.
        for at in [0, 1, 3, 4, 7, 11, 15] {
            let mut wrong = right.clone();
            wrong[at] ^= 1;
            let mut batch = Batch::default();
            batch.get(&mut BytesMut::new(), Opcode::GET, b"0000000000", 5);
            assert!(batch.hear(&right).is_ok());
            batch.progress.begin();
            assert!(batch.hear(&wrong).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_miss_is_wrong() {
        let mut script = script(Ask::Mix { depth: 2, sets: 0, of: 1 });
        let mut asked = BytesMut::new();
        script.ask(&mut asked);
        assert!(script.hear(&replies(&asked, Status::KEY_NOT_FOUND)).is_err());
    }
}
