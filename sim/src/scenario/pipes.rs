//! What goes through a connection: too much, too slowly, in pieces, out of order, or cut off in the middle.

use super::{LATER_MS, PLAIN, Row};
use crate::config::{Config, Protocol};
use crate::known_bad::KnownBad;
use crate::plan::{Fault, Kind};

/// Small enough that a second is many round trips.
const QUICK: fn(Config) -> Config =
    |config| Config { latency_min_ms: 1, latency_max_ms: 2, healthy: 2, ..config };

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "set-reply-unread",
        about: "a client writes without end and reads no reply; the server stops taking",
        faults: |at| vec![Fault::new(at, 0, Kind::FloodsWrites)],
        catches: &[KnownBad::K06],
        ..PLAIN
    },
    Row {
        name: "pipeline-flood",
        about: "a client asks ten thousand times and reads no reply; what waits for it is bounded",
        faults: |at| vec![Fault::new(at, 0, Kind::Floods)],
        catches: &[KnownBad::K06, KnownBad::K19, KnownBad::K30],
        ..PLAIN
    },
    Row {
        name: "tiny-window",
        about: "segments have one byte; replies arrive whole",
        shape: |config| Config { segment_bytes: 1, value_bytes: 64, ..QUICK(config) },
        catches: &[KnownBad::K28],
        ..PLAIN
    },
    Row {
        name: "big-value-tiny-window",
        about: "a value is sixty windows long; it arrives whole, and others are served meanwhile",
        shape: |config| Config { segment_bytes: 170, value_bytes: 256 * 1024, ..QUICK(config) },
        catches: &[KnownBad::K28],
        also: &[(Protocol::Memcached, KnownBad::K02)],
        ..PLAIN
    },
    Row {
        name: "torn-header",
        about: "a client ends in the middle of a header; nothing is executed",
        faults: |at| vec![Fault::new(at, 0, Kind::TearsHeader)],
        also: &[(Protocol::Memcached, KnownBad::K17)],
        ..PLAIN
    },
    Row {
        name: "dead-but-pipelined",
        about: "a client asks for more than it takes, and for a change behind that, and is killed",
        faults: |at| {
            vec![Fault::new(at, 0, Kind::Pipelines), Fault::new(at + LATER_MS, 0, Kind::Kill)]
        },
        catches: &[KnownBad::K18, KnownBad::K01],
        ..PLAIN
    },
    Row {
        name: "slow-sender",
        about: "a client sends a request byte by byte; others are served, and it is given up",
        faults: |at| vec![Fault::new(at, 0, Kind::SendsSlowly)],
        catches: &[KnownBad::K20, KnownBad::K22],
        ..PLAIN
    },
    Row {
        name: "silent-connects",
        about: "a client connects a hundred times and says nothing; others connect too",
        faults: |at| vec![Fault::new(at, 0, Kind::ConnectsInSilence)],
        catches: &[KnownBad::K20, KnownBad::K22],
        ..PLAIN
    },
    Row {
        name: "reader-reboots",
        about: "the machine of a client dies while the server's send to it waits, and comes back",
        faults: |at| {
            let dies = Fault::new(at + LATER_MS, 0, Kind::MachineReboots);
            vec![Fault::new(at, 0, Kind::StopsReading), Fault { for_ms: Some(1_500), ..dies }]
        },
        // Not K05: a machine that is back resets what it does not know.
        catches: &[KnownBad::K01, KnownBad::K02, KnownBad::K03],
        ..PLAIN
    },
    Row {
        name: "silent-client-reboots",
        about: "a client that says nothing dies with its machine and comes back; the old connection is given up",
        faults: |at| {
            let dies = Fault::new(at + LATER_MS, 0, Kind::MachineReboots);
            vec![Fault::new(at, 0, Kind::FallsSilent), Fault { for_ms: Some(1_500), ..dies }]
        },
        catches: &[KnownBad::K22],
        ..PLAIN
    },
    Row {
        name: "reorder",
        about: "messages take between 1 and 300 ms, and overtake those of other connections",
        shape: |config| Config {
            latency_min_ms: 1,
            latency_max_ms: 300,
            segment_bytes: 1460,
            value_bytes: 16 * 1024,
            ..config
        },
        catches: &[KnownBad::K16, KnownBad::K19],
        // A store that asks for its CAS cannot be acknowledged before it is done, and most of meta's do.
        except: &[(Protocol::Meta, KnownBad::K16)],
        ..PLAIN
    },
    Row {
        name: "swizzle",
        shape: |config| Config { segment_bytes: 256, ..config },
        about: "three links stall one after the other, and come back in another order",
        faults: |at| {
            let stalls = |after, victim, lasts| Fault {
                for_ms: Some(lasts),
                ..Fault::new(at + after, victim, Kind::HoldRelease)
            };
            vec![stalls(0, 0, 2_000), stalls(300, 1, 1_000), stalls(600, 2, 1_800)]
        },
        catches: &[KnownBad::K01, KnownBad::K02, KnownBad::K03, KnownBad::K04],
        ..PLAIN
    },
    Row {
        name: "twice",
        shape: |config| Config { segment_bytes: 256, ..config },
        about: "four clients break in four ways; run again, every byte comes at the same time",
        faults: |at| {
            vec![
                Fault::new(at, 0, Kind::StopsReading),
                Fault::new(at + 300, 1, Kind::Drips),
                Fault::new(at + 600, 2, Kind::Kill),
                Fault::new(at + 900, 3, Kind::TearsOff),
            ]
        },
        catches: &[KnownBad::K25, KnownBad::K26],
        twice: true,
        ..PLAIN
    },
];
