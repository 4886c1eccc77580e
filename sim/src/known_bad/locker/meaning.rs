//! The table as the flawed servers of all protocols want it.

use bytes::{Bytes, BytesMut};
use lockproof_protocol::locker::{
    Dialect, Limits, Outcome, Reply, Request, RequestDecoder, Verb, parse,
};
use lockproof_state_machine::{Effect, Now, SessionId};

use super::Keys;
use crate::known_bad::Meaning;

impl Meaning for Keys {
    type Request = Request;
    type Seen = ();

    fn decode(input: &mut BytesMut) -> Result<Option<Request>, ()> {
        let limits = Limits::default();
        let frame = RequestDecoder::new(Dialect::default(), limits).decode(input).map_err(drop)?;
        // Nobody here sends what is malformed, unless it is cut off.
        frame.map(|frame| parse(frame, &limits).map_err(drop)).transpose()
    }

    fn is_a_fact(_: &Request) -> bool {
        false
    }

    fn read(&self, _: Now, request: &Request) -> Option<Bytes> {
        // What is free is free for every session, so it does not matter whose query it is.
        let free = request.verb == Verb::Query && request.keys.iter().all(|key| self.is_free(key));
        free.then(|| encode(request, Outcome::Ok))
    }

    fn promise(&self, _: &Request) -> Option<Bytes> {
        None
    }

    fn is_absurd(&self, _: Now, _: &Request) -> bool {
        false
    }

    fn may_hold(request: &Request) -> bool {
        request.verb == Verb::Get
    }

    fn look(&self, _: Now, _: &Request) {}

    fn write(
        &mut self,
        _: Now,
        session: SessionId,
        request: Request,
        (): (),
    ) -> Vec<Effect<Bytes>> {
        let keys: Vec<Vec<u8>> = request.keys.iter().map(|key| key.to_vec()).collect();
        let outcome = self.apply(session.0, request.verb, &keys);
        vec![Effect { to: session, reply: encode(&request, outcome) }]
    }

    fn end(&mut self, session: SessionId) -> Vec<Effect<Bytes>> {
        Self::end(self, session.0);
        Vec::new()
    }
}

fn encode(request: &Request, outcome: Outcome) -> Bytes {
    let mut out = BytesMut::new();
    Reply::to(request.cmd(), outcome).encode(Dialect::default(), &mut out);
    out.freeze()
}
