//! memcached: the gate, then the items; the quiet keep to themselves what is of no interest.

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::{Bytes, BytesMut};
use lockproof_conformance::wire::{Codec, Protocol};
use lockproof_protocol::memcached_binary::{
    Command, Limits, Opcode, Reply, Request, RequestDecoder, RequestError, Status,
};
use lockproof_reference_server::protocols::MEMCACHED_VERSION;
use lockproof_reference_server::{Memcached, MemcachedConfig, Speaks};
use lockproof_state_machine::items::Config;

use super::naive::{Naive, Next};
use super::{Judge, Kind};
use crate::gate::{self, Ruling};
use crate::items;
use crate::items::ask::UNIX_START;

/// One shard, so that the CAS values are known; room for everything that a script can store.
fn config(with_sasl: bool) -> MemcachedConfig {
    MemcachedConfig {
        items: Config { item_max: 4096, ..Config::default() },
        unix_start: Some(UNIX_START),
        speaks: Speaks::Binary,
        users: with_sasl.then(|| gate::credentials().into()),
        auth_delay: Duration::ZERO,
        workers: 1,
        connections_max: 100,
    }
}

/// What a client asks for: mostly about items.
#[derive(Debug)]
pub(super) enum Ask {
    Items(items::ask::Ask),
    Gate(gate::Ask),
    Other(u8),
}

impl<'a> Arbitrary<'a> for Ask {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u8::arbitrary(input)? % 8 {
            0 => Self::Gate(gate::Ask::arbitrary(input)?),
            1 => Self::Other(u8::arbitrary(input)?),
            _ => Self::Items(items::ask::Ask::arbitrary(input)?),
        })
    }
}

/// The kind of server that is driven.
pub(super) struct Cache {
    pub(super) with_sasl: bool,
}

impl Kind for Cache {
    type Ask = Ask;
    type Protocol = Memcached;
    type Naive = Simple;

    fn server(&self) -> Memcached {
        Memcached::new(config(self.with_sasl))
    }

    fn naive(&self) -> Simple {
        let items = Config { unix_start: UNIX_START, ..config(false).items };
        Simple { items: items::Model::new(items), with_sasl: self.with_sasl }
    }

    fn encode(ask: Ask, naive: &Simple) -> BytesMut {
        let request = match ask {
            Ask::Items(ask) => ask.request(|key| naive.items.cas_of(key)),
            Ask::Gate(gate::Ask(request)) => request,
            Ask::Other(choice) => other(choice),
        };
        let mut bytes = BytesMut::new();
        request.encode(&mut bytes);
        bytes
    }

    fn judge() -> Judge {
        Judge { codec: Some(Codec::new(Protocol::Memcached)), hide: is_statistic }
    }
}

/// What ends a connection, and what is answered with more than one frame.
fn other(choice: u8) -> Request {
    let group = [&b""[..], b"settings", b"items", b"reset", b"other", b"sizes"];
    let group = Bytes::from_static(group[usize::from(choice / 4) % group.len()]);
    let (opcode, command) = match choice % 4 {
        0 => (Opcode::QUIT, Command::Quit),
        1 => (Opcode::QUITQ, Command::Quit),
        2 => (Opcode(0x80 | choice), Command::Unknown),
        _ => (Opcode::STAT, Command::Stat { group }),
    };
    Request { opcode, opaque: 0xffff_ffff, cas: 0, command }
}

/// A statistic's number is not to be foretold; that the list of them ends is.
fn is_statistic(frame: &[u8]) -> bool {
    const STAT: u8 = 0x10;
    matches!(frame, [0x81, STAT, k0, k1, _, _, 0, 0, ..] if (*k0, *k1) != (0, 0))
}

/// The naive server's items.
pub(super) struct Simple {
    items: items::Model,
    with_sasl: bool,
}

/// A naive session: where its frames begin, and whether it has authenticated.
pub(super) struct Session {
    decoder: RequestDecoder,
    gate: gate::Model,
}

impl Naive for Simple {
    type Session = Session;

    fn open(&self) -> Session {
        let limits = Limits { value_max: config(false).items.item_max, ..Limits::default() };
        Session { decoder: RequestDecoder::new(limits), gate: gate::Model::default() }
    }

    fn next(
        &mut self,
        now: Duration,
        id: u64,
        session: &mut Session,
        input: &mut BytesMut,
    ) -> Next {
        let frame = match session.decoder.decode(input) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Next::Nothing,
            Err(RequestError::Fatal { opcode, opaque, status, .. }) => {
                return Next::Close(encoded(&Reply::Failed { status }, opcode, opaque, &[]));
            }
            Err(_) => return Next::Close(Vec::new()),
        };
        let request = Request::from_frame(frame).expect("the decoder looked at its shape");
        let key = request.key().cloned().unwrap_or_default();
        let answer = |reply: &Reply| encoded(reply, request.opcode, request.opaque, &key);
        let ruling = if self.with_sasl { session.gate.ask(&request) } else { Ruling::Passes };
        match ruling {
            Ruling::Answered(reply) => Next::Replies(vec![(id, answer(&reply))]),
            Ruling::Ended(reply) => Next::Close(answer(&reply)),
            Ruling::Passes => {
                let reply = self.execute(now, &request);
                let is_silent = keeps_to_itself(request.opcode, reply.status());
                let bytes = if is_silent { Vec::new() } else { answer(&reply) };
                match request.command {
                    Command::Quit => Next::Close(bytes),
                    _ => Next::Replies(vec![(id, bytes)]),
                }
            }
        }
    }
}

impl Simple {
    fn execute(&mut self, now: Duration, request: &Request) -> Reply {
        match &request.command {
            Command::Noop | Command::Quit => Reply::Done,
            Command::Version => Reply::Text(Bytes::from_static(MEMCACHED_VERSION.as_bytes())),
            Command::Stat { group } => match &group[..] {
                b"" | b"settings" | b"items" | b"slabs" | b"sizes" | b"reset" => {
                    Reply::Stats(Vec::new())
                }
                _ => Reply::Failed { status: Status::KEY_NOT_FOUND },
            },
            _ => self.items.ask(now, request),
        }
    }
}

/// The table behind MCB-QT-01 and MCB-QT-02, by numbers.
fn keeps_to_itself(opcode: Opcode, status: Status) -> bool {
    match opcode.0 {
        0x09 | 0x0d | 0x1e | 0x24 => status.0 == 1,
        0x11..=0x1a => status.0 == 0,
        _ => false,
    }
}

fn encoded(reply: &Reply, opcode: Opcode, opaque: u32, key: &[u8]) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    reply.encode(opcode, opaque, key, &mut bytes);
    bytes.to_vec()
}
