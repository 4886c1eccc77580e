//! The scenes of a lock server in which sessions end, or should.
//!
//! A session is closed here after three seconds of silence, and after five in which its replies are not taken: what stands
//! in for keepalive, and the write deadline.

use lockproof_protocol::locker::Outcome::{Busy, NotHeld, Ok, SelfHeld};
use lockproof_protocol::locker::Verb::{Get, Query, Release};

use super::Scene;
use super::locker::SCENE;
use super::step::Step::{
    ActTooLate, Ask, At, Bytes, Close, Connect, Finish, Granted, Rest, Send, Stay, Unread,
};
use crate::config::WINDOW_SEGMENTS;
use crate::known_bad::KnownBad::Locker as Bad;
use crate::known_bad::locker::Flaw::{L02, L03, L04, L05, L06, L11, L12, L14, L15, L20, L21};
use crate::plan::{Fault, Kind};

/// When the fault of a scene begins, after the scene.
const FAULT: u64 = 1_000;

pub(super) const SCENES: &[Scene] = &[
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
