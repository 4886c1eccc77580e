//! The checker itself: budget, parts, what it says of a violation.

use super::server::bytes;
use super::support::{BUDGET, Timed, TimedOf, at, history, replays, verdict};
use crate::history::items::{Action, Items, Key, Mode, Reply, Request};
use crate::history::locks::{self, Locks, Outcome};
use crate::history::{History, Verdict, check};

fn set(key: &str, value: u64) -> Request {
    let value = bytes(&value.to_string());
    let action = Action::Store { mode: Mode::Set, value, flags: 0, cas: 0 };
    Request { key: key.into(), action }
}

fn get(key: &str) -> Request {
    Request { key: key.into(), action: Action::Get }
}

const STORED: Reply = Reply::Stored { cas: None };

fn hit(value: u64) -> Reply {
    Reply::Hit { value: bytes(&value.to_string()), flags: 0, cas: None }
}

/// Sets that all overlap, and a read of what none of them stored: every order has to be tried.
fn hard(width: u64) -> Vec<TimedOf<Items>> {
    let mut calls: Vec<_> =
        (0..width).map(|value| at(value, 0, 100, set("k", value), STORED)).collect();
    calls.push(at(99, 200, 201, get("k"), hit(1_000)));
    calls
}

#[test]
fn history_without_calls_is_linearizable() {
    assert_eq!(check(&Items, &History::default(), 0), Verdict::Linearizable(Vec::new()));
}

#[test]
fn budget_ends_a_search_and_that_is_no_verdict() {
    let hard = history(&hard(16));
    let Verdict::Unknown(text) = check(&Items, &hard, 1_000) else { panic!("within the budget?") };
    assert_eq!(text, "key \"k\": the budget was spent before 17 calls were ordered");
}

/// Sixteen sets have 16! orders; what was tried is remembered, so that a verdict takes 16 * 2^16 points at most.
#[test]
fn memory_makes_a_hard_history_easy() {
    assert!(matches!(check(&Items, &history(&hard(14)), 2_000_000), Verdict::Violation(_)));
}

/// Three hundred counts whose replies were lost are one another's twins: how many happened matters, and not which.
#[test]
fn calls_alike_without_a_reply_are_as_good_as_each_other() {
    let count = || Request {
        key: b"n".to_vec(),
        action: Action::Count { delta: 1, down: false, initial: Some(1) },
    };
    let counted = |value| Some(Reply::Counted { value, cas: None });
    let call = |session, output, from, to| Timed { session, input: count(), output, from, to };
    let mut calls: Vec<_> = (0..300).map(|lost| call(lost, None, 0, 1)).collect();
    calls.push(call(400, counted(250), 10, 20));
    calls.push(call(401, counted(301), 30, 40));
    assert!(verdict(&Items, &calls).is_linearizable());
    calls.push(call(402, counted(300), 50, 60));
    assert!(matches!(verdict(&Items, &calls), Verdict::Violation(_)));
}

#[test]
fn violation_counts_although_the_budget_ends_elsewhere() {
    let mut calls = hard(16);
    calls.push(at(50, 0, 1, get("z"), hit(7)));
    let Verdict::Violation(violation) = check(&Items, &history(&calls), 5_000) else { panic!() };
    assert!(violation.text.starts_with("key \"z\""), "{violation}");
}

#[test]
fn keys_are_judged_apart_and_batches_join_them() {
    let calls = [at(1, 0, 1, set("a", 1), STORED), at(1, 2, 3, set("b", 2), STORED)];
    let Verdict::Linearizable(orders) = verdict(&Items, &calls) else { panic!() };
    let keys: Vec<_> = orders.iter().map(|order| order.keys.first().cloned().unwrap()).collect();
    assert_eq!(keys, [Key(b"a".to_vec()), Key(b"b".to_vec())]);

    let keys = |names: &str| names.bytes().map(|name| locks::Key(vec![name])).collect();
    let get = |session, from, names| {
        at(session, from, from + 1, locks::Request::Get(keys(names)), Outcome::Ok)
    };
    let calls =
        [get(1, 0, "ab"), get(1, 2, "cd"), get(1, 4, "x"), get(1, 6, "yd"), get(1, 8, "by")];
    let Verdict::Violation(violation) = verdict(&Locks, &calls) else { panic!() };
    assert_eq!(violation.culprit, 3, "{violation}");
    let Verdict::Linearizable(orders) =
        verdict(&Locks, &[get(1, 0, "ab"), get(1, 2, "bc"), get(1, 4, "x")][..1])
    else {
        panic!()
    };
    assert_eq!(orders.len(), 1);
}

