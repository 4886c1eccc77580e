//! The scenes of a lock server.
//!
//! A session is closed here after three seconds of silence, and after five in which its replies are not taken: what stands
//! in for keepalive, and the write deadline.

use lockproof_protocol::locker::Outcome::{Busy, Malformed, NotHeld, Ok, SelfHeld, TooLarge};
use lockproof_protocol::locker::Verb::{Get, Query, Release};

use super::Scene;
use super::step::Step::{
    self, ActTooLate, Ask, At, Bytes, Close, Connect, Contend, Cross, Ended, Finish, Granted,
    Pipeline, Repeat, Reply, Rest, Send, Stay, Unread,
};
use crate::config::{Protocol, WINDOW_SEGMENTS};
use crate::known_bad::KnownBad::Locker as Bad;
use crate::known_bad::locker::Flaw::{
    L01, L02, L03, L04, L05, L06, L07, L08, L09, L10, L11, L12, L14, L15, L16, L17, L18, L19, L20,
    L21, L22, L23,
};
use crate::plan::{Fault, Kind};

/// What a row has if it says nothing else.
const SCENE: Scene = Scene {
    name: "",
    about: "",
    protocol: Protocol::Locker,
    faults: |_| Vec::new(),
    actors: &[],
    catches: &[],
};

