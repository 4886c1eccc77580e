//! Single rules of the pages, each by its shortest story.

use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use lockproof_protocol::netmem::{PageReply, Reply, Request, WriteReply};

use super::{Config, Pages, Progress, Since};
use crate::{Effect, Now, SessionId};

fn pages() -> Pages {
    Pages::new(Config { pages: 2, page_len: 4, ..Config::default() })
}

fn lock(page: u32) -> Request {
    Request::Lock { page, version: 0 }
}

fn unlock(page: u32, data: &'static str) -> Request {
    Request::Unlock { page, version: 0, data: Bytes::from(data) }
}

fn update(page: u32, version: i32, data: &'static str) -> Request {
    Request::Update { page, version, data: Bytes::from(data) }
}

/// What comes of one request: who is answered what.
fn ask(pages: &mut Pages, session: u64, request: Request) -> Vec<(u64, Reply)> {
    let mut effects = Vec::new();
    let progress = pages.apply(Now::ZERO, SessionId(session), request, &mut effects);
    let is_answered = effects.first().is_some_and(|effect| effect.to == SessionId(session));
    assert_eq!(progress == Progress::Done, is_answered);
    plain(effects)
}

fn end(pages: &mut Pages, session: u64) -> Vec<(u64, Reply)> {
    let mut effects = Vec::new();
    pages.end_session(Now::ZERO, SessionId(session), &mut effects);
    plain(effects)
}

fn plain(effects: Vec<Effect<Reply>>) -> Vec<(u64, Reply)> {
    effects.into_iter().map(|effect| (effect.to.0, effect.reply)).collect()
}

fn granted(session: u64, version: i32, data: &'static str) -> (u64, Reply) {
    let data = Some(Bytes::from(data));
    (session, Reply::Page { kind: PageReply::Lock, page: 0, version, data })
}

fn written(session: u64, kind: WriteReply, version: i32) -> (u64, Reply) {
    (session, Reply::Written { kind, page: 0, version })
}

fn content(pages: &Pages) -> (i32, Bytes) {
    match pages.read(&Request::Read { page: 0, version: -1 }) {
        Reply::Page { version, data: Some(data), .. } => (version, data),
        other => panic!("{other:?}"),
    }
}

#[test]
fn new_page_is_zeroes_of_version_1() {
    assert_eq!(content(&pages()), (1, Bytes::from("\0\0\0\0")));
    let known = pages().read(&Request::Read { page: 0, version: 1 });
    let shown = Reply::Page { kind: PageReply::Read, page: 0, version: 1, data: None };
    assert_eq!(known, shown);
}

#[test]
fn release_wakes_oldest_waiter() {
    let mut pages = pages();
    assert_eq!(ask(&mut pages, 1, lock(0)), [granted(1, 1, "\0\0\0\0")]);
    assert_eq!(ask(&mut pages, 3, lock(0)), []);
    assert_eq!(ask(&mut pages, 2, lock(0)), []);
    assert_eq!(
        ask(&mut pages, 1, unlock(0, "abcd")),
        [written(1, WriteReply::Unlock, 2), granted(3, 2, "abcd")]
    );
    assert_eq!(end(&mut pages, 3), [granted(2, 2, "abcd")]);
}

#[test]
fn updates_wait_in_the_same_line_as_locks() {
    let mut pages = pages();
    ask(&mut pages, 1, lock(0));
    ask(&mut pages, 2, update(0, -1, "x"));
    ask(&mut pages, 3, update(0, 9, "xy"));
    ask(&mut pages, 4, lock(0));
    ask(&mut pages, 5, update(0, -1, "z"));
    assert_eq!(
        end(&mut pages, 1),
        [
            written(2, WriteReply::Update, 2),
            written(3, WriteReply::Update, 9),
            granted(4, 9, "xy\0\0")
        ]
    );
    assert_eq!(end(&mut pages, 4), [written(5, WriteReply::Update, 10)]);
}

#[test]
fn dead_waiter_is_passed_over() {
    let mut pages = pages();
    ask(&mut pages, 1, lock(0));
    ask(&mut pages, 2, lock(0));
    ask(&mut pages, 3, update(0, -1, "dead"));
    ask(&mut pages, 4, lock(0));
    assert_eq!(end(&mut pages, 2), []);
    assert_eq!(end(&mut pages, 3), []);
    assert_eq!(end(&mut pages, 1), [granted(4, 1, "\0\0\0\0")]);
}

#[test]
fn holder_locks_again_at_once_and_unlocks_once() {
    let mut pages = pages();
    ask(&mut pages, 1, lock(0));
    assert_eq!(ask(&mut pages, 1, lock(0)), [granted(1, 1, "\0\0\0\0")]);
    assert_eq!(ask(&mut pages, 1, unlock(0, "")), [written(1, WriteReply::Unlock, 2)]);
    assert_eq!(ask(&mut pages, 1, unlock(0, "")), [(1, Reply::NotLocked { page: 0 })]);
}

#[test]
fn holders_update_releases() {
    let mut pages = pages();
    ask(&mut pages, 1, lock(0));
    ask(&mut pages, 2, lock(0));
    assert_eq!(
        ask(&mut pages, 1, update(0, 7, "new!")),
        [written(1, WriteReply::Update, 7), granted(2, 7, "new!")]
    );
    assert_eq!(ask(&mut pages, 1, unlock(0, "")), [(1, Reply::NotLocked { page: 0 })]);
}

#[test]
fn stranger_cannot_unlock() {
    let mut pages = pages();
    ask(&mut pages, 1, lock(0));
    assert_eq!(ask(&mut pages, 2, unlock(0, "evil")), [(2, Reply::NotLocked { page: 0 })]);
    assert_eq!(content(&pages), (1, Bytes::from("\0\0\0\0")));
    assert_eq!(ask(&mut pages, 1, unlock(0, "good")), [written(1, WriteReply::Unlock, 2)]);
}

