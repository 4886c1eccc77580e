//! memcached for the flawed servers: one shard, no statistics, no SASL.

use bytes::{Bytes, BytesMut};
use lockproof_protocol::memcached_binary::{
    Command, Limits, Opcode, Reply, Request, RequestDecoder, StoreMode, Value,
};
use lockproof_state_machine::{Effect, Now, SessionId, items};

use super::Meaning;

/// A CAS that no item has.
const PROMISED_CAS: u64 = u64::MAX;

/// All items.
#[derive(Debug)]
pub(crate) struct Items(items::Items);

impl Items {
    pub(crate) fn new(unix_start: u64) -> Self {
        Self(items::Items::new(items::Config { unix_start, ..items::Config::default() }))
    }

    fn value(&self, now: Now, key: &Bytes) -> Option<Bytes> {
        match self.0.get(now, key) {
            Reply::Found { value, .. } => Some(value),
            _ => None,
        }
    }
}

impl Meaning for Items {
    type Request = Request;

    /// The value that is counted on.
    type Seen = Option<Bytes>;

    fn decode(input: &mut BytesMut) -> Result<Option<Request>, ()> {
        // A new decoder each time: no value here is so long that it would be skipped.
        let frame = RequestDecoder::new(Limits::default()).decode(input).map_err(drop)?;
        frame.map(|frame| Request::from_frame(frame).map_err(drop)).transpose()
    }

    fn is_a_fact(request: &Request) -> bool {
        request.command == Command::Noop
    }

    fn read(&self, now: Now, request: &Request) -> Option<Bytes> {
        match &request.command {
            Command::Get { key } => Some(encode(request, &self.0.get(now, key))),
            Command::Noop => Some(encode(request, &Reply::Done)),
            _ => None,
        }
    }

    fn promise(&self, request: &Request) -> Option<Bytes> {
        let is_plain = matches!(request.command, Command::Store { mode: StoreMode::Set, .. })
            && request.cas == 0;
        is_plain.then(|| encode(request, &Reply::Stored { cas: PROMISED_CAS }))
    }

    fn is_absurd(&self, now: Now, request: &Request) -> bool {
        let Command::Arithmetic { key, .. } = &request.command else { return false };
        let is_number = |value: &Bytes| value.iter().all(u8::is_ascii_digit);
        self.value(now, key).is_some_and(|value| !is_number(&value))
    }

    fn may_hold(_: &Request) -> bool {
        false
    }

    fn look(&self, now: Now, request: &Request) -> Option<Bytes> {
        match &request.command {
            Command::Arithmetic { key, .. } => self.value(now, key),
            _ => None,
        }
    }

    fn write(
        &mut self,
        now: Now,
        session: SessionId,
        request: Request,
        seen: Option<Bytes>,
    ) -> Vec<Effect<Bytes>> {
        if let (Command::Arithmetic { key, .. }, Some(value)) = (&request.command, seen) {
            // It counts on from what it saw. Inside a lock that is a lock, that is what is there.
            let (mode, value) = (StoreMode::Set, Value::Present(value));
            let command = Command::Store { mode, key: key.clone(), flags: 0, expiry: 0, value };
            let _ = self.0.apply(now, &Request { opcode: Opcode::SET, opaque: 0, cas: 0, command });
        }
        let reply = self.0.apply(now, &request);
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
