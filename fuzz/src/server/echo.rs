//! Echo: what comes goes back.

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::BytesMut;
use lockproof_reference_server::Echo;

use super::naive::{Naive, Next};
use super::{Judge, Kind};

/// A text and its NUL.
#[derive(Debug)]
pub(super) struct Ask(BytesMut);

impl<'a> Arbitrary<'a> for Ask {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let length = usize::from(u8::arbitrary(input)?) * 16;
        Ok(Self(BytesMut::from(&[&vec![b'e'; length][..], b"\0"].concat()[..])))
    }
}

/// The kind of server that is driven.
pub(super) struct Mirror;

impl Kind for Mirror {
    type Ask = Ask;
    type Protocol = Echo;
    type Naive = Simple;

    fn server(&self) -> Echo {
        Echo::default()
    }

    fn naive(&self) -> Simple {
        Simple
    }

    fn encode(ask: Ask, _: &Simple) -> BytesMut {
        ask.0
    }

    fn judge() -> Judge {
        Judge { codec: None, hide: |_| false }
    }
}

/// The naive server, which knows nothing.
pub(super) struct Simple;

impl Naive for Simple {
    type Session = ();

    fn open(&self) {}

    fn next(&mut self, _: Duration, id: u64, (): &mut (), input: &mut BytesMut) -> Next {
        if input.is_empty() {
            return Next::Nothing;
        }
        Next::Replies(vec![(id, input.split().to_vec())])
    }
}
