//! Small histories, good and bad, of each model: what is known of them is written beside them.

use std::collections::BTreeMap;

use super::server::bytes;
use super::support::{TimedOf, at, verdict};
use crate::history::Model;
use crate::history::items::{Action, Items, Mode, Reply, Request};
use crate::history::locks::{self, Locks, Outcome};
use crate::history::pages::{self, Pages};

pub(super) fn good<M: Model>(model: &M, calls: &[TimedOf<M>]) {
    let verdict = verdict(model, calls);
    assert!(verdict.is_linearizable(), "{:?}", verdict.problem());
}

pub(super) fn bad<M: Model>(model: &M, calls: &[TimedOf<M>]) {
    assert!(matches!(verdict(model, calls), crate::history::Verdict::Violation(_)));
}

fn on(action: Action) -> Request {
    Request { key: b"k".to_vec(), action }
}

fn store(mode: Mode, value: &str, cas: u64) -> Request {
    on(Action::Store { mode, value: bytes(value), flags: 0, cas })
}

fn set(value: &str) -> Request {
    store(Mode::Set, value, 0)
}

fn get() -> Request {
    on(Action::Get)
}

fn incr() -> Request {
    on(Action::Count { delta: 1, down: false, initial: Some(1) })
}

fn stored(cas: u64) -> Reply {
    Reply::Stored { cas: Some(cas) }
}

fn hit(value: &str, cas: u64) -> Reply {
    Reply::Hit { value: bytes(value), flags: 0, cas: Some(cas) }
}

fn counted(value: u64, cas: u64) -> Reply {
    Reply::Counted { value, cas: Some(cas) }
}

#[test]
fn item_read_while_it_is_written_is_old_or_new_but_not_old_again() {
    let writes = [at(1, 0, 1, set("a"), stored(1)), at(1, 10, 50, set("b"), stored(2))];
    let with = |reads: &[TimedOf<Items>]| [&writes[..], reads].concat();
    good(&Items, &with(&[at(2, 20, 22, get(), hit("a", 1)), at(3, 30, 32, get(), hit("b", 2))]));
    bad(&Items, &with(&[at(2, 20, 22, get(), hit("b", 2)), at(3, 30, 32, get(), hit("a", 1))]));
    bad(&Items, &with(&[at(2, 60, 62, get(), hit("a", 1))]));
    bad(&Items, &with(&[at(2, 20, 22, get(), Reply::Missing)]));
}

#[test]
fn of_two_stores_with_one_cas_only_one_succeeds() {
    let both = |second| {
        [
            at(1, 0, 1, set("a"), stored(1)),
            at(1, 10, 20, store(Mode::Set, "b", 1), stored(2)),
            at(2, 10, 20, store(Mode::Set, "c", 1), second),
        ]
    };
    good(&Items, &both(Reply::Exists));
    bad(&Items, &both(stored(3)));
    // Nobody is refused with the CAS that the item has.
    let refused = at(1, 10, 20, store(Mode::Set, "b", 1), Reply::Exists);
    bad(&Items, &[at(1, 0, 1, set("a"), stored(1)), refused]);
}

#[test]
fn lost_count_is_found() {
    let three = |last| {
        [
            at(1, 0, 1, incr(), counted(1, 1)),
            at(1, 10, 20, incr(), counted(2, 2)),
            at(2, 10, 20, incr(), last),
        ]
    };
    good(&Items, &three(counted(3, 3)));
    bad(&Items, &three(counted(2, 3)));
    // The creation race: a counter that is to be created is never missing.
    bad(&Items, &three(Reply::Missing));
}

#[test]
fn store_without_a_reply_may_happen_late_or_never() {
    let lost = [at(1, 0, 1, set("a"), stored(1)), at(2, 10, 0, set("b"), None)];
    let with = |reads: &[TimedOf<Items>]| [&lost[..], reads].concat();
    good(&Items, &with(&[at(3, 90, 91, get(), hit("a", 1))]));
    good(&Items, &with(&[at(3, 20, 21, get(), hit("a", 1)), at(3, 90, 91, get(), hit("b", 9))]));
    bad(&Items, &with(&[at(3, 20, 21, get(), hit("b", 9)), at(3, 90, 91, get(), hit("a", 1))]));
    // It may not happen before it was asked for.
    bad(&Items, &with(&[at(3, 5, 6, get(), hit("b", 9))]));
}

