//! NetMem for the flawed servers.

use bytes::{Bytes, BytesMut};
use lockproof_protocol::netmem::{PAYLOAD_BYTES_MAX, Reply, Request, RequestDecoder, WriteReply};
use lockproof_state_machine::{Effect, Now, SessionId, pages};

use super::Meaning;

/// A version for writes that have none yet.
const PROMISED_VERSION: i32 = i32::MAX;

/// All pages.
#[derive(Debug)]
pub(crate) struct Pages {
    pages: pages::Pages,
    count: u32,
}

impl Pages {
    pub(crate) fn new(count: u32, page_len: u32) -> Self {
        Self {
            pages: pages::Pages::new(pages::Config {
                pages: count,
                page_len,
                ..pages::Config::default()
            }),
            count,
        }
    }
}

impl Meaning for Pages {
    type Request = Request;
    type Seen = ();

    fn decode(input: &mut BytesMut) -> Result<Option<Request>, ()> {
        RequestDecoder::new(PAYLOAD_BYTES_MAX).decode(input).map_err(drop)
    }

    fn is_a_fact(request: &Request) -> bool {
        matches!(request, Request::GetParams | Request::GetVersion)
    }

    fn read(&self, _: Now, request: &Request) -> Option<Bytes> {
        match request {
            Request::Read { .. } | Request::GetParams | Request::GetVersion => {
                Some(encode(&self.pages.read(request)))
            }
            _ => None,
        }
    }

    fn promise(&self, request: &Request) -> Option<Bytes> {
        let Request::Update { page, .. } = *request else { return None };
        let (kind, version) = (WriteReply::Update, PROMISED_VERSION);
        (page < self.count).then(|| encode(&Reply::Written { kind, page, version }))
    }

    fn is_absurd(&self, _: Now, request: &Request) -> bool {
        match request {
            Request::Lock { page, .. }
            | Request::Unlock { page, .. }
            | Request::Update { page, .. } => *page >= self.count,
            _ => false,
        }
    }

    fn may_hold(request: &Request) -> bool {
        matches!(request, Request::Lock { .. } | Request::Update { .. })
    }

    fn look(&self, _: Now, _: &Request) {}

    fn write(
        &mut self,
        now: Now,
        session: SessionId,
        request: Request,
        (): (),
    ) -> Vec<Effect<Bytes>> {
        let mut effects = Vec::new();
        let _ = self.pages.apply(now, session, request, &mut effects);
        encoded(effects)
    }

    fn end(&mut self, session: SessionId) -> Vec<Effect<Bytes>> {
        let mut effects = Vec::new();
        // Nobody asks here since when a page is held.
        self.pages.end_session(Now::ZERO, session, &mut effects);
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