#[test]
fn too_long_payload_changes_nothing() {
    let mut pages = pages();
    ask(&mut pages, 1, lock(0));
    let refused = |session| [(session, Reply::NoSuchPage { page: 0 })];
    assert_eq!(ask(&mut pages, 1, unlock(0, "12345")), refused(1));
    assert_eq!(ask(&mut pages, 2, update(0, 5, "12345")), refused(2));
    assert_eq!(content(&pages), (1, Bytes::from("\0\0\0\0")));
    assert_eq!(ask(&mut pages, 1, unlock(0, "1234")), [written(1, WriteReply::Unlock, 2)]);
}

#[test]
fn short_payload_keeps_the_rest() {
    let mut pages = pages();
    ask(&mut pages, 1, update(0, 2, "abcd"));
    ask(&mut pages, 1, update(0, 3, "XY"));
    assert_eq!(content(&pages), (3, Bytes::from("XYcd")));
    ask(&mut pages, 1, update(0, 4, ""));
    assert_eq!(content(&pages), (4, Bytes::from("XYcd")));
}

#[test]
fn version_wraps_to_1_and_takes_what_is_sent() {
    let mut pages = pages();
    for (sent, becomes) in [(i32::MAX, i32::MAX), (-1, 1), (0, 0), (i32::MIN, 1), (41, 41)] {
        let reply = ask(&mut pages, 1, update(0, sent, ""));
        assert_eq!(reply, [written(1, WriteReply::Update, becomes)], "{sent}");
    }
    ask(&mut pages, 1, update(0, i32::MAX, ""));
    ask(&mut pages, 1, lock(0));
    assert_eq!(ask(&mut pages, 1, unlock(0, "")), [written(1, WriteReply::Unlock, 1)]);
}

#[test]
fn page_past_the_last_does_not_exist() {
    let mut pages = pages();
    for page in [2, u32::MAX] {
        let read = Request::Read { page, version: 0 };
        for request in [read, lock(page), unlock(page, "x"), update(page, 1, "x")] {
            assert_eq!(ask(&mut pages, 1, request), [(1, Reply::NoSuchPage { page })]);
        }
    }
}

#[test]
fn pages_are_independent_and_reads_do_not_wait() {
    let mut pages = pages();
    ask(&mut pages, 1, lock(0));
    assert_eq!(ask(&mut pages, 2, Request::Read { page: 0, version: 0 }).len(), 1);
    assert!(matches!(ask(&mut pages, 2, lock(1))[..], [(2, Reply::Page { page: 1, .. })]));
    assert_eq!(end(&mut pages, 1), []);
    assert_eq!(ask(&mut pages, 2, lock(0)), [granted(2, 1, "\0\0\0\0")]);
}

#[test]
fn who_holds_and_waits_is_shown_with_since_when() {
    let mut pages = pages();
    let at = Now::from_secs;
    let since = |session, seconds| Since { session: SessionId(session), at: at(seconds) };
    let mut effects = Vec::new();
    for (second, session) in [(1, 1), (2, 2), (3, 1), (4, 3)] {
        let _ = pages.apply(at(second), SessionId(session), lock(1), &mut effects);
    }
    let seen = |pages: &Pages| -> Vec<_> {
        pages.taken().map(|it| (it.page, it.holder, it.waiters().collect::<Vec<_>>())).collect()
    };
    // Locked a second time at 3, held since 1.
    assert_eq!(seen(&pages), [(1, since(1, 1), [since(2, 2), since(3, 4)].to_vec())]);
    pages.end_session(at(5), SessionId(1), &mut effects);
    assert_eq!(seen(&pages), [(1, since(2, 5), [since(3, 4)].to_vec())]);
    pages.end_session(at(6), SessionId(3), &mut effects);
    pages.end_session(at(7), SessionId(2), &mut effects);
    assert_eq!(seen(&pages), []);
}

#[test]
fn shared_reference_refuses_to_change() {
    for request in [lock(0), unlock(0, ""), update(0, 1, "x")] {
        assert_eq!(pages().read(&request), Reply::NotLocked { page: 0 });
    }
}

#[test]
fn queued_update_keeps_no_input_buffer_alive() {
    let mut pages = pages();
    ask(&mut pages, 1, lock(0));
    let mut input = BytesMut::zeroed(100);
    let data = input.split_to(4).freeze();
    ask(&mut pages, 2, Request::Update { page: 0, version: -1, data });
    input.clear();
    assert!(input.try_reclaim(100));
}

#[test]
fn one_waiter_too_many_is_turned_away() {
    let mut pages = Pages::new(Config { pages: 2, page_len: 4, waiters_max: 2 });
    let mut asks =
        |session, page| pages.apply(Now::ZERO, SessionId(session), lock(page), &mut Vec::new());
    assert_eq!(
        (asks(1, 0), asks(2, 0), asks(3, 0)),
        (Progress::Done, Progress::Waiting, Progress::Waiting)
    );
    assert_eq!(asks(4, 0), Progress::TooMany);
    assert_eq!(
        (asks(5, 1), asks(6, 1)),
        (Progress::Done, Progress::Waiting),
        "another page, another queue"
    );
    // Who was turned away is not in the queue; and a place in it is free again.
    assert_eq!(end(&mut pages, 1), [granted(2, 1, "\0\0\0\0")]);
    let mut asks = |session| pages.apply(Now::ZERO, SessionId(session), lock(0), &mut Vec::new());
    assert_eq!((asks(7), asks(8)), (Progress::Waiting, Progress::TooMany));
}
