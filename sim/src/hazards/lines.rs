//! The scenes of a memcached that speaks text: lines, blocks, and what nobody answers.

use super::Scene;
use super::locker::SCENE;
use super::step::Step::{At, Bytes, Connect, Learn, Line, Repeat};
use crate::config::Protocol;
use crate::known_bad::KnownBad::{K17, Lines as Bad};
use crate::known_bad::lines::Flaw::{T01, T02, T03, T04, T05};
use crate::plan::{Fault, Kind};

const TEXT: Scene = Scene { protocol: Protocol::Text, ..SCENE };

pub(super) const SCENES: &[Scene] = &[
    Scene {
        name: "block-of-the-dead",
        about: "a client dies in the middle of a data block: nothing of it is stored",
        faults: |at| vec![Fault::new(at + 1_000, 0, Kind::Kill)],
        actors: &[
            &[Connect, Bytes(b"set dead 0 0 20\r\nhalf of it")],
            &[Connect, At(2_500), Line("get dead|", "END|")],
        ],
        catches: &[K17],
        ..TEXT
    },
    Scene {
        name: "noreply-is-silent",
        about: "what is sent with noreply is done before what follows, and never answered",
        actors: &[&[
            Connect,
            Line("set a 0 0 1 noreply|1|get a|", "VALUE a 0 1|1|END|"),
            Line("add a 0 0 1 noreply|2|incr a 4 noreply|get a|", "VALUE a 0 1|5|END|"),
            Line("delete a noreply|delete a noreply|get a|", "END|"),
            Line("cas a 0 0 1 7 noreply|x|touch a 0 noreply|get a|", "END|"),
        ]],
        catches: &[Bad(T01), Bad(T04)],
        ..TEXT
    },
    Scene {
        name: "lines-in-a-block",
        about: "a data block that looks like commands is data, however it is cut",
        actors: &[&[
            Connect,
            Bytes(b"set b 0 0 22\r\nflush_all\r\n"),
            At(300),
            Line("set c 0 0 1|", "STORED|"),
            Line("get b c|", "VALUE b 0 22|flush_all|set c 0 0 1|END|"),
        ]],
        catches: &[],
        ..TEXT
    },
    Scene {
        name: "multi-get-with-gaps",
        about: "a multi-get tells what is there, wherever something is missing",
        actors: &[&[
            Connect,
            Line("set x 0 0 1|1|", "STORED|"),
            Line("get nobodys x nothing x|", "VALUE x 0 1|1|VALUE x 0 1|1|END|"),
        ]],
        catches: &[Bad(T02)],
        ..TEXT
    },
    Scene {
        name: "used-token",
        about: "a CAS is good for one store: behind a delete and another store it fits no more",
        actors: &[&[
            Connect,
            Line("set t 0 0 1|1|", "STORED|"),
            Learn("mg t c|"),
            Line("cas t 0 0 1 $c|2|", "STORED|"),
            Line("cas t 0 0 1 $c|3|", "EXISTS|"),
            Line("delete t|set t 0 0 1|4|", "DELETED|STORED|"),
            Line("cas t 0 0 1 $c|5|", "EXISTS|"),
        ]],
        catches: &[Bad(T03)],
        ..TEXT
    },
    Scene {
        name: "multi-get-unread",
        about: "a client asks for large values in multi-gets and reads nothing; others write and are served",
        actors: &[
            // Far more than a window takes.
            &[Connect, Repeat(12, &[Bytes(b"get big big big\r\n")])],
            &[
                Connect,
                At(1_000),
                Repeat(
                    20,
                    &[Line("set w 0 0 1|1|", "STORED|"), Line("get w|", "VALUE w 0 1|1|END|")],
                ),
            ],
        ],
        catches: &[Bad(T05)],
        ..TEXT
    },
];
