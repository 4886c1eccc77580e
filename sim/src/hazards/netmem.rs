//! The scenes of NetMem's page locks. Here a lock is waited for, and not asked for again.
//!
//! A session is closed after three seconds of silence, unless it waits for a lock.

use super::Scene;
use super::step::Step::{
    self, ActTooLate, Alive, At, Bytes, Close, Connect, Count, Lock, Rest, SendLock, Unlock,
};
use crate::config::Protocol;
use crate::known_bad::KnownBad::Pages as Bad;
use crate::known_bad::pages::Flaw::{P01, P02, P03, P04, P05, P06, P07, P08, P09, P10, P11};
use crate::plan::{Fault, Kind};

/// What a row has if it says nothing else.
const SCENE: Scene = Scene {
    name: "",
    about: "",
    protocol: Protocol::NetMem,
    faults: |_| Vec::new(),
    actors: &[],
    catches: &[],
};

/// When the fault of a scene begins, after the scene.
const FAULT: u64 = 1_000;

/// A page is long, and so is the time until it is there.
const SOON: u64 = 700;

const COUNTER: &[Step] = &[Connect, Count(6)];

pub(super) const SCENES: &[Scene] = &[
    Scene {
        name: "double-grant",
        about: "four clients lock one page again and again: never do two have it",
        actors: &[COUNTER; 4],
        catches: &[Bad(P07), Bad(P08)],
        ..SCENE
    },
    Scene {
        name: "lock-kept-after-process-death",
        about: "the process of a holder dies: the page goes to the one who waits as soon as its kernel says so",
        faults: |begin| vec![Fault::new(begin + FAULT, 0, Kind::Kill)],
        actors: &[&[Connect, Lock(0, SOON)], &[At(800), Connect, Lock(FAULT, FAULT + SOON)]],
        catches: &[Bad(P01)],
        ..SCENE
    },
    Scene {
        name: "lock-kept-after-reset",
        about: "a holder dies with a reply unread, so that its kernel resets the connection: the page goes to the one who \
                waits",
        faults: |begin| vec![Fault::new(begin + FAULT, 0, Kind::Kill)],
        actors: &[
            &[Connect, Lock(0, SOON), SendLock],
            &[At(800), Connect, Lock(FAULT, FAULT + SOON)],
        ],
        catches: &[Bad(P02)],
        ..SCENE
    },
    Scene {
        name: "lock-kept-after-power-loss",
        about: "the machine of a holder dies without a word: the page is held until the silence is too long, and then goes \
                to the one who waits",
        faults: |begin| vec![Fault::new(begin + FAULT, 0, Kind::MachineDies)],
        actors: &[
            &[Connect, Lock(0, SOON), Alive(9_000)],
            &[At(800), Connect, Lock(FAULT + 2_500, FAULT + 3_300 + SOON)],
        ],
        catches: &[Bad(P03)],
        ..SCENE
    },
    Scene {
        name: "waits-behind-own-ghost",
        about: "a client comes again while its old session is not known to be dead: it waits like anybody, and what it \
                gets then outlives the old session's end",
        actors: &[
            &[
                Connect,
                Lock(0, SOON),
                Connect,
                Lock(2_900, 3_800 + SOON),
                Alive(6_000),
                Unlock(true),
            ],
            &[At(5_000), Connect, Lock(6_000, 6_500 + SOON)],
        ],
        catches: &[Bad(P03), Bad(P10)],
        ..SCENE
    },
    Scene {
        name: "sweep-frees-what-changed-hands",
        about: "a client unlocked a page and dies: whoever has it now keeps it",
        faults: |begin| vec![Fault::new(begin + 1_500, 0, Kind::Kill)],
        actors: &[
            &[Connect, Lock(0, SOON), Unlock(true), Alive(9_000)],
            &[At(900), Connect, Lock(0, 900 + SOON), Alive(3_000), Unlock(true)],
            &[At(1_700), Connect, Lock(3_000, 3_500 + SOON)],
        ],
        catches: &[Bad(P04)],
        ..SCENE
    },
    Scene {
        name: "request-of-a-dead-session",
        about: "a client asks for a page and ends in one go: the page is free afterwards, whatever came first",
        actors: &[
            &[Connect, At(1_000), SendLock, Close],
            &[At(1_300), Connect, Lock(0, 1_300 + SOON)],
        ],
        catches: &[Bad(P01), Bad(P11)],
        ..SCENE
    },
    Scene {
        name: "grant-to-the-dead",
        about: "the first of two waiters dies: the page goes to the second",
        faults: |begin| vec![Fault::new(begin + 1_500, 0, Kind::Kill)],
        actors: &[
            &[At(800), Connect, SendLock],
            &[Connect, Lock(0, SOON), Alive(2_000), Unlock(true)],
            &[At(1_200), Connect, Lock(2_000, 2_000 + SOON)],
        ],
        catches: &[Bad(P05), Bad(P07)],
        ..SCENE
    },
    Scene {
        name: "grant-delivered-to-nobody",
        about: "the machine of a waiter dies, and it is granted the page: its silence frees the page for the next",
        faults: |begin| vec![Fault::new(begin + 1_500, 0, Kind::MachineDies)],
        actors: &[
            &[At(800), Connect, SendLock],
            &[Connect, Lock(0, SOON), Alive(2_000), Close],
            &[At(1_200), Connect, Lock(4_500, 5_300 + SOON)],
        ],
        catches: &[Bad(P03)],
        ..SCENE
    },
    Scene {
        name: "stale-unlock",
        about: "a client unlocks a page on a new connection that it had on the old one: it is not its own, and the new \
                owner keeps it",
        actors: &[
            &[Connect, Lock(0, SOON), At(1_000), Close, At(2_000), Connect, Unlock(false)],
            &[At(800), Connect, Lock(1_000, 1_000 + SOON), Alive(3_000), Unlock(true)],
        ],
        catches: &[Bad(P06)],
        ..SCENE
    },
    Scene {
        name: "unlock-that-lies",
        about: "an unlock that was answered has freed its page",
        actors: &[
            &[Connect, Lock(0, SOON), Unlock(true)],
            &[At(1_000), Connect, Lock(0, 1_000 + SOON)],
        ],
        catches: &[Bad(P07)],
        ..SCENE
    },
    Scene {
        name: "paused-holder-acts-late",
        about: "a holder that is cut off acts after its page went to another: the overlap that the documents warn of",
        faults: |begin| vec![Fault::new(begin + FAULT, 0, Kind::CutForEver)],
        actors: &[
            &[Connect, Lock(0, SOON), Alive(900), At(6_000), ActTooLate("page")],
            &[At(1_500), Connect, Lock(3_000, 5_000), Alive(7_000)],
        ],
        catches: &[Bad(P03)],
        ..SCENE
    },
    Scene {
        name: "half-a-frame",
        about: "a holder sends a frame a byte a second: it is closed at the frame deadline, and the page goes to the one who \
                waits",
        actors: &[
            &[
                Connect,
                Lock(0, SOON),
                Rest,
                At(1_000),
                Bytes(b"\0"),
                At(2_000),
                Bytes(b"\0"),
                At(3_000),
                Bytes(b"\0"),
                At(3_700),
                Bytes(b"\0"),
            ],
            &[At(1_500), Connect, Lock(3_800, 4_300 + SOON)],
        ],
        catches: &[Bad(P09)],
        ..SCENE
    },
];
