//! The scenes of meta: who wins, what is stale, and what is quiet.

use super::Scene;
use super::locker::SCENE;
use super::step::Step::{At, Becomes, Close, Connect, Learn, Line};
use crate::config::Protocol;
use crate::known_bad::KnownBad::Lines as Bad;
use crate::known_bad::lines::Flaw::{M01, M02, M03, M04, M05, M06, M07, M08};
use crate::plan::{Fault, Kind};

const META: Scene = Scene { protocol: Protocol::Meta, ..SCENE };

pub(super) const SCENES: &[Scene] = &[
    Scene {
        name: "one-winner",
        about: "of clients that see a stale item the first is told to fill it anew, and no other",
        actors: &[
            &[
                Connect,
                Line("ms k 1|1|", "HD|"),
                Line("md k I|", "HD|"),
                At(500),
                Line("mg k v|", "VA 1 X W|1|"),
                At(2_000),
                Line("ms k 1|2|", "HD|"),
            ],
            &[
                Connect,
                At(1_000),
                Line("mg k v|", "VA 1 Z X|1|"),
                At(2_500),
                Line("mg k v|", "VA 1|2|"),
            ],
            &[
                Connect,
                At(1_500),
                Line("mg k v|", "VA 1 Z X|1|"),
                At(2_500),
                Line("mg k v|", "VA 1|2|"),
            ],
        ],
        catches: &[Bad(M01), Bad(M02), Bad(M04)],
        ..META
    },
    Scene {
        name: "winner-vanishes",
        about: "the client that won is killed; the next one to mark the item lets another win",
        faults: |at| vec![Fault::new(at + 1_000, 0, Kind::Kill)],
        actors: &[
            &[
                Connect,
                Line("ms k 1|1|", "HD|"),
                Line("md k I|", "HD|"),
                Line("mg k v|", "VA 1 X W|1|"),
            ],
            &[
                Connect,
                At(2_000),
                Line("mg k v|", "VA 1 Z X|1|"),
                Line("md k I|", "HD|"),
                Line("mg k v|", "VA 1 X W|1|"),
                Line("ms k 1|2|", "HD|"),
                Line("mg k v|", "VA 1|2|"),
            ],
        ],
        catches: &[Bad(M02), Bad(M05)],
        ..META
    },
    Scene {
        name: "winner-lets-it-end",
        about: "the client that won an empty item goes without a word; once the item has ended another one wins",
        actors: &[
            &[Connect, Line("mg stub v N4|", "VA 0 W||"), Close],
            &[
                Connect,
                At(500),
                Line("mg stub v N4|", "VA 0 Z||"),
                Becomes("mg stub v N4|", "VA 0 W||", 2_500, 6_000),
                Line("ms stub 1|1|", "HD|"),
                Line("mg stub v N4|", "VA 1|1|"),
            ],
        ],
        catches: &[Bad(M07), Bad(M08)],
        ..META
    },
    Scene {
        name: "fence-comes-last",
        about: "what a quiet batch failed with comes before the fence, and its successes never",
        actors: &[&[
            Connect,
            Line("ms a 1 q|1|ms b 1 ME q|1|md nobodys q O1|mg nobodys q v|mn|", "NF O1|MN|"),
            Line("mg a v q k|mn|", "VA 1 ka|1|MN|"),
        ]],
        catches: &[Bad(M03)],
        ..META
    },
    Scene {
        name: "late-filler",
        about: "who fills with a CAS from before the mark is refused, or stores what stays stale",
        actors: &[&[
            Connect,
            Line("ms k 1|1|", "HD|"),
            Learn("mg k c|"),
            Line("md k I|", "HD|"),
            Line("ms k 1 C$c|2|", "EX|"),
            Line("ms k 1 C$c I|3|", "HD|"),
            Line("mg k v|", "VA 1 X W|3|"),
            Line("mg k v|", "VA 1 Z X|3|"),
        ]],
        catches: &[Bad(M04), Bad(M06)],
        ..META
    },
];
