//! The lock table once more, as simple as it can be, and random traffic to both.
//!
//! Shares no code with the real one: a list of pairs, and the rules written down per key.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use lockproof_protocol::locker::{Outcome, Request, Verb};
use proptest::prelude::*;

use super::{Config, Event, Locks};
use crate::{Now, SessionId};

const LOCKS_MAX: usize = 5;
const PER_SESSION_MAX: usize = 3;

#[derive(Clone, PartialEq, Debug)]
struct Model {
    held: Vec<(Bytes, u64)>,
}

impl Model {
    fn owner(&self, key: &Bytes) -> Option<u64> {
        self.held.iter().find(|(held, _)| held == key).map(|(_, owner)| *owner)
    }

    fn ask(&mut self, session: u64, request: &Request) -> Outcome {
        let keys = &request.keys;
        let own = keys.iter().filter(|key| self.owner(key) == Some(session)).count();
        let free = keys.iter().filter(|key| self.owner(key).is_none()).count();
        if request.verb == Verb::Release {
            if own < keys.len() {
                return Outcome::NotHeld;
            }
            self.held.retain(|(key, _)| !keys.contains(key));
            return Outcome::Ok;
        }
        if own + free < keys.len() {
            return Outcome::Busy;
        }
        if own > 0 {
            return Outcome::SelfHeld;
        }
        let before = self.held.clone();
        for key in keys {
            if self.owner(key).is_none() {
                self.held.push((key.clone(), session));
            }
        }
        let of_session = self.held.iter().filter(|(_, owner)| *owner == session).count();
        let is_over = self.held.len() > LOCKS_MAX || of_session > PER_SESSION_MAX;
        if is_over || request.verb == Verb::Query {
            self.held = before;
        }
        if is_over { Outcome::NoResources } else { Outcome::Ok }
    }

    fn end(&mut self, session: u64) -> usize {
        let before = self.held.len();
        self.held.retain(|(_, owner)| *owner != session);
        before - self.held.len()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Ask(usize, Request),
    End(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let key = prop::sample::select(vec!["a", "a\0", "A", "b", "a ", "c", "#!@"]);
    let keys = prop::collection::vec(key.prop_map(Bytes::from), 1..5);
    let verb = prop::sample::select(vec![Verb::Get, Verb::Get, Verb::Release, Verb::Query]);
    let request = (verb, any::<bool>(), keys).prop_map(|(verb, batch, mut keys)| {
        if !batch {
            keys.truncate(1);
        }
        Request { verb, batch, keys }
    });
    prop_oneof![
        9 => (0_usize..4, request).prop_map(|(client, request)| Step::Ask(client, request)),
        1 => (0_usize..4).prop_map(Step::End),
    ]
}

/// What is held according to the dump, in the order of keys.
fn held(locks: &Locks) -> Vec<(Bytes, u64)> {
    locks.dump(Now::ZERO).into_iter().map(|held| (held.key, held.session.0)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn every_outcome_is_the_models(steps in prop::collection::vec(step(), 1..80)) {
        let mut locks = Locks::new(Config {
            locks_max: LOCKS_MAX,
            locks_per_session_max: PER_SESSION_MAX,
        });
        locks.enable_log(1_000);
        let mut model = Model { held: Vec::new() };
        let mut sessions = [0, 1, 2, 3];
        let mut next_session = 4;
        let mut freed = 0;
        for step in steps {
            match step {
                Step::Ask(client, request) => {
                    let session = sessions[client];
                    // A dry run of the GET, whatever the request is (LKR-206).
                    let get = Request { verb: Verb::Get, ..request.clone() };
                    let would = model.clone().ask(session, &get);
                    prop_assert_eq!(locks.query(SessionId(session), &request), would);
                    let expected = model.ask(session, &request);
                    let outcome = locks.apply(Now::ZERO, SessionId(session), &request);
                    prop_assert_eq!(outcome, expected, "{:?}", request);
                }
                Step::End(client) => {
                    let session = core::mem::replace(&mut sessions[client], next_session);
                    next_session += 1;
                    let expected = model.end(session);
                    freed += expected as u64;
                    prop_assert_eq!(locks.end_session(Now::ZERO, SessionId(session)), expected);
                }
            }
            let holders: BTreeSet<_> = model.held.iter().map(|(_, owner)| *owner).collect();
            prop_assert_eq!(locks.counters().holders, holders.len() as u64);
            let mut expected = model.held.clone();
            expected.sort();
            prop_assert_eq!(held(&locks), expected);
        }
        prop_assert_eq!(locks.counters().freed_by_disconnect, freed);
        prop_assert_eq!(locks.counters().held, model.held.len() as u64);

        // The log alone leads to the same table (LKR-703).
        let mut replayed = Model { held: Vec::new() };
        for (index, entry) in locks.take_log().into_iter().enumerate() {
            prop_assert_eq!(entry.sequence, index as u64 + 1);
            match entry.event {
                Event::Request { request, outcome } => {
                    prop_assert_eq!(replayed.ask(entry.session.0, &request), outcome);
                }
                Event::End { freed } => {
                    prop_assert_eq!(replayed.end(entry.session.0), freed.len());
                }
            }
        }
        prop_assert_eq!(replayed, model);

        // After everybody left nothing is left (LKR-604).
        for session in sessions {
            locks.end_session(Now::ZERO, SessionId(session));
        }
        prop_assert_eq!((locks.counters().held, locks.counters().holders), (0, 0));
        prop_assert!(held(&locks).is_empty());
    }
}