#[test]
fn cas_that_nobody_was_told_is_the_one_that_is_seen_first() {
    let lost = [at(1, 0, 0, set("a"), None), at(2, 10, 11, get(), hit("a", 5))];
    let with = |rest: TimedOf<Items>| [&lost[..], &[rest]].concat();
    good(&Items, &with(at(2, 20, 21, store(Mode::Replace, "b", 5), stored(6))));
    bad(&Items, &with(at(2, 20, 21, store(Mode::Replace, "b", 4), stored(6))));
    bad(&Items, &with(at(2, 20, 21, get(), hit("a", 6))));
}

#[test]
fn cas_is_never_given_twice() {
    let calls = |cas| {
        [
            at(1, 0, 1, set("a"), stored(1)),
            at(1, 2, 3, on(Action::Delete { cas: 1 }), Reply::Deleted),
            at(1, 4, 5, store(Mode::Add, "a", 0), stored(cas)),
        ]
    };
    good(&Items, &calls(2));
    bad(&Items, &calls(1));
}

#[test]
fn value_is_joined_once_for_each_append() {
    let calls = |value| {
        [
            at(1, 0, 1, set("a"), stored(1)),
            at(1, 10, 20, store(Mode::Append, "b", 0), stored(2)),
            at(2, 10, 20, store(Mode::Prepend, "c", 0), stored(3)),
            at(1, 30, 31, get(), Reply::Hit { value: bytes(value), flags: 0, cas: None }),
        ]
    };
    good(&Items, &calls("cab"));
    bad(&Items, &calls("ab"));
    bad(&Items, &calls("cabb"));
}

fn page(version: i32, data: &str) -> pages::Reply {
    pages::Reply::Page(version, Some(bytes(data)))
}

fn netmem() -> Pages {
    Pages { before: BTreeMap::from([(0, (1, bytes("....")))]), length: 4 }
}

#[test]
fn page_read_shows_version_and_data_of_one_write() {
    use pages::Reply::{Page, Written};
    use pages::Request::{Read, Update};
    let during = |reply| {
        [at(1, 0, 20, Update(0, -1, bytes("ab")), Written(2)), at(2, 5, 15, Read(0, 0), reply)]
    };
    good(&netmem(), &during(page(1, "....")));
    good(&netmem(), &during(page(2, "ab..")));
    bad(&netmem(), &during(page(2, "....")));
    bad(&netmem(), &during(page(1, "ab..")));
    bad(&netmem(), &during(Page(1, None)));
}

#[test]
fn updates_count_each_once_and_choose_their_version() {
    use pages::Reply::Written;
    use pages::Request::Update;
    let both = |second| {
        [
            at(1, 0, 20, Update(0, -1, bytes("a")), Written(2)),
            at(2, 0, 20, Update(0, -1, bytes("b")), Written(second)),
        ]
    };
    good(&netmem(), &both(3));
    bad(&netmem(), &both(2));
    let chosen = [
        at(1, 0, 1, Update(0, i32::MAX, bytes("a")), Written(i32::MAX)),
        at(1, 2, 3, Update(0, -1, bytes("a")), Written(1)),
    ];
    good(&netmem(), &chosen);
}

#[test]
fn page_has_one_holder_until_it_lets_go_or_ends() {
    use pages::Reply::{NotLocked, Written};
    use pages::Request::{End, Lock, Unlock, Update};
    let held = [at(1, 0, 1, Lock(0, 0), page(1, "...."))];
    let with = |rest: &[TimedOf<Pages>]| [&held[..], rest].concat();
    bad(&netmem(), &with(&[at(2, 5, 6, Lock(0, 0), page(1, "...."))]));
    bad(&netmem(), &with(&[at(2, 5, 6, Update(0, -1, bytes("a")), Written(2))]));
    good(&netmem(), &with(&[at(2, 5, 6, Unlock(0, bytes("a")), NotLocked)]));
    bad(&netmem(), &with(&[at(1, 5, 6, Unlock(0, bytes("a")), NotLocked)]));
    // The second waits until the first unlocks, or ends; the end takes effect at any time.
    let waits = at(2, 5, 30, Lock(0, 0), page(1, "...."));
    good(&netmem(), &with(&[waits.clone(), at(1, 10, 0, End, None)]));
    good(&netmem(), &with(&[at(1, 3, 0, End, None), at(2, 50, 51, Lock(0, 0), page(1, "...."))]));
    let unlocks = at(1, 10, 12, Unlock(0, bytes("a")), Written(2));
    bad(&netmem(), &with(&[waits, unlocks.clone()]));
    good(&netmem(), &with(&[unlocks, at(2, 5, 30, Lock(0, 0), page(2, "a..."))]));
}

