//! Memory: who is dropped for room, who is refused, and what comes back.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use bytes::BytesMut;
use lockproof_protocol::memcached_binary::{Command, Reply, Status, StoreMode, Value};
use proptest::prelude::*;

use super::{
    NOT_STORED, append, at, bytes, flush, increment, request, set, set_until, value, value_at,
    write,
};
use crate::Now;
use crate::items::{Config, ITEM_OVERHEAD, Items, SLOT_OVERHEAD};

const NO_MEMORY: Reply = Reply::Failed { status: Status::OUT_OF_MEMORY };

/// A shard with room for that many items of a one-byte key and a one-byte value.
fn room_for(count: usize, evict: bool) -> Items {
    let memory_max = count * (1 + 1 + ITEM_OVERHEAD + SLOT_OVERHEAD);
    Items::new(Config { memory_max, evict, ..Config::default() })
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
fn whoever_writes_to_an_item_asks_for_it() {
    let key = || bytes("a");
    let touch = Command::Touch { key: key(), expiry: 0 };
    let get_and_touch = Command::GetAndTouch { key: key(), expiry: 0 };
    for asking in [
        set("a", "w"),
        write(StoreMode::Add, "a", 0, b"w".to_vec()),
        append("a", ""),
        request(0, touch),
        request(0, get_and_touch),
    ] {
        let mut items = room_for(2, true);
        items.apply(Now::ZERO, &set("a", "v"));
        items.apply(Now::ZERO, &set("b", "v"));
        items.apply(Now::ZERO, &asking);
        items.apply(Now::ZERO, &set("c", "v"));
        assert_eq!((value(&items, "a").is_some(), value(&items, "b")), (true, None), "{asking:?}");
    }
}

#[test]
fn what_ends_at_once_leaves_no_memory_taken() {
    let mut items = Items::new(Config { unix_start: 1_700_000_000, ..Config::default() });
    let past = 2_592_001;
    let touch = request(0, Command::Touch { key: bytes("a"), expiry: past });
    for ending in [set_until("a", past), touch, flush(0)] {
        items.apply(Now::ZERO, &set("a", "v"));
        items.apply(Now::ZERO, &ending);
        assert_eq!((items.store.len(), items.stats(Now::ZERO).bytes), (0, 0), "{ending:?}");
    }
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
    assert_eq!(items.store.len(), 1);
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
fn expired_item_in_the_way_is_reclaimed() {
    let mut items = Items::new(Config::default());
    items.apply(Now::ZERO, &set_until("a", 5));
    assert_eq!(value_at(&items, at(5), "a"), None);
    assert_eq!((items.store.len(), items.stats(at(5)).reclaimed), (1, 0));
    assert_eq!(items.apply(at(5), &append("a", "w")), NOT_STORED);
    assert_eq!((items.store.len(), items.stats(at(5)).reclaimed), (0, 1));
}

#[test]
fn item_above_all_memory_is_too_large() {
    let mut items = room_for(2, true);
    items.apply(Now::ZERO, &set("a", "v"));
    let largest = 3 + ITEM_OVERHEAD + SLOT_OVERHEAD;
    let refused = items.apply(Now::ZERO, &set("b", &"v".repeat(largest + 1)));
    assert_eq!(refused.status(), Status::TOO_LARGE);
    assert!(value(&items, "a").is_some());
    let stored = items.apply(Now::ZERO, &set("b", &"v".repeat(largest)));
    assert!(matches!(stored, Reply::Stored { .. }));
    assert_eq!(items.stats(Now::ZERO).bytes, items.config.memory_max as u64);
}

#[test]
fn store_keeps_no_input_buffer_alive() {
    let mut items = Items::new(Config::default());
    let mut input = BytesMut::zeroed(100);
    let (key, rest) = (input.split_to(10).freeze(), input.split_to(10).freeze());
    let mode = StoreMode::Set;
    let value = Value::Present(rest);
    let store = Command::Store { mode, key, flags: 0, expiry: 0, value };
    items.apply(Now::ZERO, &request(0, store));
    // Only the owner of the whole buffer can get its first bytes back.
    input.clear();
    assert!(input.try_reclaim(100));
}

#[derive(Debug, Clone)]
enum Step {
    Set(u8, usize),
    Append(u8, usize),
    Get(u8),
    Delete(u8),
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0_u8..12;
    prop_oneof![
        9 => (key(), 0_usize..300).prop_map(|(key, len)| Step::Set(key, len)),
        3 => (key(), 0_usize..100).prop_map(|(key, len)| Step::Append(key, len)),
        6 => key().prop_map(Step::Get),
        3 => key().prop_map(Step::Delete),
        1 => Just(Step::Flush),
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
                    // Where there is somebody to drop there is room for what fits at all.
                    let alone = key.len() + text(len).len() + ITEM_OVERHEAD + SLOT_OVERHEAD;
                    let fits = alone <= memory_max;
                    let is_stored = matches!(reply, Reply::Stored { .. });
                    prop_assert!(!evict || fits == is_stored);
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
                Step::Flush => {
                    items.apply(Now::ZERO, &flush(0));
                    written.clear();
                }
            }
            let before = written.len();
            let mut size = 0;
            // Looks without marking as visited: the bit is what eviction goes by.
            written.retain(|key, text| match items.store.find(key.as_bytes()) {
                Some(place) => {
                    assert_eq!(items.store.item(place).value(), text.as_bytes());
                    size += key.len() + text.len() + ITEM_OVERHEAD + SLOT_OVERHEAD;
                    true
                }
                None => false,
            });
            let stats = items.stats(Now::ZERO);
            prop_assert!(evict || (before == written.len() && stats.evictions == 0));
            prop_assert_eq!(items.store.len(), written.len());
            prop_assert_eq!(stats.bytes, size as u64);
            prop_assert!(size <= memory_max);
        }
    }
}
