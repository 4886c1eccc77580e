//! Locker: a table of names, in either dialect.

use std::time::Duration;

use bytes::BytesMut;
use lockproof_conformance::wire::{self, Codec, Protocol};
use lockproof_protocol::locker::{
    Dialect, Layout, Limits, Outcome, Reply, RequestDecoder, Results, parse,
};
use lockproof_reference_server::{Locker, LockerConfig};

use super::naive::{Naive, Next};
use super::{Judge, Kind};
use crate::locks;

const LIMITS: Limits = Limits { body_max: 256, keys_max: 4, key_max: 16 };

/// The kind of server that is driven.
pub(super) struct Table<const PACKED: bool>;

const fn dialect(packed: bool) -> Dialect {
    if packed {
        Dialect { layout: Layout::Packed, results: Results::Errno }
    } else {
        Dialect { layout: Layout::Natural, results: Results::Small }
    }
}

impl<const PACKED: bool> Kind for Table<PACKED> {
    type Ask = locks::Ask;
    type Protocol = Locker;
    type Naive = Simple;

    fn server(&self) -> Locker {
        let (dialect, locks) = (dialect(PACKED), locks::LIMITS);
        Locker::new(LockerConfig { dialect, limits: LIMITS, locks, log_entries_max: 8 })
    }

    fn naive(&self) -> Simple {
        let config = locks::LIMITS;
        let table = locks::Model::new(config.locks_max, config.locks_per_session_max);
        Simple { table, dialect: dialect(PACKED) }
    }

    fn encode(ask: locks::Ask, naive: &Simple) -> BytesMut {
        let mut bytes = BytesMut::new();
        ask.0.encode(naive.dialect, &mut bytes);
        bytes
    }

    fn judge() -> Judge {
        let natural = Codec::new(Protocol::Locker);
        let packed =
            Codec { layout: wire::Layout::Packed, results: wire::Results::Errno, ..natural };
        Judge { codec: Some(if PACKED { packed } else { natural }), hide: |_| false }
    }

    fn assert_empty(server: &Locker) {
        let counters = server.lock_counters();
        let left = (counters.held, counters.holders, server.dump().len());
        assert_eq!(left, (0, 0, 0), "keys held, holders, and keys of the dump");
    }
}

/// The naive server's table.
pub(super) struct Simple {
    table: locks::Model,
    dialect: Dialect,
}

impl Naive for Simple {
    type Session = RequestDecoder;

    fn open(&self) -> RequestDecoder {
        RequestDecoder::new(self.dialect, LIMITS)
    }

    fn next(
        &mut self,
        _: Duration,
        id: u64,
        decoder: &mut RequestDecoder,
        input: &mut BytesMut,
    ) -> Next {
        let reply = |cmd, outcome| {
            let mut bytes = BytesMut::new();
            Reply::to(cmd, outcome).encode(self.dialect, &mut bytes);
            bytes.to_vec()
        };
        match decoder.decode(input) {
            Ok(None) => Next::Nothing,
            Err(error) => Next::Close(reply(error.cmd, Outcome::TooLarge)),
            Ok(Some(frame)) => {
                let cmd = frame.cmd;
                let outcome = parse(frame, &LIMITS)
                    .map_or_else(|refused| refused, |request| self.table.ask(id, &request));
                Next::Replies(vec![(id, reply(cmd, outcome))])
            }
        }
    }

    fn end(&mut self, id: u64) -> Vec<(u64, Vec<u8>)> {
        self.table.end(id);
        Vec::new()
    }
}
