//! Locker's table, held against a map of owners: random requests of sessions that come and go.

mod model;

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use lockproof_protocol::locker::{Request, Verb};
use lockproof_state_machine::locks::{Config, Locks};
use lockproof_state_machine::{Now, SessionId};

pub use model::Model;

use crate::step::{Sessions, pick, steps};

/// Low enough that a few keys reach them.
pub(crate) const LIMITS: Config = Config { locks_max: 5, locks_per_session_max: 3 };

/// Few, so that sessions meet; and of the kinds that are easily taken for another.
const KEYS: [&[u8]; 7] = [b"a", b"a\0", b"A", b"b", b"a ", b"c", b"#!@"];

/// A request as it is drawn.
#[derive(Debug)]
pub(crate) struct Ask(pub(crate) Request);

impl<'a> Arbitrary<'a> for Ask {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let verb = pick(input, &[Verb::Get, Verb::Release, Verb::Query, Verb::Get])?;
        let count = pick(input, &[1, 1, 1, 2, 3, 4])?;
        let key = |_| Ok(Bytes::from_static(pick(input, &KEYS)?));
        let keys = (0..count).map(key).collect::<Result<Vec<_>>>()?;
        Ok(Self(Request { verb, batch: keys.len() > 1 || bool::arbitrary(input)?, keys }))
    }
}

#[derive(Arbitrary, Debug)]
enum Step {
    Ask { client: u8, request: Ask },
    Wait { seconds: u8 },
    End { client: u8 },
}

/// One sequence of requests.
pub fn run(input: &[u8]) {
    let mut locks = Locks::new(LIMITS);
    let mut model = Model::new(LIMITS.locks_max, LIMITS.locks_per_session_max);
    let mut sessions = Sessions::new();
    let mut now = Now::ZERO;
    let mut freed = 0;
    for step in steps(&mut Unstructured::new(input)) {
        match step {
            Step::Wait { seconds } => now += Now::from_secs(seconds.into()),
            Step::Ask { client, request: Ask(request) } => {
                let session = sessions.of(client);
                // Asking what a GET would answer changes nothing (LKR-206).
                let get = Request { verb: Verb::Query, ..request.clone() };
                let would = locks.query(SessionId(session), &request);
                assert_eq!(would, model.ask(session, &get), "query of {request:?}");
                let outcome = locks.apply(now, SessionId(session), &request);
                assert_eq!(outcome, model.ask(session, &request), "{session}: {request:?}");
            }
            Step::End { client } => {
                let session = sessions.end(client);
                let count = locks.end_session(now, SessionId(session));
                assert_eq!(count, model.end(session), "keys freed with session {session}");
                freed += count as u64;
            }
        }
        agree(&locks, &model, now);
    }
    assert_eq!(locks.counters().freed_by_disconnect, freed);
    for session in sessions.all() {
        locks.end_session(now, SessionId(session));
    }
    assert_eq!((locks.counters().held, locks.dump(now).len()), (0, 0), "nobody is left");
}

/// The same keys have the same owners, no limit is passed, and nobody who is gone owns anything.
fn agree(locks: &Locks, model: &Model, now: Now) {
    let dump = locks.dump(now);
    let held: Vec<_> = dump.iter().map(|held| (&held.key[..], held.session.0)).collect();
    assert_eq!(held, model.held().collect::<Vec<_>>());
    assert!(held.len() <= LIMITS.locks_max, "{} keys are held", held.len());
    let counters = locks.counters();
    assert_eq!((counters.held, counters.holders), (held.len() as u64, model.holders()));
}
