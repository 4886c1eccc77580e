//! The queue at the lock: who waits there, who dies there, and who comes next.
//!
//! The reference server does nothing inside its lock that takes time, so these rows show that what clients can do to a
//! queue does not reach it; NetMem's page locks have a queue in every server. Flawed servers spend some time inside.

use super::{LATER_MS, PLAIN, Row};
use crate::config::{Config, Protocol};
use crate::known_bad::KnownBad;
use crate::plan::{Fault, Kind};

/// Time inside the lock, so that there is a queue. A page fits a window: a client that is gone before its grant comes says
/// so with an end of stream, and the simulator's server does not see the reset behind that.
const QUEUED: fn(Config) -> Config = |config| Config {
    section_ms: 10,
    segment_bytes: 256,
    value_bytes: 4 * 1024,
    latency_min_ms: 5,
    latency_max_ms: 15,
    tick_ms: 10,
    ..config
};

/// Longer than accepting and answering takes.
const SLOW: fn(Config) -> Config = |config| Config { section_ms: 200, ..QUEUED(config) };

const LASTS_MS: u64 = 2_500;

/// A habit of some victims at once.
fn habits(at: u64, kinds: &[Kind]) -> Vec<Fault> {
    let habit = |(victim, kind): (usize, &Kind)| Fault {
        for_ms: Some(LASTS_MS),
        ..Fault::new(at, victim, *kind)
    };
    kinds.iter().enumerate().map(habit).collect()
}

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "queued-writer-dies",
        about: "clients die while they wait to write; readers behind them enter",
        faults: |at| habits(at, &[Kind::WritersComeAndGo, Kind::StreamsReads]),
        shape: QUEUED,
        catches: &[KnownBad::K07, KnownBad::K08],
        ..PLAIN
    },
    Row {
        name: "queued-reader-dies",
        about: "clients die while they wait to read behind a writer",
        faults: |at| habits(at, &[Kind::ReadersComeAndGo, Kind::StreamsWrites]),
        shape: QUEUED,
        catches: &[KnownBad::K08],
        ..PLAIN
    },
    Row {
        name: "dies-at-the-grant",
        about: "clients die around the moment when their turn comes; it passes on",
        faults: |at| habits(at, &[Kind::WritersComeAndGo, Kind::WritersComeAndGo]),
        shape: QUEUED,
        catches: &[KnownBad::K08],
        ..PLAIN
    },
    Row {
        name: "waiter-storm",
        about: "readers and writers crowd the queue and leave it at random; nobody is forgotten",
        faults: |at| {
            use Kind::{ReadersComeAndGo, StreamsWrites, WritersComeAndGo};
            habits(at, &[WritersComeAndGo, ReadersComeAndGo, ReadersComeAndGo, StreamsWrites])
        },
        shape: QUEUED,
        catches: &[KnownBad::K07, KnownBad::K08],
        ..PLAIN
    },
    Row {
        name: "reader-batch",
        about: "many readers wait for one writer; all of them enter when it leaves",
        faults: |at| {
            use Kind::{StreamsReads, StreamsWrites};
            habits(at, &[StreamsReads, StreamsReads, StreamsReads, StreamsReads, StreamsWrites])
        },
        shape: |config| Config { section_ms: 30, healthy: 5, ..QUEUED(config) },
        catches: &[KnownBad::K09],
        ..PLAIN
    },
    Row {
        name: "holder-panics",
        about: "clients ask for what cannot be: the handler fails inside the lock, others are served",
        faults: |at| habits(at, &[Kind::AsksTheImpossible]),
        catches: &[KnownBad::K15],
        ..PLAIN
    },
    Row {
        name: "holder-errors",
        about: "a client that holds what it can is killed among others that come and go; it is freed once",
        faults: |at| {
            let mut faults = habits(at, &[Kind::WritersComeAndGo, Kind::Counts, Kind::Counts]);
            faults.push(Fault::new(at, 3, Kind::HoldsTheLock));
            faults.push(Fault::new(at + 100, 3, Kind::Kill));
            faults
        },
        shape: QUEUED,
        also: &[(Protocol::Memcached, KnownBad::K14)],
        ..PLAIN
    },
    Row {
        name: "reader-stream",
        about: "readers come without a pause; a writer enters after those that are in",
        faults: |at| habits(at, &[Kind::StreamsReads, Kind::StreamsReads, Kind::StreamsReads]),
        shape: QUEUED,
        catches: &[KnownBad::K10, KnownBad::K11],
        ..PLAIN
    },
    Row {
        name: "writer-stream",
        about: "writers come without a pause; a reader waits for one of them",
        faults: |at| habits(at, &[Kind::StreamsWrites, Kind::StreamsWrites, Kind::StreamsWrites]),
        shape: QUEUED,
        catches: &[KnownBad::K12],
        ..PLAIN
    },
    Row {
        name: "convoy-order",
        about: "writers come without a pause; each is served in its turn",
        faults: |at| habits(at, &[Kind::StreamsWrites, Kind::StreamsWrites, Kind::StreamsReads]),
        shape: QUEUED,
        catches: &[KnownBad::K10, KnownBad::K13],
        ..PLAIN
    },
    Row {
        name: "accept-under-lock",
        about: "the lock is held for long; who connects is accepted and answered all the same",
        faults: |at| habits(at, &[Kind::StreamsWrites, Kind::StreamsWrites, Kind::StreamsWrites]),
        shape: SLOW,
        catches: &[KnownBad::K21],
        ..PLAIN
    },
    Row {
        name: "client-gives-up",
        about: "a client has less patience than the queue is long; what it left behind is done once or not at all",
        faults: |at| {
            let gives_up = Fault { for_ms: Some(LASTS_MS), ..Fault::new(at, 0, Kind::GivesUp) };
            vec![
                gives_up,
                Fault { for_ms: Some(LATER_MS), ..Fault::new(at, 1, Kind::StreamsWrites) },
            ]
        },
        shape: QUEUED,
        catches: &[KnownBad::K08],
        ..PLAIN
    },
];
