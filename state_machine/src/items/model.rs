//! The cache once more, as small and slow as it can be.
//!
//! Shares no code with the real one: a list of items, times in milliseconds, strings for counters.
//! It knows nothing of memory limits; the tests beside it look at those.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use lockproof_protocol::memcached_binary::{
    Command, Direction, Reply, Request, Side, Status, StoreMode, Value,
};

pub(super) const UNIX_START: u64 = 1_700_000_000;
pub(super) const ITEM_MAX: usize = 130;
const FOREVER: u64 = u64::MAX;

type Ran = Result<Reply, Status>;

struct Stored {
    value: Vec<u8>,
    flags: u32,
    cas: u64,
    dies_ms: u64,
}

/// The naive cache.
pub(super) struct Model {
    cas_on: bool,
    items: BTreeMap<Vec<u8>, Stored>,
    last_cas: u64,
    flush_ms: u64,
    /// What was counted, by the names of the statistics.
    pub(super) counts: BTreeMap<&'static str, u64>,
}

impl Model {
    pub(super) fn new(cas_on: bool) -> Self {
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

    pub(super) fn run(&mut self, now_ms: u64, request: &Request) -> Reply {
        self.forget_the_dead(now_ms);
        let key = request.key().map(|key| key.to_vec()).unwrap_or_default();
        let cas = request.cas;
        let ran = match &request.command {
            Command::Get { .. } => {
                let found = self.show(&key);
                self.bump("cmd_get");
                self.bump(if found.is_some() { "get_hits" } else { "get_misses" });
                found.ok_or(Status::KEY_NOT_FOUND)
            }
            Command::Store { mode, flags, expiry, value, .. } => {
                let dies_ms = Self::dies(now_ms, *expiry);
                self.store(now_ms, &key, cas, *mode, *flags, dies_ms, value)
            }
            Command::Concat { side, value, .. } => self.concat(now_ms, &key, cas, *side, value),
            Command::Delete { .. } => self.delete(&key, cas),
            Command::Arithmetic { direction, delta, initial, expiry, .. } => {
                let up = *direction == Direction::Increment;
                if self.items.contains_key(&key) {
                    self.count(now_ms, &key, cas, up, *delta)
                } else {
                    self.seed(now_ms, &key, up, *initial, *expiry)
                }
            }
            Command::Touch { expiry, .. } => self.touch(now_ms, &key, *expiry).map(|found| {
                let Reply::Found { flags, cas, .. } = found else { unreachable!() };
                Reply::Touched { flags, cas }
            }),
            Command::GetAndTouch { expiry, .. } => self.touch(now_ms, &key, *expiry),
            Command::Flush { delay } => {
                self.bump("cmd_flush");
                self.flush_ms = if *delay == 0 { 0 } else { Self::dies(now_ms, *delay) };
                Ok(Reply::Done)
            }
            _ => Err(Status::UNKNOWN_COMMAND),
        };
        ran.unwrap_or_else(|status| Reply::Failed { status })
    }

    /// What there is under a key, for the tests to aim at.
    pub(super) fn cas_of(&self, key: &[u8]) -> Option<u64> {
        self.items.get(key).map(|item| item.cas)
    }

    #[allow(clippy::too_many_arguments, reason = "a bundle would hide what a SET consists of")]
    fn store(
        &mut self,
        now_ms: u64,
        key: &[u8],
        cas: u64,
        mode: StoreMode,
        flags: u32,
        dies_ms: u64,
        value: &Value,
    ) -> Ran {
        let there = self.cas_of(key);
        if Self::is_too_large(key, flags, len(value)) {
            if mode == StoreMode::Set {
                self.items.remove(key);
            }
            return Err(refusal(value));
        }
        self.bump("cmd_set");
        if cas != 0 && self.cas_on {
            let Some(there) = there else {
                self.bump("cas_misses");
                return Err(Status::KEY_NOT_FOUND);
            };
            if there != cas {
                self.bump("cas_badval");
                return Err(Status::KEY_EXISTS);
            }
            self.bump("cas_hits");
        } else if mode == StoreMode::Add && there.is_some() {
            return Err(Status::KEY_EXISTS);
        } else if mode == StoreMode::Replace && there.is_none() {
            return Err(Status::KEY_NOT_FOUND);
        }
        let Value::Present(bytes) = value else { unreachable!("it would be too large") };
        Ok(Reply::Stored { cas: self.put(now_ms, key, bytes.to_vec(), flags, dies_ms) })
    }

    fn concat(&mut self, now_ms: u64, key: &[u8], cas: u64, side: Side, value: &Value) -> Ran {
        if Self::is_too_large(key, 0, len(value)) {
            return Err(refusal(value));
        }
        self.bump("cmd_set");
        let Some(old) = self.items.get(key) else { return Err(Status::NOT_STORED) };
        if self.cas_on && cas != 0 && cas != old.cas {
            return Err(Status::KEY_EXISTS);
        }
        let Value::Present(added) = value else { unreachable!("it would be too large") };
        let whole = match side {
            Side::Append => [&old.value[..], &added[..]].concat(),
            Side::Prepend => [&added[..], &old.value[..]].concat(),
        };
        let (flags, dies_ms) = (old.flags, old.dies_ms);
        if Self::is_too_large(key, flags, whole.len()) {
            return Err(Status::NOT_STORED);
        }
        Ok(Reply::Stored { cas: self.put(now_ms, key, whole, flags, dies_ms) })
    }

    fn delete(&mut self, key: &[u8], cas: u64) -> Ran {
        let Some(there) = self.cas_of(key) else {
            self.bump("delete_misses");
            return Err(Status::KEY_NOT_FOUND);
        };
        if cas != 0 && cas != there {
            return Err(Status::KEY_EXISTS);
        }
        self.bump("delete_hits");
        self.items.remove(key);
        Ok(Reply::Done)
    }

    fn count(&mut self, now_ms: u64, key: &[u8], cas: u64, up: bool, delta: u64) -> Ran {
        let Stored { value, flags, dies_ms, cas: there } = &self.items[key];
        if !value.is_empty() && cas != 0 && cas != *there {
            return Err(Status::KEY_EXISTS);
        }
        let old = number(value).ok_or(Status::NON_NUMERIC)?;
        let new = match up {
            true => u64::try_from((u128::from(old) + u128::from(delta)) % (1 << 64)).unwrap(),
            false if delta > old => 0,
            false => old - delta,
        };
        let text = format!("{new:<width$}", width = value.len()).into_bytes();
        let (flags, dies_ms) = (*flags, *dies_ms);
        self.bump(if up { "incr_hits" } else { "decr_hits" });
        Ok(Reply::Counter { value: new, cas: self.put(now_ms, key, text, flags, dies_ms) })
    }

    fn seed(&mut self, now_ms: u64, key: &[u8], up: bool, initial: u64, expiry: u32) -> Ran {
        if expiry == 0xffff_ffff {
            self.bump(if up { "incr_misses" } else { "decr_misses" });
            return Err(Status::KEY_NOT_FOUND);
        }
        let text = initial.to_string().into_bytes();
        let cas = self.put(now_ms, key, text, 0, Self::dies(now_ms, expiry));
        Ok(Reply::Counter { value: initial, cas })
    }

    fn touch(&mut self, now_ms: u64, key: &[u8], expiry: u32) -> Ran {
        let found = self.show(key);
        self.bump("cmd_touch");
        self.bump(if found.is_some() { "touch_hits" } else { "touch_misses" });
        if let Some(item) = self.items.get_mut(key) {
            item.dies_ms = Self::dies(now_ms, expiry);
        }
        found.ok_or(Status::KEY_NOT_FOUND)
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

/// Of a value that is too large, or that there was no memory for.
fn refusal(value: &Value) -> Status {
    if matches!(value, Value::NoMemory(_)) { Status::OUT_OF_MEMORY } else { Status::TOO_LARGE }
}

/// The value's length in bytes, kept or not; one without memory is as long as can be.
fn len(value: &Value) -> usize {
    match value {
        Value::Present(bytes) => bytes.len(),
        Value::TooLarge(len) => usize::try_from(*len).unwrap_or(usize::MAX),
        Value::NoMemory(_) => usize::MAX / 2,
    }
}
