//! The search against one that tries every order: of a few calls, with any outputs, both must say the same.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};

use super::support::{HistoryOf, Timed, TimedOf, history, verdict};
use crate::history::items::{self, Action, Items, Mode};
use crate::history::locks::{self, Locks, Outcome};
use crate::history::{About, Model};

/// Whether any order of all calls with a reply, and some without, explains everything.
fn any_order<M: Model>(model: &M, history: &HistoryOf<M>) -> bool {
    let keys = history.operations().iter().flat_map(|call| match model.about(&call.input) {
        About::Keys(keys) => keys,
        About::Session => Vec::new(),
    });
    let mut numbers: Vec<u64> = history
        .operations()
        .iter()
        .filter_map(|call| model.unique(&call.reply.as_ref()?.0))
        .collect();
    numbers.sort_unstable();
    numbers.windows(2).all(|pair| pair[0] < pair[1])
        && extends(model, history, &mut Vec::new(), &model.start(&keys.collect()))
}

fn extends<M: Model>(
    model: &M,
    history: &HistoryOf<M>,
    order: &mut Vec<usize>,
    state: &M::State,
) -> bool {
    let all = history.operations();
    let missing = |number: &usize| !order.contains(number);
    let left: Vec<usize> = (0..all.len()).filter(missing).collect();
    if left.iter().all(|number| all[*number].reply.is_none()) {
        return true;
    }
    left.iter().any(|&number| {
        let call = &all[number];
        let waits = left.iter().any(|other| all[*other].is_before(call));
        let late = order.iter().any(|other| all[*other].session == call.session && *other > number);
        let skipped = left.iter().any(|other| {
            *other < number && all[*other].session == call.session && all[*other].reply.is_some()
        });
        if waits || late || skipped {
            return false;
        }
        let output = call.reply.as_ref().map(|(output, _)| output);
        let Some(next) = model.step(state, call.session, &call.input, output) else { return false };
        order.push(number);
        let found = extends(model, history, order, &next);
        order.pop();
        found
    })
}

fn times() -> impl Strategy<Value = (u64, i64, i64, bool)> {
    (0..3_u64, 0..12_i64, 0..8_i64, proptest::bool::weighted(0.8))
}

fn timed<I, O>(
    (session, from, long, replied): (u64, i64, i64, bool),
    input: I,
    output: O,
) -> Timed<I, O> {
    Timed { session, input, output: replied.then_some(output), from, to: from + long }
}

fn item_call() -> impl Strategy<Value = TimedOf<Items>> {
    (times(), 0..5_u8, 0..3_u8, 0..5_u8, 1..4_u64).prop_map(|(times, kind, value, outcome, cas)| {
        let text = |value: u8| std::sync::Arc::from(value.to_string().into_bytes());
        let store = |mode, cas| Action::Store { mode, value: text(value), flags: 0, cas };
        let (stored, cas) = (items::Reply::Stored { cas: None }, Some(cas));
        let action = match kind {
            0 | 1 => Action::Get,
            2 => store(Mode::Set, cas.unwrap_or_default() % 3),
            3 => store(Mode::Append, 0),
            _ => Action::Delete { cas: 0 },
        };
        let reply = match (&action, outcome) {
            (_, 0) => items::Reply::Missing,
            (Action::Get, 1..=3) => items::Reply::Hit { value: text(outcome - 1), flags: 0, cas },
            (Action::Get, _) => items::Reply::Hit { value: text(value), flags: 0, cas: None },
            (Action::Delete { .. }, _) => items::Reply::Deleted,
            (_, 1) => items::Reply::Exists,
            (_, 2 | 3) => stored,
            _ => items::Reply::Stored { cas },
        };
        timed(times, items::Request { key: b"k".to_vec(), action }, reply)
    })
}

