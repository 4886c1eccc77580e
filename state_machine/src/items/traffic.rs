//! Random commands to the cache and to its model, which have to answer alike.

use alloc::string::String;
use alloc::vec;
use bytes::Bytes;
use lockproof_protocol::memcached::{
    Command, Direction, Extras, Lookup, Recache, Side, StoreMode, Value,
};
use proptest::prelude::*;

use super::model::{ITEM_MAX, Look, Model, UNIX_START};
use super::{Config, Group, Items, Seen, ServerFacts};
use crate::Now;

/// Which CAS a request carries, told without knowing the number.
#[derive(Debug, Clone)]
enum Cas {
    None,
    Current,
    Wrong,
    Older,
    Zero,
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Ask(Cas, Command, Extras),
    Look(Bytes, Lookup),
    Peek(Bytes),
    ResetStats,
}

fn key() -> impl Strategy<Value = Bytes> {
    prop_oneof![Just("a"), Just("b"), Just("A"), Just("k\0")].prop_map(Bytes::from)
}

fn value() -> impl Strategy<Value = Value> {
    let bytes = prop_oneof![
        4 => prop::sample::select(vec![
            "", "0", "9", "10", "99 ", "100", " 7", "+3", "-0", "-1", "1x", "5 x", "x", "007",
            "18446744073709551615", "18446744073709551616",
        ]).prop_map(Bytes::from),
        2 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Bytes::from),
    ];
    prop_oneof![
        9 => bytes.prop_map(Value::Present),
        1 => (1_048_577_u32..).prop_map(Value::TooLarge),
        1 => (1_u32..1_048_577).prop_map(Value::NoMemory),
    ]
}