#[test]
fn violation_names_the_first_reply_with_which_no_order_is_left() {
    let calls = [
        at(1, 0, 10, set("k", 1), STORED),
        at(2, 20, 30, get("k"), hit(1)),
        at(1, 40, 50, set("k", 2), STORED),
        at(2, 60, 70, get("k"), hit(1)),
        at(1, 80, 90, set("k", 3), STORED),
        at(2, 95, 99, get("k"), hit(2)),
    ];
    let Verdict::Violation(violation) = verdict(&Items, &calls) else { panic!() };
    assert_eq!(violation.culprit, 3);
    assert_eq!(violation.longest, [0, 1, 2]);
    assert_eq!(violation.core, [0, 2, 3], "the first read says nothing here");
    assert_eq!(
        violation.text,
        "key \"k\": 0.060 s  session 2: get \"k\" -> \"1\" flags=0 (0.070 s): \
         no order of the 3 calls until then explains that\n    \
         0.000 s  session 1: set \"k\" value=\"1\" flags=0 cas=0 -> stored (0.010 s)\n    \
         0.040 s  session 1: set \"k\" value=\"2\" flags=0 cas=0 -> stored (0.050 s)\n    \
         0.060 s  session 2: get \"k\" -> \"1\" flags=0 (0.070 s)"
    );
}

/// The check of witnesses is none if it takes anything.
#[test]
fn witness_that_is_bent_is_refused() {
    let calls = [
        at(1, 0, 10, set("k", 1), STORED),
        at(1, 20, 30, set("k", 2), STORED),
        at(2, 25, 40, get("k"), hit(1)),
    ];
    let history = history(&calls);
    let Verdict::Linearizable(mut orders) = check(&Items, &history, BUDGET) else { panic!() };
    assert_eq!(orders[0].calls, [0, 2, 1]);
    for wrong in [vec![0, 1, 2], vec![2, 0, 1], vec![0, 2], vec![0, 2, 1, 1]] {
        orders[0].calls.clone_from(&wrong);
        assert!(replays(&Items, &history, &orders).is_err(), "{wrong:?}");
    }
}

/// Requests in one write: they overlap, and yet happen in their order.
#[test]
fn pipelined_calls_of_a_session_happen_in_its_order() {
    let calls = |first: u64| {
        [
            at(1, 0, 50, set("k", 1), STORED),
            at(1, 1, 51, set("k", 2), STORED),
            at(2, 60, 61, get("k"), hit(first)),
        ]
    };
    assert!(verdict(&Items, &calls(2)).is_linearizable());
    assert!(!verdict(&Items, &calls(1)).is_linearizable());
}

/// A hundred clients that die in the middle of a store, and whose stores may happen at any time, do not stop the search.
#[test]
fn many_open_calls_are_no_burden() {
    let mut calls: Vec<_> = (0..100).map(|value| at(value, 0, 0, set("k", value), None)).collect();
    for (time, value) in (0..100).zip((0..100).rev()) {
        let from = 1_000 + 10 * time;
        calls.push(at(1_000, from, from + 1, get("k"), hit(value)));
    }
    assert!(verdict(&Items, &calls).is_linearizable());
}

/// The first way to a point may have used up what is needed later; another way to it has not.
#[test]
fn point_from_which_more_may_happen_is_looked_at_again() {
    let calls = [
        at(1, 0, 10, set("k", 1), STORED),
        at(2, 1, 20, set("k", 2), STORED),
        at(3, 5, 0, set("k", 1), None),
        at(4, 30, 31, get("k"), hit(1)),
        at(1, 40, 41, set("k", 3), STORED),
        at(4, 50, 51, get("k"), hit(1)),
    ];
    assert!(verdict(&Items, &calls).is_linearizable());
}

#[test]
fn open_call_may_happen_any_time_later() {
    let mut calls = vec![at(1, 0, 0, set("k", 1), None)];
    let times = (1..1_000).map(|time| 10 * time);
    calls.extend(times.map(|from| at(2, from, from + 1, get("k"), Reply::Missing)));
    calls.push(at(2, 20_000, 20_001, get("k"), hit(1)));
    assert!(verdict(&Items, &calls).is_linearizable());
}