/// When the fault of a scene begins, after the scene.
const FAULT: u64 = 1_000;

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
        name: "lock-kept-after-process-death",
        about: "the process of a holder dies: its key is free as soon as its kernel says so",
        faults: |begin| vec![Fault::new(begin + FAULT, 0, Kind::Kill)],
        actors: &[
            &[Connect, Ask(Get, &["k"], Ok)],
            &[Connect, At(500), Granted("k", FAULT, FAULT + 200)],
        ],
        catches: &[Bad(L02)],
        ..SCENE
    },
    Scene {
        name: "lock-kept-after-reset",
        about: "a holder dies with a reply unread, so that its kernel resets the connection: its key is free at once",
        faults: |begin| vec![Fault::new(begin + FAULT, 0, Kind::Kill)],
        actors: &[
            &[Connect, Ask(Get, &["k"], Ok), Send(Query, &["k"])],
            &[Connect, At(500), Granted("k", FAULT, FAULT + 200)],
        ],
        catches: &[Bad(L03)],
        ..SCENE
    },
    Scene {
        name: "lock-kept-after-power-loss",
        about: "the machine of a holder dies without a word: its key is held until the silence is too long, and then free",
        faults: |begin| vec![Fault::new(begin + FAULT, 0, Kind::MachineDies)],
        actors: &[
            &[Connect, Ask(Get, &["k"], Ok), Stay(FAULT + 9_000, "k", SelfHeld)],
            &[Connect, At(500), Granted("k", FAULT + 2_500, FAULT + 3_300)],
        ],
        catches: &[Bad(L15)],
        ..SCENE
    },
    Scene {
        name: "waits-behind-own-ghost",
        about: "a client comes again while its old session is not known to be dead: it waits like anybody, and what it \
                gets then outlives the old session's end",
        actors: &[
            &[
                Connect,
                Ask(Get, &["k"], Ok),
                Connect,
                Ask(Get, &["k"], Busy),
                Ask(Release, &["k"], NotHeld),
                Granted("k", 2_800, 3_500),
                Stay(6_000, "k", SelfHeld),
            ],
            &[At(4_500), Connect, Ask(Get, &["k"], Busy)],
        ],
        catches: &[Bad(L14), Bad(L15)],
        ..SCENE
    },
    Scene {
        name: "sweep-frees-what-changed-hands",
        about: "a client gave its key back and dies: whoever has the key now keeps it",
        faults: |begin| vec![Fault::new(begin + FAULT, 0, Kind::Kill)],
        actors: &[
            &[
                Connect,
                Ask(Get, &["k"], Ok),
                Ask(Release, &["k"], Ok),
                At(700),
                Stay(9_000, "k", Busy),
            ],
            &[
                Connect,
                At(150),
                Granted("k", 0, 400),
                Stay(2_000, "k", SelfHeld),
                Ask(Release, &["k"], Ok),
            ],
            &[At(1_500), Connect, Ask(Get, &["k"], Busy)],
        ],
        catches: &[Bad(L04)],
        ..SCENE
    },
    Scene {
        name: "request-of-a-dead-session",
        about: "a client asks for a key and ends in one go: the key is free afterwards, whatever came first",
        actors: &[
            &[Connect, At(1_000), Send(Get, &["k"]), Finish],
            &[At(1_300), Connect, Granted("k", 1_000, 1_500)],
        ],
        catches: &[Bad(L02), Bad(L05)],
        ..SCENE
    },
    Scene {
        name: "grant-delivered-to-nobody",
        about: "a key is granted to a client whose window is full, and whose machine dies: it is free after the write \
                deadline",
        faults: |begin| vec![Fault::new(begin + 1_500, 0, Kind::MachineDies)],
        actors: &[
            &[Connect, Unread(WINDOW_SEGMENTS), At(1_200), Send(Get, &["k"])],
            &[At(1_600), Connect, Granted("k", 5_500, 6_600)],
        ],
        catches: &[Bad(L11)],
        ..SCENE
    },
    Scene {
        name: "reply-after-the-clients-patience",
        about: "a client gives up a GET that its link holds back, and leaves: what arrives later leaves no key behind",
        faults: |begin| {
            vec![Fault { for_ms: Some(1_500), ..Fault::new(begin + FAULT, 0, Kind::HoldRelease) }]
        },
        actors: &[
            &[
                Connect,
                Stay(950, "k", Ok),
                At(1_100),
                Send(Get, &["k"]),
                At(1_800),
                Close,
                At(3_000),
                Connect,
                Ask(Get, &["k"], Busy),
            ],
            &[At(2_700), Connect, Granted("k", 2_600, 2_950), Stay(4_000, "k", SelfHeld)],
            &[At(1_500), Connect, Ask(Query, &["k"], Ok)],
        ],
        catches: &[Bad(L02)],
        ..SCENE
    },
    Scene {
        name: "stale-release",
        about: "a client releases a key on a new connection that it had on the old one: it is not its own, and the new \
                owner keeps it",
        actors: &[
            &[
                Connect,
                Ask(Get, &["k"], Ok),
                At(500),
                Close,
                At(1_200),
                Connect,
                Ask(Release, &["k"], NotHeld),
            ],
            &[
                At(300),
                Connect,
                Granted("k", 500, 800),
                Stay(2_000, "k", SelfHeld),
                Ask(Release, &["k"], Ok),
            ],
        ],
        catches: &[Bad(L06)],
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
        name: "paused-holder-acts-late",
        about: "a holder that is cut off acts after its key went to another: the overlap that the documents warn of",
        faults: |begin| vec![Fault::new(begin + FAULT, 0, Kind::CutForEver)],
        actors: &[
            &[
                Connect,
                Ask(Get, &["k"], Ok),
                Stay(900, "k", SelfHeld),
                At(1_500),
                Send(Query, &["k"]),
                At(3_000),
                Send(Query, &["k"]),
                At(6_000),
                ActTooLate("k"),
            ],
            &[At(500), Connect, Granted("k", 3_000, 4_500), Stay(7_000, "k", SelfHeld)],
        ],
        catches: &[Bad(L15)],
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
        name: "half-a-frame",
        about: "a holder sends a frame a byte a second: it is closed at the frame deadline, and a holder that only waits is \
                not",
        actors: &[
            &[
                Connect,
                Ask(Get, &["k"], Ok),
                Rest,
                At(500),
                Bytes(b"\x7f"),
                At(1_500),
                Bytes(b"\0"),
                At(2_500),
                Bytes(b"\0"),
                At(3_200),
                Bytes(b"\0"),
            ],
            &[At(1_000), Connect, Granted("k", 3_300, 3_900)],
            &[
                Connect,
                Ask(Get, &["j"], Ok),
                At(2_500),
                Ask(Get, &["j"], SelfHeld),
                At(5_000),
                Ask(Release, &["j"], Ok),
            ],
        ],
        catches: &[Bad(L12)],
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
    Scene {
        name: "grant-to-the-dead",
        about: "who was refused and died is never granted: the key goes to whoever asks when it is free",
        faults: |begin| vec![Fault::new(begin + FAULT, 0, Kind::Kill)],
        actors: &[
            &[At(300), Connect, Ask(Get, &["k"], Busy)],
            &[Connect, Ask(Get, &["k"], Ok), At(1_500), Ask(Release, &["k"], Ok)],
            &[At(1_400), Connect, Granted("k", 1_500, 1_800)],
        ],
        catches: &[Bad(L21)],
        ..SCENE
    },
    Scene {
        name: "returned-to-the-pool",
        about: "a pooled connection comes back with a lock on it: the next user is told so, and closing it frees the key",
        actors: &[
            &[Connect, Ask(Get, &["k"], Ok), At(500), Ask(Get, &["k"], SelfHeld), At(1_000), Close],
            &[At(300), Connect, Granted("k", 1_000, 1_200)],
        ],
        catches: &[Bad(L02), Bad(L20)],
        ..SCENE
    },
];
