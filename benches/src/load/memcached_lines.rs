//! memcached's text and meta protocols as a load. What must come back is known to the last byte, because every key is
//! there and has the same value: fill the server first.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use fastrand::Rng;

use super::memcached::{Ask, Data};
use super::script::{Heard, Script, Wrong};

/// Which of the two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tongue {
    /// `get`, `set`; a multi-get is one line.
    Text,
    /// `mg`, `ms`; a multi-get is a run of quiet `mg`, and `mn`.
    Meta,
}

/// The load of one connection.
#[derive(Debug)]
pub struct Lines {
    data: Arc<Data>,
    tongue: Tongue,
    ask: Ask,
    random: Rng,
    /// Batches so far; which requests of one are SETs is drawn by it.
    number: u64,
    expected: Vec<u8>,
    /// Bytes of `expected` that came.
    heard: usize,
}

impl Lines {
    /// A connection's load; its keys are drawn by `seed`.
    pub fn new(data: Arc<Data>, tongue: Tongue, ask: Ask, seed: u64) -> Self {
        let random = Rng::with_seed(seed);
        Self { data, tongue, ask, random, number: 0, expected: Vec::new(), heard: 0 }
    }

    fn get(&mut self, out: &mut BytesMut) {
        let key = self.data.key(self.random.usize(..self.data.count()));
        let expected = &mut self.expected;
        match self.tongue {
            Tongue::Text => {
                put(out, &[b"get ", key, b"\r\n"]);
                hit(expected, &self.data, &[b"VALUE ", key, b" 0 "], b"\r\n");
                expected.put_slice(b"END\r\n");
            }
            Tongue::Meta => {
                put(out, &[b"mg ", key, b" v\r\n"]);
                hit(expected, &self.data, &[b"VA "], b"\r\n");
            }
        }
    }

    fn set(&mut self, out: &mut BytesMut) {
        let key = self.data.key(self.random.usize(..self.data.count()));
        let (value, len) = (self.data.value(), self.data.value_digits());
        match self.tongue {
            Tongue::Text => {
                put(out, &[b"set ", key, b" 0 0 ", len, b"\r\n", value, b"\r\n"]);
                self.expected.put_slice(b"STORED\r\n");
            }
            Tongue::Meta => {
                put(out, &[b"ms ", key, b" ", len, b"\r\n", value, b"\r\n"]);
                self.expected.put_slice(b"HD\r\n");
            }
        }
    }

    fn multi_get(&mut self, keys: u32, out: &mut BytesMut) {
        let Self { data, random, expected, .. } = self;
        let mut key = || data.key(random.usize(..data.count()));
        match self.tongue {
            Tongue::Text => {
                out.put_slice(b"get");
                for _ in 0..keys {
                    let key = key();
                    put(out, &[b" ", key]);
                    hit(expected, data, &[b"VALUE ", key, b" 0 "], b"\r\n");
                }
                out.put_slice(b"\r\n");
                expected.put_slice(b"END\r\n");
            }
            Tongue::Meta => {
                for _ in 0..keys {
                    let key = key();
                    put(out, &[b"mg ", key, b" k v q\r\n"]);
                    hit(expected, data, &[b"VA "], &[b" k", key, b"\r\n"].concat());
                }
                out.put_slice(b"mn\r\n");
                expected.put_slice(b"MN\r\n");
            }
        }
    }
}

impl Script for Lines {
    fn ask(&mut self, out: &mut BytesMut) -> u32 {
        self.expected.clear();
        self.heard = 0;
        self.number += 1;
        match self.ask {
            Ask::Mix { depth, sets, of } => {
                let mut choice = Rng::with_seed(self.number);
                for _ in 0..depth {
                    if sets > 0 && choice.u32(..of) < sets { self.set(out) } else { self.get(out) }
                }
                depth
            }
            Ask::MultiGet { keys } => {
                self.multi_get(keys, out);
                keys
            }
        }
    }

