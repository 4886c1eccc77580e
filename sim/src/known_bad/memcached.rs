//! memcached for the flawed servers: one shard, no statistics, no SASL.

use bytes::{Bytes, BytesMut};
use lockproof_protocol::memcached_binary::{Command, Limits, Reply, Request, RequestDecoder};
use lockproof_state_machine::{Effect, Now, SessionId, items};

use super::Meaning;

/// All items.
#[derive(Debug)]
pub(crate) struct Items(items::Items);

impl Items {
    pub(crate) fn new(unix_start: u64) -> Self {
        Self(items::Items::new(items::Config { unix_start, ..items::Config::default() }))
    }
}

impl Meaning for Items {
    type Request = Request;

    fn decode(input: &mut BytesMut) -> Result<Option<Request>, ()> {
        // A new decoder each time: no value here is so long that it would be skipped.
        let frame = RequestDecoder::new(Limits::default()).decode(input).map_err(drop)?;
        frame.map(|frame| Request::from_frame(frame).map_err(drop)).transpose()
    }

    fn read(&self, now: Now, request: &Request) -> Option<Bytes> {
        match &request.command {
            Command::Get { key } => Some(encode(request, &self.0.get(now, key))),
            _ => None,
        }
    }

    fn write(&mut self, now: Now, session: SessionId, request: Request) -> Vec<Effect<Bytes>> {
        let reply = match request.command {
            Command::Noop => Reply::Done,
            _ => self.0.apply(now, &request),
        };
        vec![Effect { to: session, reply: encode(&request, &reply) }]
    }

    fn end(&mut self, _: SessionId) -> Vec<Effect<Bytes>> {
        Vec::new()
    }
}

fn encode(request: &Request, reply: &Reply) -> Bytes {
    let mut out = BytesMut::new();
    if !request.opcode.suppresses(reply.status()) {
        let key: &[u8] = request.key().map_or(&[], |key| key);
        reply.encode(request.opcode, request.opaque, key, &mut out);
    }
    out.freeze()
}