#[test]
fn nothing_of_a_session_happens_behind_its_end() {
    use pages::Request::{End, Lock};
    let granted =
        |session, from, to| at(session, from, to, Lock(0, 1), pages::Reply::Page(1, None));
    // Its lock may have been granted, and is freed; it is not granted and kept.
    good(&netmem(), &[at(1, 0, 0, Lock(0, 1), None), at(1, 5, 0, End, None), granted(2, 9, 10)]);
    let mut calls = vec![granted(1, 0, 1), at(1, 3, 0, Lock(0, 1), None), at(1, 5, 0, End, None)];
    calls.push(granted(2, 9, 10));
    good(&netmem(), &calls);
    // Without an end whoever has it keeps it.
    bad(&netmem(), &[granted(1, 0, 1), granted(2, 9, 10)]);
}

fn keys(names: &str) -> std::collections::BTreeSet<locks::Key> {
    names.bytes().map(|name| locks::Key(vec![name])).collect()
}

#[test]
fn lock_has_one_owner_until_it_is_released_or_its_session_ends() {
    use Outcome::{Busy, NotHeld, Ok, SelfHeld};
    use locks::Request::{End, Get, Query, Release};
    let held = [at(1, 0, 1, Get(keys("a")), Ok)];
    let with = |rest: &[TimedOf<Locks>]| [&held[..], rest].concat();
    good(
        &Locks,
        &with(&[at(2, 5, 6, Get(keys("a")), Busy), at(1, 7, 8, Get(keys("a")), SelfHeld)]),
    );
    bad(&Locks, &with(&[at(2, 5, 6, Get(keys("a")), Ok)]));
    bad(&Locks, &with(&[at(2, 5, 6, Query(keys("a")), Ok)]));
    good(&Locks, &with(&[at(2, 5, 6, Release(keys("a")), NotHeld)]));
    bad(&Locks, &with(&[at(2, 5, 6, Release(keys("a")), Ok)]));
    // Its end has no upper bound.
    good(&Locks, &with(&[at(1, 3, 0, End, None), at(2, 5, 6, Get(keys("a")), Ok)]));
    good(&Locks, &with(&[at(1, 3, 0, End, None), at(2, 5, 6, Get(keys("a")), Busy)]));
    let again = [at(2, 5, 6, Query(keys("a")), Ok), at(2, 7, 8, Get(keys("a")), Busy)];
    bad(&Locks, &with(&[&[at(1, 3, 0, End, None)], &again[..]].concat()));
}

#[test]
fn batch_is_all_or_nothing_and_seen_so() {
    use Outcome::{Busy, Ok};
    use locks::Request::{Get, Query};
    let seen = |first, second| {
        [
            at(1, 0, 50, Get(keys("ab")), Ok),
            at(2, 10, 11, Query(keys("a")), first),
            at(2, 20, 21, Query(keys("b")), second),
        ]
    };
    good(&Locks, &seen(Ok, Busy));
    good(&Locks, &seen(Busy, Busy));
    bad(&Locks, &seen(Busy, Ok));
    // One who is refused has taken nothing.
    let refused = |outcome| {
        [
            at(1, 0, 1, Get(keys("b")), Ok),
            at(2, 5, 6, Get(keys("ab")), Busy),
            at(3, 7, 8, Get(keys("a")), outcome),
        ]
    };
    good(&Locks, &refused(Ok));
    bad(&Locks, &refused(Busy));
}
