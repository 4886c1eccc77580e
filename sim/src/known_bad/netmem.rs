//! NetMem for the flawed servers.

use bytes::{Bytes, BytesMut};
use lockproof_protocol::netmem::{PAYLOAD_BYTES_MAX, Reply, Request, RequestDecoder};
use lockproof_state_machine::{Effect, Now, SessionId, pages};

use super::Meaning;

/// All pages.
#[derive(Debug)]
pub(crate) struct Pages(pages::Pages);

impl Pages {
    pub(crate) fn new(pages: u32, page_len: u32) -> Self {
        Self(pages::Pages::new(pages::Config { pages, page_len }))
    }
}

impl Meaning for Pages {
    type Request = Request;

    fn decode(input: &mut BytesMut) -> Result<Option<Request>, ()> {
        RequestDecoder::new(PAYLOAD_BYTES_MAX).decode(input).map_err(drop)
    }

    fn read(&self, _: Now, request: &Request) -> Option<Bytes> {
        match request {
            Request::Read { .. } | Request::GetParams | Request::GetVersion => {
                Some(encode(&self.0.read(request)))
            }
            _ => None,
        }
    }

    fn write(&mut self, _: Now, session: SessionId, request: Request) -> Vec<Effect<Bytes>> {
        let mut effects = Vec::new();
        let _ = self.0.apply(session, request, &mut effects);
        encoded(effects)
    }

    fn end(&mut self, session: SessionId) -> Vec<Effect<Bytes>> {
        let mut effects = Vec::new();
        self.0.end_session(session, &mut effects);
        encoded(effects)
    }
}

fn encoded(effects: Vec<Effect<Reply>>) -> Vec<Effect<Bytes>> {
    effects.into_iter().map(|Effect { to, reply }| Effect { to, reply: encode(&reply) }).collect()
}

fn encode(reply: &Reply) -> Bytes {
    let mut out = BytesMut::new();
    reply.encode(&mut out);
    out.freeze()
}