    fn hear(&mut self, input: &[u8]) -> Result<Heard, Wrong> {
        let left = &self.expected[self.heard..];
        let bytes = input.len().min(left.len());
        if input[..bytes] != left[..bytes] {
            let at = input.iter().zip(left).position(|(got, wanted)| got != wanted).unwrap_or(0);
            let shown = |bytes: &[u8]| bytes[at..].iter().take(40).copied().collect::<Vec<_>>();
            let (wanted, got) = (shown(left), shown(input));
            let text =
                format!("expected {:?}, got {:?}", wanted.escape_ascii(), got.escape_ascii());
            return Err(Wrong(text));
        }
        self.heard += bytes;
        Ok(Heard { bytes, is_all: self.heard == self.expected.len() })
    }
}

fn put(out: &mut BytesMut, pieces: &[&[u8]]) {
    for piece in pieces {
        out.put_slice(piece);
    }
}

/// A reply with the value: the head, its length, what stands behind that, and the value.
fn hit(expected: &mut Vec<u8>, data: &Data, head: &[&[u8]], behind: &[u8]) {
    let rest = [data.value_digits(), behind, data.value(), b"\r\n"];
    for piece in head.iter().chain(&rest) {
        expected.put_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, Data, Lines, Tongue};
    use crate::load::script::Script;
    use bytes::BytesMut;

    fn asked(tongue: Tongue, ask: Ask) -> (Lines, String) {
        let mut script = Lines::new(Data::new(1, 3), tongue, ask, 1);
        let mut out = BytesMut::new();
        script.ask(&mut out);
        (script, String::from_utf8(out.to_vec()).unwrap())
    }

    const GET: Ask = Ask::Mix { depth: 1, sets: 0, of: 1 };
    const SET: Ask = Ask::Mix { depth: 1, sets: 1, of: 1 };
    const TWO: Ask = Ask::MultiGet { keys: 2 };

    #[test]
    fn requests_and_replies_are_those_of_the_protocol() {
        use Tongue::{Meta, Text};
        let rows = [
            (Text, GET, "get 0000000000\r\n", "VALUE 0000000000 0 3\r\nvvv\r\nEND\r\n"),
            (Text, SET, "set 0000000000 0 0 3\r\nvvv\r\n", "STORED\r\n"),
            (
                Text,
                TWO,
                "get 0000000000 0000000000\r\n",
                "VALUE 0000000000 0 3\r\nvvv\r\nVALUE 0000000000 0 3\r\nvvv\r\nEND\r\n",
            ),
            (Meta, GET, "mg 0000000000 v\r\n", "VA 3\r\nvvv\r\n"),
            (Meta, SET, "ms 0000000000 3\r\nvvv\r\n", "HD\r\n"),
            (
                Meta,
                TWO,
                "mg 0000000000 k v q\r\nmg 0000000000 k v q\r\nmn\r\n",
                "VA 3 k0000000000\r\nvvv\r\nVA 3 k0000000000\r\nvvv\r\nMN\r\n",
            ),
        ];
        for (tongue, ask, request, reply) in rows {
            let (mut script, sent) = asked(tongue, ask);
            assert_eq!(sent, request);
            let (mut heard, mut is_all) = (0, false);
            for piece in reply.as_bytes().chunks(5) {
                assert!(!is_all, "all was heard before the end of {reply:?}");
                let now = script.hear(piece).unwrap();
                (heard, is_all) = (heard + now.bytes, now.is_all);
            }
            assert!(is_all && heard == reply.len(), "{reply:?}");
        }
    }

    #[test]
    fn every_byte_of_a_reply_counts() {
        let reply = b"VALUE 0000000000 0 3\r\nvvv\r\nEND\r\n";
        for at in 0..reply.len() {
            let (mut script, _) = asked(Tongue::Text, GET);
            let mut wrong = *reply;
            wrong[at] ^= 1;
            assert!(script.hear(&wrong).is_err(), "byte {at}");
        }
    }
}
