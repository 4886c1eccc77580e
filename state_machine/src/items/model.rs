//! The cache once more, as small and slow as it can be, and random commands to both.
//!
//! Shares no code with the real one: a list of items, times in milliseconds, strings for counters.
//! It knows nothing of memory limits; the tests beside it look at those.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;
use lockproof_protocol::memcached_binary::{
    Command, Direction, Opcode, Reply, Request, Side, Status, StoreMode, Value,
};
use proptest::prelude::*;

use super::{Config, Group, Items, ServerFacts};
use crate::Now;

const UNIX_START: u64 = 1_700_000_000;
const ITEM_MAX: usize = 130;
const FOREVER: u64 = u64::MAX;

struct Stored {
    value: Vec<u8>,
    flags: u32,
    cas: u64,
    dies_ms: u64,
}

/// The naive cache.
struct Model {
    cas_on: bool,
    items: BTreeMap<Vec<u8>, Stored>,
    last_cas: u64,
    flush_ms: u64,
    counts: BTreeMap<&'static str, u64>,
}

impl Model {
    fn new(cas_on: bool) -> Self {
        Self {
            cas_on,
            items: BTreeMap::new(),
            last_cas: 0,
            flush_ms: FOREVER,
            counts: BTreeMap::new(),
        }
    }

    fn bump(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    fn dies(now_ms: u64, expiry: u32) -> u64 {
        match u64::from(expiry) {
            0 => FOREVER,
            relative if relative <= 30 * 24 * 3600 => now_ms + relative * 1000,
            date if date <= UNIX_START => 0,
            date => (date - UNIX_START) * 1000,
        }
    }

    fn forget_the_dead(&mut self, now_ms: u64) {
        if self.flush_ms <= now_ms {
            self.items.clear();
            self.flush_ms = FOREVER;
        }
        self.items.retain(|_, item| item.dies_ms > now_ms);
    }

    fn put(&mut self, now_ms: u64, key: &[u8], value: Vec<u8>, flags: u32, dies_ms: u64) -> u64 {
        if self.cas_on {
            self.last_cas += 1;
        }
        let cas = self.last_cas;
        self.items.insert(key.to_vec(), Stored { value, flags, cas, dies_ms });
        self.forget_the_dead(now_ms);
        cas
    }

    fn is_too_large(key: &[u8], flags: u32, value: usize) -> bool {
        48 + 8 + key.len() + 1 + value + 2 + if flags > 0 { 4 } else { 0 } > ITEM_MAX
    }

    fn run(&mut self, now_ms: u64, request: &Request) -> Reply {
        self.forget_the_dead(now_ms);
        let fail = |status| Reply::Failed { status };
        let key = request.key().map(|key| key.to_vec()).unwrap_or_default();
        let (there, cas_there) = match self.items.get(&key) {
            Some(item) => (true, item.cas),
            None => (false, 0),
        };
        let asked = request.cas;
        match &request.command {
            Command::Get { .. } => {
                self.bump("cmd_get");
                self.bump(if there { "get_hits" } else { "get_misses" });
                self.show(&key).unwrap_or(fail(Status::KEY_NOT_FOUND))
            }
            Command::Store { mode, flags, expiry, value, .. } => {
                let (Value::Present(_) | Value::TooLarge(_)) = value;
                if Self::is_too_large(&key, *flags, value.len()) {
                    if *mode == StoreMode::Set {
                        self.items.remove(&key);
                    }
                    return fail(Status::TOO_LARGE);
                }
                self.bump("cmd_set");
                if asked != 0 && self.cas_on {
                    if !there {
                        self.bump("cas_misses");
                        return fail(Status::KEY_NOT_FOUND);
                    }
                    if cas_there != asked {
                        self.bump("cas_badval");
                        return fail(Status::KEY_EXISTS);
                    }
                    self.bump("cas_hits");
                } else if *mode == StoreMode::Add && there {
                    return fail(Status::KEY_EXISTS);
                } else if *mode == StoreMode::Replace && !there {
                    return fail(Status::KEY_NOT_FOUND);
                }
                let Value::Present(bytes) = value else { unreachable!("it would be too large") };
                let dies_ms = Self::dies(now_ms, *expiry);
                Reply::Stored { cas: self.put(now_ms, &key, bytes.to_vec(), *flags, dies_ms) }
            }
            Command::Concat { side, value, .. } => {
                if Self::is_too_large(&key, 0, value.len()) {
                    return fail(Status::TOO_LARGE);
                }
                self.bump("cmd_set");
                let Some(old) = self.items.get(&key) else { return fail(Status::NOT_STORED) };
                if self.cas_on && asked != 0 && asked != cas_there {
                    return fail(Status::KEY_EXISTS);
                }
                let Value::Present(added) = value else { unreachable!("it would be too large") };
                let whole = match side {
                    Side::Append => [&old.value[..], &added[..]].concat(),
                    Side::Prepend => [&added[..], &old.value[..]].concat(),
                };
                let (flags, dies_ms) = (old.flags, old.dies_ms);
                if Self::is_too_large(&key, flags, whole.len()) {
                    return fail(Status::NOT_STORED);
                }
                Reply::Stored { cas: self.put(now_ms, &key, whole, flags, dies_ms) }
            }
            Command::Delete { .. } => {
                if !there {
                    self.bump("delete_misses");
                    return fail(Status::KEY_NOT_FOUND);
                }
                if asked != 0 && asked != cas_there {
                    return fail(Status::KEY_EXISTS);
                }
                self.bump("delete_hits");
                self.items.remove(&key);
                Reply::Done
            }
            Command::Arithmetic { direction, delta, initial, expiry, .. } => {
                let up = *direction == Direction::Increment;
                if !there {
                    if *expiry == 0xffff_ffff {
                        self.bump(if up { "incr_misses" } else { "decr_misses" });
                        return fail(Status::KEY_NOT_FOUND);
                    }
                    let text = initial.to_string().into_bytes();
                    let dies_ms = Self::dies(now_ms, *expiry);
                    let cas = self.put(now_ms, &key, text, 0, dies_ms);
                    return Reply::Counter { value: *initial, cas };
                }
                let Stored { value, flags, dies_ms, .. } = &self.items[&key];
                if !value.is_empty() && asked != 0 && asked != cas_there {
                    return fail(Status::KEY_EXISTS);
                }
                let Some(old) = number(value) else { return fail(Status::NON_NUMERIC) };
                let new = match up {
                    true => ((u128::from(old) + u128::from(*delta)) % (1 << 64)) as u64,
                    false if *delta > old => 0,
                    false => old - delta,
                };
                let text = format!("{new:<width$}", width = value.len()).into_bytes();
                let (flags, dies_ms) = (*flags, *dies_ms);
                self.bump(if up { "incr_hits" } else { "decr_hits" });
                let cas = self.put(now_ms, &key, text, flags, dies_ms);
                Reply::Counter { value: new, cas }
            }
            Command::Touch { expiry, .. } | Command::GetAndTouch { expiry, .. } => {
                self.bump("cmd_touch");
                self.bump(if there { "touch_hits" } else { "touch_misses" });
                let Some(found) = self.show(&key) else { return fail(Status::KEY_NOT_FOUND) };
                self.items.get_mut(&key).unwrap().dies_ms = Self::dies(now_ms, *expiry);
                match (&request.command, found) {
                    (Command::Touch { .. }, Reply::Found { flags, cas, .. }) => {
                        Reply::Touched { flags, cas }
                    }
                    (_, found) => found,
                }
            }
            Command::Flush { delay } => {
                self.bump("cmd_flush");
                self.flush_ms = if *delay == 0 { 0 } else { Self::dies(now_ms, *delay) };
                Reply::Done
            }
            _ => fail(Status::UNKNOWN_COMMAND),
        }
    }

    fn show(&self, key: &[u8]) -> Option<Reply> {
        let Stored { value, flags, cas, .. } = self.items.get(key)?;
        Some(Reply::Found { flags: *flags, cas: *cas, value: value.clone().into() })
    }
}

/// The number of a value, by way of a string and the standard library's parser.
fn number(value: &[u8]) -> Option<u64> {
    let text: String = value.iter().map(|byte| char::from(*byte)).collect();
    let space = |c: char| " \t\n\u{b}\u{c}\r".contains(c);
    let text = text.trim_start_matches(space);
    let word = text.split(|c: char| space(c) || c == '\0').next()?;
    if word.len() > 1 && word.starts_with('-') && word[1..].chars().all(|c| c == '0') {
        return Some(0);
    }
    word.parse().ok()
}

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
        4 => prop::sample::select(alloc::vec![
            "", "0", "9", "10", "99 ", "100", " 7", "+3", "-0", "-1", "1x", "5 x", "x", "007",
            "18446744073709551615", "18446744073709551616",
        ]).prop_map(Bytes::from),
        2 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Bytes::from),
    ];
    prop_oneof![
        9 => bytes.prop_map(Value::Present),
        1 => (1_048_577_u32..).prop_map(Value::TooLarge),
    ]
}