fn expiry() -> impl Strategy<Value = u32> {
    let now = u32::try_from(UNIX_START).unwrap();
    prop_oneof![
        4 => Just(0),
        2 => 1_u32..5,
        1 => prop::sample::select(vec![
            2_592_000, 2_592_001, now - 1, now, now + 1, now + 4, u32::MAX - 1, u32::MAX,
        ]),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let mode = prop::sample::select(vec![StoreMode::Set, StoreMode::Add, StoreMode::Replace]);
    let side = prop::sample::select(vec![Side::Append, Side::Prepend]);
    let direction = prop::sample::select(vec![Direction::Increment, Direction::Decrement]);
    let count = || prop_oneof![0_u64..20, Just(1 << 63), Just(u64::MAX)];
    let flags = prop_oneof![Just(0_u32), Just(7), Just(u32::MAX)];
    prop_oneof![
        3 => key().prop_map(|key| Command::Get { key }),
        4 => (mode, key(), flags, expiry(), value()).prop_map(
            |(mode, key, flags, expiry, value)| Command::Store { mode, key, flags, expiry, value }
        ),
        2 => (side, key(), value())
            .prop_map(|(side, key, value)| Command::Concat { side, key, value }),
        1 => key().prop_map(|key| Command::Delete { key }),
        3 => (direction, key(), count(), count(), expiry()).prop_map(
            |(direction, key, delta, initial, expiry)| {
                Command::Arithmetic { direction, key, delta, initial, expiry }
            }
        ),
        1 => (key(), expiry()).prop_map(|(key, expiry)| Command::Touch { key, expiry }),
        1 => (key(), expiry()).prop_map(|(key, expiry)| Command::GetAndTouch { key, expiry }),
        1 => expiry().prop_map(|delay| Command::Flush { delay }),
        1 => prop::sample::select(vec![Command::Noop, Command::Unknown, Command::Version]),
    ]
}

fn extras() -> impl Strategy<Value = Extras> {
    let some = (any::<bool>(), prop::option::of(expiry()), any::<bool>()).prop_map(
        |(invalidates, expiry, key_is_binary)| Extras { invalidates, expiry, key_is_binary },
    );
    prop_oneof![Just(Extras::default()), some]
}

fn lookup() -> impl Strategy<Value = Lookup> {
    let seldom = || prop_oneof![2 => Just(None), 1 => expiry().prop_map(Some)];
    let recache =
        (1_u32..6, any::<bool>()).prop_map(|(below, after_touch)| Recache { below, after_touch });
    (seldom(), seldom(), prop::option::of(recache), any::<bool>(), any::<bool>()).prop_map(
        |(touch, vivify, recache, is_peek, key_is_binary)| Lookup {
            touch,
            vivify,
            recache,
            is_peek,
            key_is_binary,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let cas = prop_oneof![
        3 => Just(Cas::None),
        1 => Just(Cas::Current),
        1 => prop::sample::select(vec![Cas::Wrong, Cas::Older, Cas::Zero]),
    ];
    prop_oneof![
        40 => (cas, command(), extras())
            .prop_map(|(cas, command, extras)| Step::Ask(cas, command, extras)),
        8 => (key(), lookup()).prop_map(|(key, lookup)| Step::Look(key, lookup)),
        4 => (key(), Just(Lookup::default())).prop_map(|(key, lookup)| Step::Look(key, lookup)),
        4 => key().prop_map(Step::Peek),
        8 => prop::sample::select(vec![1_u64, 999, 1_000, 2_500, 3_600_000])
            .prop_map(Step::Wait),
        1 => Just(Step::ResetStats),
    ]
}

fn text_of(pairs: &[(Bytes, Bytes)], name: &str) -> u64 {
    let found = pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
    String::from_utf8(found.unwrap_or_default().to_vec()).unwrap().parse().unwrap()
}

/// What the cache shows, in the model's words.
fn look_of(seen: Seen<'_>) -> Look {
    Look {
        value: seen.hit.value.to_vec(),
        flags: seen.hit.flags,
        cas: seen.hit.cas,
        ttl_before: seen.ttl_before,
        ttl: seen.ttl,
        read: seen.was_read,
        stale: seen.is_stale,
        taken: seen.is_taken,
        won: seen.is_won,
        binary: seen.key_is_binary,
    }
}

/// Shared, if that is enough.
fn look(items: &mut Items, now: Now, key: &[u8], lookup: &Lookup) -> Option<Look> {
    if let Ok(seen) = items.fetch(now, key, lookup) {
        return seen.map(look_of);
    }
    items.fetch_mut(now, key, lookup).unwrap().map(look_of)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn every_reply_is_the_models(
        cas_on in prop::bool::weighted(0.8),
        hash_seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut items = Items::new(Config {
            cas: cas_on,
            item_max: ITEM_MAX,
            unix_start: UNIX_START,
            hash_seed,
            ..Config::default()
        });
        items.keep_access_times(Now::ZERO);
        let mut model = Model::new(cas_on);
        let mut now_ms = 0;
        for step in steps {
            let now = Now::from_millis(now_ms);
            let (cas, command, extras) = match step {
                Step::Wait(milliseconds) => {
                    now_ms += milliseconds;
                    continue;
                }
                Step::ResetStats => {
                    items.reset_stats();
                    model.counts.clear();
                    continue;
                }
                Step::Look(key, lookup) => {
                    let expected = model.fetch(now_ms, &key, &lookup);
                    prop_assert_eq!(look(&mut items, now, &key, &lookup), expected, "{:?}", lookup);
                    continue;
                }
                Step::Peek(key) => {
                    let expected = model.peek(now_ms, &key);
                    let seen = items.peek(now, &key);
                    let idle = expected.as_ref().map(|(_, idle)| *idle);
                    // A tick is a sixteenth of a second.
                    prop_assert!(seen.map(|seen| seen.idle).into_iter().eq(idle)
                        || seen.zip(idle).is_some_and(|(seen, idle)| seen.idle.abs_diff(idle) <= 1));
                    prop_assert_eq!(seen.map(look_of), expected.map(|(look, _)| look));
                    continue;
                }
                Step::Ask(cas, command, extras) => (cas, command, extras),
            };
            let current = command.key().and_then(|key| model.cas_of(key)).unwrap_or(77);
            let cas = match cas {
                Cas::None => None,
                Cas::Current => Some(current),
                Cas::Wrong => Some(current + 1_000),
                Cas::Older => Some(current.saturating_sub(1)),
                Cas::Zero => Some(0),
            };
            let expected = model.run(now_ms, &command, cas, extras);
            let answered = match &command {
                Command::Get { key } => items.get(now, key),
                _ => items.run(now, &command, cas, extras),
            };
            prop_assert_eq!(answered, expected, "{:?} {:?} {:?}", command, cas, extras);
        }
        let stats = items.stats(Now::from_millis(now_ms)).pairs(Group::General, &ServerFacts::default());
        for name in [
            "cmd_get", "cmd_set", "cmd_touch", "cmd_flush", "get_hits", "get_misses",
            "delete_hits", "delete_misses", "incr_hits", "incr_misses", "decr_hits", "decr_misses",
            "cas_hits", "cas_misses", "cas_badval", "touch_hits", "touch_misses",
        ] {
            let counted = model.counts.get(name).copied().unwrap_or_default();
            prop_assert_eq!(text_of(&stats, name), counted, "{}", name);
        }
    }
}
