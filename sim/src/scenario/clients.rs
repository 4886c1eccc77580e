//! A client dies, stops, or is cut off, and the server has a reply for it.

use super::{LATER_MS, PLAIN, Row};
use crate::config::Protocol;
use crate::known_bad::KnownBad;
use crate::plan::{Fault, Kind};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "calm",
        about: "nothing goes wrong: whole replies in order, and everybody is served in time",
        faults: |_| Vec::new(),
        catches: &[KnownBad::K19, KnownBad::K28],
        ..PLAIN
    },
    Row {
        name: "client-dies-in-blocking-send",
        about: "the machine of a client dies while the server's send to it waits",
        faults: |at| {
            vec![
                Fault::new(at, 0, Kind::StopsReading),
                Fault::new(at + LATER_MS, 0, Kind::MachineDies),
            ]
        },
        catches: &[KnownBad::K01, KnownBad::K02, KnownBad::K03, KnownBad::K05],
        ..PLAIN
    },
    Row {
        name: "client-killed-in-blocking-send",
        about: "the process of a client dies while the server's send to it waits; its kernel says so",
        faults: |at| {
            vec![Fault::new(at, 0, Kind::StopsReading), Fault::new(at + LATER_MS, 0, Kind::Kill)]
        },
        catches: &[KnownBad::K01, KnownBad::K02],
        ..PLAIN
    },
    Row {
        name: "client-stops-reading",
        about: "a client lives, and never reads again",
        faults: |at| vec![Fault::new(at, 0, Kind::StopsReading)],
        catches: &[KnownBad::K01, KnownBad::K02, KnownBad::K03, KnownBad::K05],
        ..PLAIN
    },
    Row {
        name: "client-drips",
        about: "a client reads a little now and then, and so renews every deadline that is per write",
        faults: |at| vec![Fault::new(at, 0, Kind::Drips)],
        catches: &[KnownBad::K04],
        ..PLAIN
    },
    Row {
        name: "client-half-closes",
        about: "a client closes its sending side, stays, and reads nothing",
        faults: |at| vec![Fault::new(at, 0, Kind::HalfClose)],
        catches: &[KnownBad::K01],
        // NetMem's K02 sees the end while it waits for the lock.
        also: &[(Protocol::Memcached, KnownBad::K02)],
        ..PLAIN
    },
    Row {
        name: "client-is-cut-off",
        about: "the link of a client is cut and never heals",
        faults: |at| vec![Fault::new(at, 0, Kind::CutForEver)],
        catches: &[KnownBad::K01, KnownBad::K02, KnownBad::K05],
        ..PLAIN
    },
    Row {
        name: "client-is-cut-one-way",
        about: "nothing from a client arrives any more, acknowledgements included",
        faults: |at| vec![Fault::new(at, 0, Kind::CutOneWay)],
        catches: &[KnownBad::K03],
        ..PLAIN
    },
    Row {
        name: "link-stalls",
        about: "the link of a client stalls for two seconds; its replies arrive whole",
        faults: |at| vec![Fault { for_ms: Some(2_000), ..Fault::new(at, 0, Kind::HoldRelease) }],
        catches: &[KnownBad::K28],
        ..PLAIN
    },
    Row {
        name: "client-falls-silent",
        about: "a client connects and says nothing; others connect too, and it is given up",
        faults: |at| vec![Fault::new(at, 0, Kind::FallsSilent)],
        catches: &[KnownBad::K20, KnownBad::K22],
        ..PLAIN
    },
    Row {
        name: "client-ends-in-a-request",
        about: "a client ends in the middle of a request that would change something",
        faults: |at| vec![Fault::new(at, 0, Kind::TearsOff)],
        catches: &[KnownBad::K17],
        ..PLAIN
    },
    Row {
        name: "many-clients-die",
        about: "four clients break in four ways within a second",
        faults: |at| {
            vec![
                Fault::new(at, 0, Kind::StopsReading),
                Fault::new(at + 300, 1, Kind::Drips),
                Fault::new(at + 600, 2, Kind::CutForEver),
                Fault::new(at + 900, 3, Kind::HalfClose),
            ]
        },
        catches: &[KnownBad::K01, KnownBad::K04],
        ..PLAIN
    },
];