fn expiry() -> impl Strategy<Value = u32> {
    let now = u32::try_from(UNIX_START).unwrap();
    prop_oneof![
        4 => Just(0),
        2 => 1_u32..5,
        1 => prop::sample::select(alloc::vec![
            2_592_000, 2_592_001, now - 1, now, now + 1, now + 4, u32::MAX - 1, u32::MAX,
        ]),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    let mode =
        prop::sample::select(alloc::vec![StoreMode::Set, StoreMode::Add, StoreMode::Replace]);
    let side = prop::sample::select(alloc::vec![Side::Append, Side::Prepend]);
    let direction = prop::sample::select(alloc::vec![Direction::Increment, Direction::Decrement]);
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
        1 => prop::sample::select(alloc::vec![Command::Noop, Command::Unknown, Command::Version]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let cas = prop_oneof![3 => Just(Cas::None), 1 => Just(Cas::Current), 1 => Just(Cas::Wrong)];
    prop_oneof![
        40 => (cas, command()).prop_map(|(cas, command)| Step::Ask(cas, command)),
        8 => prop::sample::select(alloc::vec![1_u64, 999, 1_000, 2_500, 3_600_000])
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
            let current =
                request.key().and_then(|key| model.items.get(&key[..])).map_or(77, |item| item.cas);
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
