//! Counters, dump, log and single rules of the lock table.

use alloc::vec;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use lockproof_protocol::locker::{Outcome, Request, Verb};

use super::{Config, Event, Held, Holder, Locks};
use crate::{Now, SessionId};

const A: SessionId = SessionId(1);
const B: SessionId = SessionId(2);

fn request(verb: Verb, keys: &[&'static str]) -> Request {
    let keys: Vec<_> = keys.iter().copied().map(Bytes::from).collect();
    Request { verb, batch: keys.len() > 1, keys }
}

fn at(seconds: u64) -> Now {
    Now::from_secs(seconds)
}

fn ask(locks: &mut Locks, session: SessionId, verb: Verb, keys: &[&'static str]) -> Outcome {
    locks.apply(Now::ZERO, session, &request(verb, keys))
}

#[test]
fn blocker_anywhere_in_a_batch_blocks_all_of_it() {
    for blocked in ["a", "b", "c"] {
        let mut locks = Locks::new(Config::default());
        assert_eq!(ask(&mut locks, B, Verb::Get, &[blocked]), Outcome::Ok);
        assert_eq!(ask(&mut locks, A, Verb::Get, &["a", "b", "c"]), Outcome::Busy);
        assert_eq!(locks.counters().held, 1);
    }
}

#[test]
fn busy_wins_over_self_held_and_both_over_no_resources() {
    let mut locks = Locks::new(Config { locks_max: 2, locks_per_session_max: 1 });
    ask(&mut locks, A, Verb::Get, &["own"]);
    ask(&mut locks, B, Verb::Get, &["other"]);
    assert_eq!(ask(&mut locks, A, Verb::Get, &["own", "free", "other"]), Outcome::Busy);
    assert_eq!(ask(&mut locks, A, Verb::Get, &["free", "own"]), Outcome::SelfHeld);
    assert_eq!(ask(&mut locks, A, Verb::Get, &["free"]), Outcome::NoResources);
    assert_eq!(ask(&mut locks, A, Verb::Query, &["free"]), Outcome::NoResources);
    assert_eq!(ask(&mut locks, A, Verb::Release, &["own"]), Outcome::Ok);
    assert_eq!(ask(&mut locks, A, Verb::Get, &["free"]), Outcome::Ok);
}

#[test]
fn duplicates_are_one_grant_and_one_place_of_the_limit() {
    let mut locks = Locks::new(Config { locks_max: 1, locks_per_session_max: 1 });
    assert_eq!(ask(&mut locks, A, Verb::Get, &["a", "a", "a"]), Outcome::Ok);
    assert_eq!(ask(&mut locks, A, Verb::Release, &["a", "a"]), Outcome::Ok);
    assert_eq!(ask(&mut locks, A, Verb::Get, &["a", "b"]), Outcome::NoResources);
    assert_eq!(locks.counters().held, 0);
    assert_eq!(ask(&mut locks, A, Verb::Get, &["b", "b"]), Outcome::Ok);
    assert_eq!(locks.dump(Now::ZERO).iter().map(|held| held.grant).collect::<Vec<_>>(), [2]);
}

#[test]
fn stale_release_does_not_strip_the_new_owner() {
    let mut locks = Locks::new(Config::default());
    ask(&mut locks, A, Verb::Get, &["k"]);
    locks.end_session(Now::ZERO, A);
    ask(&mut locks, B, Verb::Get, &["k"]);
    let reconnected = SessionId(3);
    assert_eq!(ask(&mut locks, reconnected, Verb::Release, &["k"]), Outcome::NotHeld);
    assert_eq!(locks.end_session(Now::ZERO, A), 0);
    assert_eq!(ask(&mut locks, reconnected, Verb::Get, &["k"]), Outcome::Busy);
}

#[test]
fn counters_tell_everything_apart() {
    let mut locks = Locks::new(Config::default());
    ask(&mut locks, A, Verb::Get, &["k"]);
    ask(&mut locks, A, Verb::Get, &["x", "y"]);
    ask(&mut locks, B, Verb::Get, &["k"]);
    ask(&mut locks, B, Verb::Release, &["k"]);
    ask(&mut locks, B, Verb::Release, &["free", "k"]);
    ask(&mut locks, B, Verb::Release, &["free"]);
    ask(&mut locks, A, Verb::Query, &["k"]);
    ask(&mut locks, A, Verb::Query, &["f", "g"]);
    ask(&mut locks, A, Verb::Release, &["x"]);
    locks.count_bad_frame(Outcome::Malformed);
    locks.count_bad_frame(Outcome::TooLarge);
    locks.count_bad_frame(Outcome::UnknownCommand);
    assert_eq!(locks.end_session(Now::ZERO, A), 2);
    let counters = locks.counters();
    assert_eq!(counters.requests, [2, 1, 3, 1, 1, 1]);
    assert_eq!(counters.outcomes, [4, 1, 3, 1, 1, 1, 0, 1]);
    assert_eq!((counters.refused_free, counters.refused_foreign), (1, 2));
    assert_eq!((counters.bad_frames, counters.sessions_ended), (3, 1));
    assert_eq!((counters.freed_by_disconnect, counters.held, counters.holders), (2, 0, 0));
}

#[test]
fn dump_shows_age_and_order_of_grants() {
    let mut locks = Locks::new(Config::default());
    locks.apply(at(1), B, &request(Verb::Get, &["z"]));
    locks.apply(at(2), A, &request(Verb::Get, &["gone"]));
    locks.apply(at(3), A, &request(Verb::Release, &["gone"]));
    locks.apply(at(4), A, &request(Verb::Get, &["a"]));
    let held = |key, session, age, grant| Held { key: Bytes::from(key), session, age, grant };
    assert_eq!(locks.dump(at(10)), [held("a", A, at(6), 3), held("z", B, at(9), 1)]);
}

#[test]
fn holders_are_shown_with_what_they_hold_and_for_how_long() {
    let mut locks = Locks::new(Config::default());
    locks.apply(at(1), B, &request(Verb::Get, &["gone"]));
    locks.apply(at(2), A, &request(Verb::Get, &["z"]));
    locks.apply(at(3), A, &request(Verb::Get, &["a"]));
    locks.apply(at(4), A, &request(Verb::Release, &["z"]));
    locks.apply(at(5), B, &request(Verb::Release, &["gone"]));
    locks.apply(at(6), B, &request(Verb::Get, &["b", "c"]));
    let holder = |session, keys, age| Holder { session, keys, age };
    let holders: Vec<_> = locks.each_holder(at(10)).collect();
    assert_eq!(holders, [holder(A, 1, at(8)), holder(B, 2, at(4))]);
    let keys: Vec<_> = locks.keys_of(at(10), A).map(|held| (held.key, held.age)).collect();
    assert_eq!(keys, [(Bytes::from("a"), at(7))]);
    locks.end_session(at(11), A);
    assert_eq!(locks.keys_of(at(12), A).count(), 0);
}

#[test]
fn log_is_off_until_asked_for_and_bounded() {
    let mut locks = Locks::new(Config::default());
    ask(&mut locks, A, Verb::Get, &["k"]);
    assert_eq!(locks.take_log(), []);
    locks.enable_log(2);
    for key in ["a", "b", "c"] {
        ask(&mut locks, A, Verb::Get, &[key]);
    }
    ask(&mut locks, A, Verb::Query, &["c"]);
    locks.end_session(at(5), A);
    let log = locks.take_log();
    assert_eq!(log.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [3, 4]);
    let freed = ["a", "b", "c", "k"].map(Bytes::from);
    assert_eq!(log[1].event, Event::End { freed: freed.to_vec() });
    assert_eq!((log[1].at, log[1].session), (at(5), A));
    assert_eq!(locks.take_log(), []);
}

#[test]
fn held_key_keeps_no_input_buffer_alive() {
    let mut locks = Locks::new(Config::default());
    let mut input = BytesMut::zeroed(100);
    let keys = vec![input.split_to(4).freeze()];
    locks.apply(Now::ZERO, A, &Request { verb: Verb::Get, batch: false, keys });
    input.clear();
    assert!(input.try_reclaim(100));
}