/// Leases of one item that was stored, or not.
fn lease_call() -> impl Strategy<Value = TimedOf<Items>> {
    (times(), 0..9_u8, 0..2_u8, any::<bool>(), 0..3_u8, 1..4_u64).prop_map(
        |(times, kind, value, is_stale, outcome, cas)| {
            use items::{Life, Reply, Win};
            let text = |value: u8| std::sync::Arc::from(value.to_string().into_bytes());
            let fetch = |vivify| Action::Fetch { vivify, recache: value == 0 };
            let action = match kind {
                0..=3 => fetch(None),
                4 => fetch(Some(Life::Ends)),
                5 => Action::Store { mode: Mode::Set, value: text(value), flags: 0, cas: 0 },
                6 => Action::Refill { value: text(value), cas },
                7 => Action::Invalidate { cas: cas % 3, life: None },
                _ => Action::Touch { life: Life::Ends },
            };
            let win = [Win::Won, Win::Taken, Win::None][usize::from(outcome)];
            let told = |value| Reply::Fetched { value, flags: 0, cas: None, is_stale, win };
            let reply = match (&action, outcome) {
                (Action::Fetch { vivify: Some(_), .. }, 0) => told(std::sync::Arc::default()),
                (Action::Fetch { .. }, _) => told(text(value)),
                (Action::Refill { .. } | Action::Invalidate { .. }, 1) => Reply::Exists,
                (Action::Invalidate { .. }, _) => Reply::Invalidated,
                (Action::Touch { .. }, _) => Reply::Touched,
                _ => Reply::Stored { cas: (outcome == 0).then_some(cas) },
            };
            timed(times, items::Request { key: b"k".to_vec(), action }, reply)
        },
    )
}

/// The same, behind a store that everybody has seen.
fn leases() -> impl Strategy<Value = Vec<TimedOf<Items>>> {
    vec(lease_call(), 1..6).prop_map(|calls| {
        let value = std::sync::Arc::from(b"1".to_vec());
        let action = Action::Store { mode: Mode::Set, value, flags: 0, cas: 0 };
        let first = items::Request { key: b"k".to_vec(), action };
        let stored = Some(items::Reply::Stored { cas: None });
        let first = Timed { session: 9, input: first, output: stored, from: -2, to: -1 };
        [first].into_iter().chain(calls).collect()
    })
}

fn lock_call() -> impl Strategy<Value = TimedOf<Locks>> {
    (times(), 0..7_u8, any::<bool>(), 0..4_u8).prop_map(|(times, kind, both, outcome)| {
        let key = |name: u8| locks::Key(vec![name]);
        let keys = if both { [key(0), key(1)] } else { [key(0), key(0)] }.into();
        let outcome = match outcome {
            0 | 1 => Outcome::Ok,
            2 => Outcome::Busy,
            _ if kind % 2 == 0 => Outcome::SelfHeld,
            _ => Outcome::NotHeld,
        };
        let request = match kind {
            0 | 2 => locks::Request::Get(keys),
            1 | 3 => locks::Request::Release(keys),
            4 | 5 => locks::Request::Query(keys),
            _ => return Timed { output: None, ..timed(times, locks::Request::End, outcome) },
        };
        timed(times, request, outcome)
    })
}

/// Most random histories are wrong; the shares keep the test from agreeing about nothing.
#[derive(Default)]
struct Shares([u32; 2]);

fn agree<M: Model>(model: &M, calls: &[TimedOf<M>], shares: &mut Shares) -> (bool, bool) {
    let truth = any_order(model, &history(calls));
    shares.0[usize::from(truth)] += 1;
    (verdict(model, calls).is_linearizable(), truth)
}

#[test]
fn shares_of_good_and_bad_are_both_large() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let (mut items, mut locks) = (Shares::default(), Shares::default());
    let mut found = Shares::default();
    let mut runner = TestRunner::deterministic();
    for _ in 0..400 {
        let calls = vec(item_call(), 1..7).new_tree(&mut runner).unwrap().current();
        agree(&Items, &calls, &mut items);
        let calls = vec(lock_call(), 1..7).new_tree(&mut runner).unwrap().current();
        agree(&Locks, &calls, &mut locks);
        let calls = leases().new_tree(&mut runner).unwrap().current();
        agree(&Items, &calls, &mut found);
    }
    for share in items.0.into_iter().chain(locks.0).chain(found.0) {
        assert!(share > 40, "{:?} {:?} {:?}", items.0, locks.0, found.0);
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(2_000))]

    #[test]
    fn items_as_every_order_says(calls in vec(item_call(), 1..7)) {
        let (found, truth) = agree(&Items, &calls, &mut Shares::default());
        prop_assert_eq!(found, truth);
    }

    #[test]
    fn leases_as_every_order_says(calls in leases()) {
        let (found, truth) = agree(&Items, &calls, &mut Shares::default());
        prop_assert_eq!(found, truth);
    }

    #[test]
    fn locks_as_every_order_says(calls in vec(lock_call(), 1..7)) {
        let (found, truth) = agree(&Locks, &calls, &mut Shares::default());
        prop_assert_eq!(found, truth);
    }
}
