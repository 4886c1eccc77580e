//! Limits, eviction, flushes, statistics: what the model beside this file knows nothing of.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use bytes::Bytes;
use lockproof_protocol::memcached_binary::{
    Command, Direction, Opcode, Reply, Request, Side, Status, StoreMode, Value,
};
use proptest::prelude::*;

use super::{Config, Group, ITEM_OVERHEAD, Items, SLOT_OVERHEAD, ServerFacts};
use crate::Now;

const TOO_LARGE: Reply = Reply::Failed { status: Status::TOO_LARGE };
const NOT_FOUND: Reply = Reply::Failed { status: Status::KEY_NOT_FOUND };
const NO_MEMORY: Reply = Reply::Failed { status: Status::OUT_OF_MEMORY };
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

/// A shard with room for that many items of a one-byte key and a one-byte value.
fn room_for(count: usize, evict: bool) -> Items {
    let memory_max = count * (1 + 1 + ITEM_OVERHEAD + SLOT_OVERHEAD);
    Items::new(Config { memory_max, evict, ..Config::default() })
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
fn full_shard_drops_what_nobody_asked_for() {
    let mut items = room_for(3, true);
    for key in ["a", "b", "c"] {
        items.apply(Now::ZERO, &set(key, "v"));
    }
    assert!(value(&items, "a").is_some());
    items.apply(Now::ZERO, &set("d", "v"));
    assert_eq!(value(&items, "b"), None);
    assert!(value(&items, "a").is_some());
    let stats = items.stats(Now::ZERO);
    assert_eq!((stats.curr_items, stats.evictions, stats.reclaimed), (3, 1, 0));
}

#[test]
fn expired_items_go_before_live_ones() {
    let mut items = room_for(3, true);
    items.apply(Now::ZERO, &set("a", "v"));
    items.apply(Now::ZERO, &set("b", "v"));
    items.apply(Now::ZERO, &set_until("c", 5));
    for key in ["a", "b", "c"] {
        assert!(value(&items, key).is_some());
    }
    items.apply(at(5), &set("d", "v"));
    assert_eq!(value_at(&items, at(5), "c"), None);
    assert!(value(&items, "a").is_some() && value(&items, "b").is_some());
    assert_eq!((items.stats(at(5)).evictions, items.stats(at(5)).reclaimed), (0, 1));
}

#[test]
fn growing_item_does_not_evict_itself() {
    let mut items = room_for(2, true);
    items.apply(Now::ZERO, &set("a", "v"));
    items.apply(Now::ZERO, &set("b", "v"));
    assert!(matches!(items.apply(Now::ZERO, &append("a", "w")), Reply::Stored { .. }));
    assert_eq!(value(&items, "a").as_deref(), Some("vw"));
    assert_eq!(value(&items, "b"), None);
    let alone = "w".repeat(1 + ITEM_OVERHEAD + SLOT_OVERHEAD);
    assert!(matches!(items.apply(Now::ZERO, &append("a", &alone)), Reply::Stored { .. }));
    assert_eq!(items.apply(Now::ZERO, &append("a", "w")), NOT_STORED);
    assert_eq!(items.len(), 1);
}

#[test]
fn without_eviction_a_full_shard_refuses() {
    let mut items = room_for(2, false);
    items.apply(Now::ZERO, &set("a", "1"));
    items.apply(Now::ZERO, &set("b", "9"));
    assert_eq!(items.apply(Now::ZERO, &set("c", "v")), NO_MEMORY);
    assert_eq!(items.apply(Now::ZERO, &append("a", "w")), NOT_STORED);
    let seeded = items.apply(Now::ZERO, &increment("n"));
    assert_eq!(seeded.status(), Status::OUT_OF_MEMORY);
    assert_eq!(items.apply(Now::ZERO, &increment("b")).status(), Status::OUT_OF_MEMORY);
    assert_eq!(value(&items, "b").as_deref(), Some("9"));
    assert!(matches!(items.apply(Now::ZERO, &set("a", "2")), Reply::Stored { .. }));
    // A failed REPLACE keeps the old item, a failed SET removes it (MCB-LIM-19).
    let replace = write(StoreMode::Replace, "a", 0, b"22".to_vec());
    assert_eq!(items.apply(Now::ZERO, &replace), NO_MEMORY);
    assert_eq!(value(&items, "a").as_deref(), Some("2"));
    assert_eq!(items.apply(Now::ZERO, &set("a", "22")), NO_MEMORY);
    assert_eq!(value(&items, "a"), None);
    assert_eq!(items.stats(Now::ZERO).evictions, 0);
}

#[test]
fn without_eviction_expired_memory_comes_back() {
    let mut items = room_for(2, false);
    items.apply(Now::ZERO, &set_until("a", 5));
    items.apply(Now::ZERO, &set("b", "v"));
    assert_eq!(items.apply(at(4), &set("c", "v")), NO_MEMORY);
    assert!(matches!(items.apply(at(6), &set("c", "v")), Reply::Stored { .. }));
    assert_eq!(items.stats(at(6)).reclaimed, 1);
}

#[test]
fn item_above_all_memory_evicts_nobody() {
    let mut items = room_for(2, true);
    items.apply(Now::ZERO, &set("a", "v"));
    assert_eq!(items.apply(Now::ZERO, &set("b", &"v".repeat(500))), NO_MEMORY);
    assert!(value(&items, "a").is_some());
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
    assert_eq!(items.len(), 1);
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
fn store_keeps_no_input_buffer_alive() {
    let mut items = Items::new(Config::default());
    let mut input = bytes::BytesMut::zeroed(100);
    let (key, rest) = (input.split_to(10).freeze(), input.split_to(10).freeze());
    let mode = StoreMode::Set;
    let value = Value::Present(rest);
    let store = Command::Store { mode, key, flags: 0, expiry: 0, value };
    items.apply(Now::ZERO, &request(0, store));
    // Only the owner of the whole buffer can get its first bytes back.
    input.clear();
    assert!(input.try_reclaim(100));
}

#[test]
fn stat_groups_have_memcacheds_names() {
    let mut items = Items::new(Config { cas: false, ..Config::default() });
    let facts = ServerFacts { version: bytes("1.2.3"), threads: 4, ..ServerFacts::default() };
    let names = |items: &Items, group| -> BTreeMap<Bytes, Bytes> {
        items.stats(Now::ZERO).pairs(group, &facts).into_iter().collect()
    };
    let general = names(&items, Group::General);
    let wanted = "pid uptime time version pointer_size curr_connections total_connections cmd_get \
        cmd_set cmd_flush cmd_touch get_hits get_misses delete_hits delete_misses incr_hits \
        incr_misses decr_hits decr_misses cas_hits cas_misses cas_badval touch_hits touch_misses \
        auth_cmds auth_errors bytes_read bytes_written limit_maxbytes threads bytes curr_items \
        total_items evictions reclaimed";
    for name in wanted.split_whitespace() {
        assert!(general.contains_key(name.as_bytes()), "{name}");
    }
    assert_eq!(general["version".as_bytes()], "1.2.3");
    assert_eq!(general["threads".as_bytes()], "4");
    let settings = names(&items, Group::Settings);
    assert_eq!(settings["item_size_max".as_bytes()], "1048576");
    assert_eq!(settings["cas_enabled".as_bytes()], "no");
    assert!(names(&items, Group::Items).is_empty());
    assert_eq!(names(&items, Group::Slabs)["active_slabs".as_bytes()], "0");
    items.apply(Now::ZERO, &set("k", "v"));
    assert_eq!(names(&items, Group::Items)["items:1:number".as_bytes()], "1");
    assert_eq!(names(&items, Group::Sizes)["sizes_status".as_bytes()], "disabled");
    assert!(names(&items, Group::Reset).is_empty());
}

#[test]
fn groups_go_by_their_whole_name() {
    assert_eq!(Group::named(b""), Some(Group::General));
    assert_eq!(Group::named(b"reset"), Some(Group::Reset));
    for unknown in [&b"resetfoo"[..], b"rese", b"conns", b"Items", b"\0"] {
        assert_eq!(Group::named(unknown), None);
    }
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
    assert_eq!(all.bytes, 2 * ITEM_OVERHEAD as u64 + 5);
    assert_eq!(all.limit_maxbytes, 2 * 64 * 1024 * 1024);
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

#[derive(Debug, Clone)]
enum Step {
    Set(u8, usize),
    Append(u8, usize),
    Get(u8),
    Delete(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0_u8..12;
    prop_oneof![
        3 => (key(), 0_usize..300).prop_map(|(key, len)| Step::Set(key, len)),
        1 => (key(), 0_usize..100).prop_map(|(key, len)| Step::Append(key, len)),
        2 => key().prop_map(Step::Get),
        1 => key().prop_map(Step::Delete),
    ]
}

proptest! {
    /// A full cache may forget, but what it still has is right, it stays in its limit, and its
    /// numbers agree with what it shows.
    #[test]
    fn eviction_forgets_but_never_lies(
        memory_max in 200_usize..2_500,
        evict in any::<bool>(),
        hash_seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let config = Config { memory_max, evict, hash_seed, ..Config::default() };
        let mut items = Items::new(config);
        let mut written = BTreeMap::<String, String>::new();
        for (round, step) in steps.into_iter().enumerate() {
            let text = |len| format!("{round}-").repeat(1 + len / 4);
            match step {
                Step::Set(key, len) => {
                    let key = format!("k{key}");
                    let reply = items.apply(Now::ZERO, &set(&key, &text(len)));
                    match reply {
                        Reply::Stored { .. } => written.insert(key, text(len)),
                        _ => written.remove(&key),
                    };
                }
                Step::Append(key, len) => {
                    let key = format!("k{key}");
                    let reply = items.apply(Now::ZERO, &append(&key, &text(len)));
                    if matches!(reply, Reply::Stored { .. }) {
                        written.get_mut(&key).unwrap().push_str(&text(len));
                    }
                }
                Step::Get(key) => {
                    items.get(Now::ZERO, format!("k{key}").as_bytes());
                }
                Step::Delete(key) => {
                    let key = format!("k{key}");
                    items.apply(Now::ZERO, &request(0, Command::Delete { key: bytes(&key) }));
                    written.remove(&key);
                }
            }
            let before = written.len();
            let mut size = 0;
            // Looks without marking as visited: the bit is what eviction goes by.
            written.retain(|key, text| match items.store.get(key.as_bytes()) {
                Some(item) => {
                    assert_eq!(item.value(), text.as_bytes());
                    size += key.len() + text.len() + ITEM_OVERHEAD;
                    true
                }
                None => false,
            });
            let stats = items.stats(Now::ZERO);
            prop_assert!(evict || (before == written.len() && stats.evictions == 0));
            prop_assert_eq!(items.len(), written.len());
            prop_assert_eq!(stats.bytes, size as u64);
            prop_assert!(size + written.len() * SLOT_OVERHEAD <= memory_max);
        }
    }
}
