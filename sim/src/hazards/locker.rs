//! The scenes of a lock server in which everybody lives: what is asked at once, in parts, or wrongly.

use lockproof_protocol::locker::Outcome::{Busy, Malformed, NotHeld, Ok, SelfHeld, TooLarge};
use lockproof_protocol::locker::Verb::{Get, Query, Release};

use super::Scene;
use super::step::Step::{
    self, Ask, At, Bytes, Connect, Contend, Cross, Ended, Granted, Pipeline, Repeat, Reply, Stay,
};
use crate::config::Protocol;
use crate::known_bad::KnownBad::Locker as Bad;
use crate::known_bad::locker::Flaw::{
    L01, L06, L07, L08, L09, L10, L16, L17, L18, L19, L20, L21, L22, L23,
};

/// What a row has if it says nothing else.
pub(super) const SCENE: Scene = Scene {
    name: "",
    about: "",
    protocol: Protocol::Locker,
    faults: |_| Vec::new(),
    actors: &[],
    catches: &[],
};

/// A malformed request (number 2, one key) and a good GET of `k` behind it.
const BAD_AND_GOOD: &[u8] =
    b"\x7f\0\0\0\x02\0\0\0\x01\0\0\0\0\0\0\0k\x7f\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0k";

/// A GET whose body would have all the bytes that there can be.
const BOMB: &[u8] = b"\x7f\0\0\0\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xffk";

const CONTENDER: &[Step] = &[Connect, Contend(8, &["k"])];
const GET_AND_RELEASE: &[Step] = &[Ask(Get, &["k"], Ok), Ask(Release, &["k"], Ok)];
const FLOODER: &[Step] = &[Connect, Repeat(8, &[Pipeline(100)])];

pub(super) const SCENES: &[Scene] = &[
    Scene {
        name: "double-grant",
        about: "four clients want one key again and again: never do two have it",
        actors: &[CONTENDER; 4],
        catches: &[Bad(L01), Bad(L21)],
        ..SCENE
    },
    Scene {
        name: "release-that-lies",
        about: "a release that was answered OK has freed its key",
        actors: &[
            &[Connect, Ask(Get, &["k"], Ok), Ask(Release, &["k"], Ok)],
            &[At(500), Connect, Granted("k", 0, 700)],
        ],
        catches: &[Bad(L07)],
        ..SCENE
    },
    Scene {
        name: "partial-batch-kept",
        about: "a batch that is refused takes nothing, wherever the key in the way stands",
        actors: &[
            &[Connect, Ask(Get, &["m"], Ok), Stay(3_000, "m", SelfHeld)],
            &[
                At(500),
                Connect,
                Ask(Get, &["a", "m", "z"], Busy),
                Ask(Get, &["m", "z"], Busy),
                Ask(Get, &["a", "m"], Busy),
                Ask(Release, &["a"], NotHeld),
            ],
            &[At(1_000), Connect, Ask(Get, &["a", "z"], Ok)],
        ],
        catches: &[Bad(L08)],
        ..SCENE
    },
    Scene {
        name: "refused-release-frees-a-part",
        about: "a batch release with a key of another releases nothing",
        actors: &[
            &[
                Connect,
                Ask(Get, &["a"], Ok),
                At(500),
                Ask(Release, &["a", "z"], NotHeld),
                Ask(Query, &["a"], SelfHeld),
            ],
            &[Connect, Ask(Get, &["z"], Ok), At(1_000), Ask(Get, &["a"], Busy)],
        ],
        catches: &[Bad(L06), Bad(L23)],
        ..SCENE
    },
    Scene {
        name: "crossing-batches",
        about: "batches of the same keys in opposite orders are all answered",
        actors: &[
            &[Connect, Contend(10, &["a", "b"])],
            &[Connect, Contend(10, &["b", "a"])],
            &[Connect, Contend(10, &["b", "c", "a"])],
        ],
        catches: &[Bad(L09)],
        ..SCENE
    },
    Scene {
        name: "torn-batch-seen",
        about: "nobody sees a part of a batch that is refused",
        actors: &[
            &[Connect, Ask(Get, &["b"], Ok), Stay(4_500, "b", SelfHeld)],
            &[Connect, At(500), Repeat(60, &[Ask(Get, &["a", "b"], Busy)])],
            &[Connect, At(500), Repeat(60, &[Ask(Query, &["a"], Ok)])],
        ],
        catches: &[Bad(L08), Bad(L10)],
        ..SCENE
    },
    Scene {
        name: "crossing-singles",
        about: "two clients that take two keys one by one in opposite orders, and give back when the second is busy, \
                both get on",
        actors: &[&[Connect, Cross(6, ["a", "b"])], &[Connect, Cross(6, ["b", "a"])]],
        catches: &[Bad(L01), Bad(L07)],
        ..SCENE
    },
    Scene {
        name: "flood-of-queries",
        about: "clients that query without end do not keep anybody from getting and releasing",
        actors: &[FLOODER, FLOODER, FLOODER, FLOODER, &[Connect, Repeat(25, GET_AND_RELEASE)]],
        catches: &[Bad(L22)],
        ..SCENE
    },
    Scene {
        name: "lost-framing",
        about: "behind a malformed request, in the same segment, the next one is read right",
        actors: &[&[
            Connect,
            Bytes(BAD_AND_GOOD),
            Reply(0x7f, Malformed),
            Reply(0x7f, Ok),
            Ask(Query, &["k"], SelfHeld),
        ]],
        catches: &[Bad(L17)],
        ..SCENE
    },
    Scene {
        name: "length-bomb",
        about: "a length that no body can have is refused at once, and the connection closed",
        actors: &[&[Connect, Bytes(BOMB), Reply(0x7f, TooLarge), Ended]],
        catches: &[Bad(L18)],
        ..SCENE
    },
    Scene {
        name: "separator-in-pieces",
        about: "a key may hold any character of the separator, and is one key",
        actors: &[
            &[Connect, Ask(Get, &["user@example", "$#^"], Ok)],
            &[
                At(500),
                Connect,
                Ask(Get, &["user"], Ok),
                Ask(Get, &["example"], Ok),
                Ask(Get, &["user@example"], Busy),
            ],
        ],
        catches: &[Bad(L19)],
        ..SCENE
    },
    Scene {
        name: "holding-nothing-is-not-death",
        about: "a session that holds nothing any more is as good as any",
        actors: &[&[
            Connect,
            Ask(Get, &["k"], Ok),
            Ask(Release, &["k"], Ok),
            At(500),
            Ask(Get, &["k"], Ok),
            Ask(Query, &["k"], SelfHeld),
        ]],
        catches: &[Bad(L07), Bad(L16)],
        ..SCENE
    },
    Scene {
        name: "two-users-of-one-connection",
        about: "of two users of one connection only one is told that the key is its own",
        actors: &[&[
            Connect,
            Ask(Get, &["k"], Ok),
            Ask(Get, &["k"], SelfHeld),
            Ask(Release, &["k"], Ok),
            Ask(Release, &["k"], NotHeld),
        ]],
        catches: &[Bad(L20)],
        ..SCENE
    },
];
