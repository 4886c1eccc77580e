//! Sizes, flushes, CAS and merged statistics, each rule by its shortest story; memory below.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use lockproof_protocol::memcached_binary::{
    Command, Direction, Opcode, Reply, Request, Side, Status, StoreMode, Value,
};

use super::{Config, ITEM_OVERHEAD, Items, SLOT_OVERHEAD};
use crate::Now;

mod access;
mod memory;

const TOO_LARGE: Reply = Reply::Failed { status: Status::TOO_LARGE };
const NOT_FOUND: Reply = Reply::Failed { status: Status::KEY_NOT_FOUND };
const NOT_STORED: Reply = Reply::Failed { status: Status::NOT_STORED };

fn request(cas: u64, command: Command) -> Request {
    Request { opcode: Opcode::NOOP, opaque: 0, cas, command }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn write(mode: StoreMode, key: &str, flags: u32, value: Vec<u8>) -> Request {
    let value = Value::Present(value.into());
    request(0, Command::Store { mode, key: bytes(key), flags, expiry: 0, value })
}

fn set(key: &str, value: &str) -> Request {
    write(StoreMode::Set, key, 0, value.into())
}

fn set_until(key: &str, expiry: u32) -> Request {
    let value = Value::Present(bytes("v"));
    let mode = StoreMode::Set;
    request(0, Command::Store { mode, key: bytes(key), flags: 0, expiry, value })
}

fn append(key: &str, value: &str) -> Request {
    let value = Value::Present(bytes(value));
    request(0, Command::Concat { side: Side::Append, key: bytes(key), value })
}

fn increment(key: &str) -> Request {
    let direction = Direction::Increment;
    let key = bytes(key);
    request(0, Command::Arithmetic { direction, key, delta: 1, initial: 0, expiry: 0 })
}

fn flush(delay: u32) -> Request {
    request(0, Command::Flush { delay })
}

fn at(seconds: u64) -> Now {
    Now::from_secs(seconds)
}

fn value_at(items: &Items, now: Now, key: &str) -> Option<String> {
    match items.get(now, key.as_bytes()) {
        Reply::Found { value, .. } => Some(String::from_utf8(value.to_vec()).unwrap()),
        _ => None,
    }
}

fn value(items: &Items, key: &str) -> Option<String> {
    value_at(items, Now::ZERO, key)
}

#[test]
fn largest_value_is_that_of_memcached() {
    let mut items = Items::new(Config::default());
    for (key, flags, max) in [("k", 0, 1_048_516), ("key", 0, 1_048_514), ("k", 1, 1_048_512)] {
        let fits = write(StoreMode::Set, key, flags, vec![b'v'; max]);
        let is_over = write(StoreMode::Set, key, flags, vec![b'v'; max + 1]);
        assert!(matches!(items.apply(Now::ZERO, &fits), Reply::Stored { .. }), "{max}");
        assert_eq!(items.apply(Now::ZERO, &is_over), TOO_LARGE, "{max}");
    }
}

#[test]
fn too_large_set_removes_and_other_modes_keep() {
    let mut items = Items::new(Config { item_max: 100, ..Config::default() });
    let large = || vec![b'x'; 100];
    for mode in [StoreMode::Add, StoreMode::Replace] {
        items.apply(Now::ZERO, &set("k", "old"));
        assert_eq!(items.apply(Now::ZERO, &write(mode, "k", 0, large())), TOO_LARGE);
        assert_eq!(value(&items, "k").as_deref(), Some("old"));
    }
    let all = core::str::from_utf8(&[b'x'; 100]).unwrap();
    assert_eq!(items.apply(Now::ZERO, &append("k", all)), TOO_LARGE);
    assert_eq!(items.apply(Now::ZERO, &append("k", &all[..40])), NOT_STORED);
    assert_eq!(value(&items, "k").as_deref(), Some("old"));
    let mut with_wrong_cas = write(StoreMode::Set, "k", 0, large());
    with_wrong_cas.cas = 99;
    assert_eq!(items.apply(Now::ZERO, &with_wrong_cas), TOO_LARGE);
    assert_eq!(value(&items, "k"), None);
}

#[test]
fn delayed_flush_fires_at_its_deadline() {
    let mut items = Items::new(Config::default());
    items.apply(at(10), &set("before", "v"));
    items.apply(at(10), &flush(5));
    items.apply(at(14), &set("between", "v"));
    let just_before = at(15).saturating_sub(Now::from_nanos(1));
    for key in ["before", "between"] {
        assert!(value_at(&items, just_before, key).is_some(), "{key}");
        assert_eq!(value_at(&items, at(15), key), None, "{key}");
    }
    assert_eq!(items.stats(at(15)).curr_items, 0);
    items.apply(at(15), &set("after", "v"));
    assert!(value_at(&items, at(100), "after").is_some());
    assert_eq!(items.store.len(), 1);
}

#[test]
fn later_flush_replaces_the_pending_one() {
    let mut items = Items::new(Config::default());
    items.apply(at(0), &flush(5));
    items.apply(at(1), &flush(100));
    items.apply(at(1), &set("k", "v"));
    assert!(value_at(&items, at(100), "k").is_some());
    items.apply(at(50), &flush(0));
    items.apply(at(50), &set("k", "v"));
    assert!(value_at(&items, at(1_000), "k").is_some());
}

#[test]
fn flush_can_be_forbidden() {
    let mut items = Items::new(Config { flush_enabled: false, ..Config::default() });
    items.apply(Now::ZERO, &set("k", "v"));
    let refused = Reply::Failed { status: Status::AUTH_ERROR };
    assert_eq!(items.apply(Now::ZERO, &flush(0)), refused);
    assert!(value(&items, "k").is_some());
}

#[test]
fn shards_never_share_a_cas() {
    let shard = |cas_first| {
        let mut items = Items::new(Config { cas_first, cas_step: 3, ..Config::default() });
        let cas_of = |reply| if let Reply::Stored { cas } = reply { cas } else { 0 };
        [(); 3].map(|()| cas_of(items.apply(Now::ZERO, &set("k", "v"))))
    };
    assert_eq!([1, 2, 3].map(shard), [[1, 4, 7], [2, 5, 8], [3, 6, 9]]);
}

#[test]
fn cas_wraps_past_zero() {
    let mut items = Items::new(Config { cas_first: u64::MAX, ..Config::default() });
    let stored = [(); 2].map(|()| items.apply(Now::ZERO, &set("k", "v")));
    assert_eq!(stored, [Reply::Stored { cas: u64::MAX }, Reply::Stored { cas: 1 }]);
}

#[test]
fn merged_stats_count_a_flush_once() {
    let mut shards = [1, 2]
        .map(|first| Items::new(Config { cas_first: first, cas_step: 2, ..Config::default() }));
    shards[0].apply(Now::ZERO, &set("a", "v"));
    shards[1].get(Now::ZERO, b"b");
    shards[1].apply(Now::ZERO, &set("b", "vv"));
    let mut all = shards[0].stats(Now::ZERO);
    all.merge(&shards[1].stats(Now::ZERO));
    assert_eq!((all.cmd_get, all.cmd_set, all.curr_items), (1, 2, 2));
    assert_eq!(all.bytes, 2 * (ITEM_OVERHEAD + SLOT_OVERHEAD) as u64 + 5);
    for shard in &mut shards {
        shard.apply(Now::ZERO, &flush(0));
    }
    all = shards[0].stats(Now::ZERO);
    all.merge(&shards[1].stats(Now::ZERO));
    assert_eq!((all.cmd_flush, all.curr_items, all.bytes), (1, 0, 0));
}

#[test]
fn over_long_key_is_refused() {
    let mut items = Items::new(Config::default());
    assert!(matches!(items.apply(Now::ZERO, &set(&"k".repeat(250), "v")), Reply::Stored { .. }));
    let refused = Reply::Failed { status: Status::INVALID_ARGUMENTS };
    assert_eq!(items.apply(Now::ZERO, &set(&"k".repeat(251), "v")), refused);
    assert_eq!(items.get(Now::ZERO, "k".repeat(251).as_bytes()), NOT_FOUND);
}
