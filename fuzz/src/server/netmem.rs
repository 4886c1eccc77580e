//! NetMem: pages, and those who wait for them.

use std::time::Duration;

use bytes::BytesMut;
use lockproof_conformance::wire::{Codec, Protocol};
use lockproof_protocol::netmem::RequestDecoder;
use lockproof_reference_server::protocols::SERVER_VERSION;
use lockproof_reference_server::{NetMem, NetMemConfig};

use super::naive::{Naive, Next};
use super::{Judge, Kind};
use crate::pages::{self, Answer, PAGE_LEN, PAGES};

/// Payloads of up to this are taken in, and refused if they are longer than a page.
const PAYLOAD_MAX: u32 = 64;

/// The kind of server that is driven.
pub(super) struct Memory;

impl Kind for Memory {
    type Ask = pages::Ask;
    type Protocol = NetMem;
    type Naive = Simple;

    fn server(&self) -> NetMem {
        NetMem::new(NetMemConfig {
            pages: PAGES,
            page_len: PAGE_LEN,
            payload_max: PAYLOAD_MAX,
            ..NetMemConfig::default()
        })
    }

    fn naive(&self) -> Simple {
        Simple(pages::Model::new(PAGES, PAGE_LEN, SERVER_VERSION, usize::MAX))
    }

    fn encode(ask: pages::Ask, _: &Simple) -> BytesMut {
        let mut bytes = BytesMut::new();
        ask.0.encode(&mut bytes);
        bytes
    }

    fn judge() -> Judge {
        Judge { codec: Some(Codec::new(Protocol::NetMem)), hide: |_| false }
    }

    /// A lock of somebody who is gone would make the newcomer wait.
    fn last_words() -> BytesMut {
        let mut bytes = BytesMut::new();
        for page in 0..PAGES {
            lockproof_protocol::netmem::Request::Lock { page, version: 0 }.encode(&mut bytes);
        }
        bytes
    }
}

/// The naive server's pages.
pub(super) struct Simple(pages::Model);

impl Naive for Simple {
    type Session = RequestDecoder;

    fn open(&self) -> RequestDecoder {
        RequestDecoder::new(PAYLOAD_MAX)
    }

    fn next(
        &mut self,
        _: Duration,
        id: u64,
        decoder: &mut RequestDecoder,
        input: &mut BytesMut,
    ) -> Next {
        match decoder.decode(input) {
            Ok(None) => Next::Nothing,
            Err(_) => Next::Close(Vec::new()),
            Ok(Some(request)) => {
                let answers = self.0.ask(id, request);
                if self.0.waits(id) { Next::Waits } else { Next::Replies(encoded(answers)) }
            }
        }
    }

    fn end(&mut self, id: u64) -> Vec<(u64, Vec<u8>)> {
        encoded(self.0.end(id))
    }
}

fn encoded(answers: Vec<Answer>) -> Vec<(u64, Vec<u8>)> {
    let encode = |(to, reply): Answer| {
        let mut bytes = BytesMut::new();
        reply.encode(&mut bytes);
        (to, bytes.to_vec())
    };
    answers.into_iter().map(encode).collect()
}
