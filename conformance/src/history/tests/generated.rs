//! Histories that are linearizable because they were made one call at a time, and then stretched; and the same with one
//! reply bent so that no order explains it.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert, proptest};

use super::leasing::Leasing;
use super::server::{Locker, Memcached, NetMem, Server};
use super::support::{Timed, TimedOf, verdict};
use crate::history::Verdict;

/// What a call is made of.
#[derive(Clone, Debug)]
pub(super) struct Seed {
    pub(super) kind: u8,
    pub(super) key: u8,
    pub(super) value: u8,
    /// How long before it happens it begins, and how long after that its reply comes.
    pub(super) before: u8,
    pub(super) behind: u8,
    /// Whether the client dies and never sees the reply; the server may not even see the request.
    pub(super) dies: u8,
}

pub(super) fn seed() -> impl Strategy<Value = Seed> {
    any::<(u8, u8, u8, u8, u8, u8)>().prop_map(|(kind, key, value, before, behind, dies)| Seed {
        kind,
        key,
        value,
        before,
        behind,
        dies,
    })
}

/// Between two calls that happen.
const STEP: i64 = 100;

/// The sessions that live, and the server.
#[derive(Default)]
pub(super) struct Stage<S> {
    server: S,
    /// Until when each session is busy; none once it has ended.
    busy: Vec<Option<i64>>,
}

impl<S: Server> Stage<S> {
    /// A session that is free at that time.
    fn session(&mut self, from: i64) -> u64 {
        let free = |until: &Option<i64>| until.is_some_and(|until| until < from);
        let place = self.busy.iter().position(free).unwrap_or_else(|| {
            self.busy.push(Some(i64::MIN));
            self.busy.len() - 1
        });
        place as u64
    }

    fn play(mut self, seeds: &[Seed]) -> Vec<TimedOf<S::Model>> {
        let mut calls = Vec::new();
        for (point, seed) in (10_i64..).map(|number| number * STEP).zip(seeds) {
            let (from, to) =
                (point - 2 * i64::from(seed.before), point + 2 * i64::from(seed.behind));
            let session = self.session(from);
            let input = self.server.draw(seed.kind, seed.key, seed.value);
            let dies = seed.dies < 16;
            if dies && seed.dies < 8 {
                // The request never arrives.
                calls.push(Timed { session, input, output: None, from, to });
            } else if let Some(output) = self.server.execute(session, &input) {
                let output = (!dies).then_some(output);
                calls.push(Timed { session, input, output, from, to });
            }
            self.busy[usize::try_from(session).unwrap()] = (!dies).then_some(to);
            if dies && let Some(input) = self.server.end(session) {
                calls.push(Timed { session, input, output: None, from: from + 1, to });
            }
        }
        calls
    }
}

fn holds<S: Server>(seeds: &[Seed]) -> Result<(), String> {
    let calls = Stage::<S>::default().play(seeds);
    match verdict(&S::model(), &calls) {
        Verdict::Linearizable(_) => Ok(()),
        Verdict::Violation(violation) => Err(violation.text),
        Verdict::Unknown(text) => Err(text),
    }
}

/// Bends the reply of a call at or behind `place`; false if there is none that can be bent.
fn bent_is_found<S: Server>(seeds: &[Seed], place: usize) -> Result<(), String> {
    let mut calls = Stage::<S>::default().play(seeds);
    let bend = |call: &TimedOf<S::Model>| call.output.as_ref().and_then(S::bend);
    let Some(place) =
        (place % calls.len()..calls.len()).find(|place| bend(&calls[*place]).is_some())
    else {
        return Ok(());
    };
    calls[place].output = bend(&calls[place]);
    match verdict(&S::model(), &calls) {
        Verdict::Violation(_) => Ok(()),
        other => Err(format!("{} was not found out: {:?}", place, other.problem())),
    }
}

proptest! {
    #[test]
    fn what_one_server_did_is_linearizable(seeds in vec(seed(), 1..80)) {
        let items = [holds::<Memcached>(&seeds), holds::<Leasing>(&seeds)];
        for held in items.into_iter().chain([holds::<NetMem>(&seeds), holds::<Locker>(&seeds)]) {
            prop_assert!(held.is_ok(), "{}", held.unwrap_err());
        }
    }

    #[test]
    fn one_wrong_reply_is_found(seeds in vec(seed(), 1..80), place: usize) {
        let items = [bent_is_found::<Memcached>(&seeds, place), bent_is_found::<Leasing>(&seeds, place)];
        for found in items.into_iter().chain([bent_is_found::<NetMem>(&seeds, place)]) {
            prop_assert!(found.is_ok(), "{}", found.unwrap_err());
        }
    }
}
