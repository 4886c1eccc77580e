//! What happens to the server itself: it restarts, it loses its power, it is asked to stop.

use super::{PLAIN, Row};
use crate::config::{Config, Protocol};
use crate::known_bad::KnownBad;
use crate::plan::{Fault, Kind};

/// From a client's lock to the end of the server's process.
const HELD_MS: u64 = 150;

fn down(at: u64, kind: Kind, for_ms: u64) -> Fault {
    Fault { for_ms: Some(for_ms), ..Fault::new(at, 0, kind) }
}

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "restart-under-load",
        about: "the server's process dies while a page is locked, and is started again with nothing",
        faults: |at| {
            vec![
                Fault::new(at, 0, Kind::HoldsTheLock),
                down(at + HELD_MS, Kind::ServerRestarts, 500),
            ]
        },
        catches: &[KnownBad::K16],
        also: &[(Protocol::NetMem, KnownBad::K29)],
        ..PLAIN
    },
    Row {
        name: "power-cut",
        about: "the server's machine goes without a word, and comes back; clients recover",
        faults: |at| {
            vec![
                Fault::new(at, 0, Kind::HoldsTheLock),
                down(at + HELD_MS, Kind::ServerLosesPower, 1_000),
            ]
        },
        also: &[(Protocol::NetMem, KnownBad::K29)],
        ..PLAIN
    },
    Row {
        name: "connect-storm",
        about: "two hundred connections come right after a restart; all are served",
        faults: |at| {
            vec![down(at, Kind::ServerRestarts, 200), Fault::new(at + 400, 0, Kind::Storms)]
        },
        shape: |config| Config { section_ms: 40, ..config },
        // Not K20: a kernel accepts connections that nobody has asked for yet.
        catches: &[KnownBad::K21],
        ..PLAIN
    },
    Row {
        name: "stuck-shutdown",
        about: "the server is asked to stop while a client takes nothing; it does not wait for that",
        faults: |at| {
            vec![Fault::new(at, 0, Kind::StopsReading), Fault::new(at + 300, 0, Kind::ServerStops)]
        },
        catches: &[KnownBad::K27],
        ..PLAIN
    },
];
