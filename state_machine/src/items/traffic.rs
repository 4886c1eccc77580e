//! Random commands to the cache and to its model, which have to answer alike.

use alloc::string::String;
use alloc::vec;
use bytes::Bytes;
use lockproof_protocol::memcached_binary::{
    Command, Direction, Opcode, Request, Side, StoreMode, Value,
};
use proptest::prelude::*;

use super::model::{ITEM_MAX, Model, UNIX_START};
use super::{Config, Group, Items, ServerFacts};
use crate::Now;

/// Which CAS a request carries, told without knowing the number.
#[derive(Debug, Clone)]
enum Cas {
    None,
    Current,
    Wrong,
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Ask(Cas, Command),
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

fn step() -> impl Strategy<Value = Step> {
    let cas = prop_oneof![3 => Just(Cas::None), 1 => Just(Cas::Current), 1 => Just(Cas::Wrong)];
    prop_oneof![
        40 => (cas, command()).prop_map(|(cas, command)| Step::Ask(cas, command)),
        8 => prop::sample::select(vec![1_u64, 999, 1_000, 2_500, 3_600_000])
            .prop_map(Step::Wait),
        1 => Just(Step::ResetStats),
    ]
}

fn text_of(pairs: &[(Bytes, Bytes)], name: &str) -> u64 {
    let found = pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
    String::from_utf8(found.unwrap_or_default().to_vec()).unwrap().parse().unwrap()
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
        let mut model = Model::new(cas_on);
        let mut now_ms = 0;
        for step in steps {
            let (cas, command) = match step {
                Step::Wait(milliseconds) => {
                    now_ms += milliseconds;
                    continue;
                }
                Step::ResetStats => {
                    items.reset_stats();
                    model.counts.clear();
                    continue;
                }
                Step::Ask(cas, command) => (cas, command),
            };
            let mut request = Request { opcode: Opcode::NOOP, opaque: 0, cas: 0, command };
            let current = request.key().and_then(|key| model.cas_of(key)).unwrap_or(77);
            request.cas = match cas {
                Cas::None => 0,
                Cas::Current => current,
                Cas::Wrong => current + 1_000,
            };
            let now = Now::from_millis(now_ms);
            let expected = model.run(now_ms, &request);
            let answered = match &request.command {
                Command::Get { key } => items.get(now, key),
                _ => items.apply(now, &request),
            };
            prop_assert_eq!(answered, expected, "{:?}", request);
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
