//! The cache once more, as small and slow as it can be.
//!
//! Shares no code with the real one: a list of items, times in milliseconds, strings for counters.
//! It knows nothing of memory limits; the tests beside it look at those.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use lockproof_protocol::memcached::{Command, Direction, Extras, Side, StoreMode, Value};
use lockproof_protocol::memcached_binary::{Reply, Status};

mod look;

pub(super) use look::Look;

pub(super) const UNIX_START: u64 = 1_700_000_000;
pub(super) const ITEM_MAX: usize = 130;
const FOREVER: u64 = u64::MAX;

type Ran = Result<Reply, Status>;

#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "it is as naive as can be")]
struct Stored {
    value: Vec<u8>,
    flags: u32,
    cas: u64,
    dies_ms: u64,
    stale: bool,
    taken: bool,
    binary: bool,
    read: bool,
    seen_ms: u64,
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
        let stored = Stored { value, flags, cas, dies_ms, seen_ms: now_ms, ..Stored::default() };
        self.items.insert(key.to_vec(), stored);
        self.forget_the_dead(now_ms);
        cas
    }

    fn is_too_large(key: &[u8], flags: u32, value: usize) -> bool {
        48 + 8 + key.len() + 1 + value + 2 + if flags > 0 { 4 } else { 0 } > ITEM_MAX
    }

    pub(super) fn run(
        &mut self,
        now_ms: u64,
        command: &Command,
        cas: Option<u64>,
        extras: Extras,
    ) -> Reply {
        self.forget_the_dead(now_ms);
        let key = command.key().map(|key| key.to_vec()).unwrap_or_default();
        let ran = match command {
            Command::Get { .. } => {
                let found = self.show(&key);
                self.mark_read(now_ms, &key);
                self.bump("cmd_get");
                self.bump(if found.is_some() { "get_hits" } else { "get_misses" });
                found.ok_or(Status::KEY_NOT_FOUND)
            }
            Command::Store { mode, flags, expiry, value, .. } => {
                let dies_ms = Self::dies(now_ms, *expiry);
                self.store(now_ms, &key, cas, *mode, *flags, dies_ms, value, extras)
            }
            Command::Concat { side, value, .. } => self.concat(now_ms, &key, cas, *side, value),
            Command::Delete { .. } => self.delete(now_ms, &key, cas, extras),
            Command::Arithmetic { direction, delta, initial, expiry, .. } => {
                let up = *direction == Direction::Increment;
                if self.items.contains_key(&key) {
                    let counted = self.count(now_ms, &key, cas, up, *delta);
                    if let (Ok(_), Some(expiry)) = (&counted, extras.expiry) {
                        self.items.get_mut(&key).unwrap().dies_ms = Self::dies(now_ms, expiry);
                    }
                    counted
                } else {
                    let seeded = self.seed(now_ms, &key, up, *initial, *expiry);
                    self.mark_key(&key, extras.key_is_binary && seeded.is_ok());
                    seeded
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
        cas: Option<u64>,
        mode: StoreMode,
        flags: u32,
        mut dies_ms: u64,
        value: &Value,
        extras: Extras,
    ) -> Ran {
        let mut inherited = (false, false);
        let there = self.cas_of(key);
        if Self::is_too_large(key, flags, len(value)) {
            if mode == StoreMode::Set {
                self.items.remove(key);
            }
            return Err(refusal(value));
        }
        self.bump("cmd_set");
        if let Some(cas) = cas.filter(|_| self.cas_on) {
            let Some(there) = there else {
                self.bump("cas_misses");
                return Err(Status::KEY_NOT_FOUND);
            };
            if there != cas {
                if !extras.invalidates || cas == 0 || cas > there {
                    self.bump("cas_badval");
                    return Err(Status::KEY_EXISTS);
                }
                let old = &self.items[key];
                inherited = (true, old.taken);
                dies_ms = old.dies_ms;
            }
            self.bump("cas_hits");
        } else if mode == StoreMode::Add && there.is_some() {
            return Err(Status::KEY_EXISTS);
        } else if mode == StoreMode::Replace && there.is_none() {
            return Err(Status::KEY_NOT_FOUND);
        }
        let Value::Present(bytes) = value else { unreachable!("it would be too large") };
        let cas = self.put(now_ms, key, bytes.to_vec(), flags, dies_ms);
        if let Some(item) = self.items.get_mut(key) {
            (item.stale, item.taken) = inherited;
            item.binary = extras.key_is_binary;
        }
        Ok(Reply::Stored { cas })
    }

    fn concat(
        &mut self,
        now_ms: u64,
        key: &[u8],
        cas: Option<u64>,
        side: Side,
        value: &Value,
    ) -> Ran {
        if Self::is_too_large(key, 0, len(value)) {
            return Err(refusal(value));
        }
        self.bump("cmd_set");
        let Some(old) = self.items.get(key) else { return Err(Status::NOT_STORED) };
        if self.cas_on && cas.is_some() && cas != Some(old.cas) {
            return Err(Status::KEY_EXISTS);
        }
        let Value::Present(added) = value else { unreachable!("it would be too large") };
        let whole = match side {
            Side::Append => [&old.value[..], &added[..]].concat(),
            Side::Prepend => [&added[..], &old.value[..]].concat(),
        };
        let (flags, dies_ms, binary) = (old.flags, old.dies_ms, old.binary);
        if Self::is_too_large(key, flags, whole.len()) {
            return Err(Status::NOT_STORED);
        }
        let cas = self.put(now_ms, key, whole, flags, dies_ms);
        self.mark_key(key, binary);
        Ok(Reply::Stored { cas })
    }

    fn delete(&mut self, now_ms: u64, key: &[u8], cas: Option<u64>, extras: Extras) -> Ran {
        let Some(there) = self.cas_of(key) else {
            self.bump("delete_misses");
            return Err(Status::KEY_NOT_FOUND);
        };
        if cas.is_some() && cas != Some(there) {
            return Err(Status::KEY_EXISTS);
        }
        self.bump("delete_hits");
        if extras.invalidates {
            self.last_cas += u64::from(self.cas_on);
            let item = self.items.get_mut(key).unwrap();
            (item.stale, item.taken, item.cas) = (true, false, self.last_cas);
            if let Some(expiry) = extras.expiry {
                item.dies_ms = Self::dies(now_ms, expiry);
            }
            return Ok(Reply::Done);
        }
        self.items.remove(key);
        Ok(Reply::Done)
    }

    fn count(&mut self, now_ms: u64, key: &[u8], cas: Option<u64>, up: bool, delta: u64) -> Ran {
        let Stored { value, cas: there, .. } = &self.items[key];
        if !value.is_empty() && cas.is_some() && cas != Some(*there) {
            return Err(Status::KEY_EXISTS);
        }
        let old = number(value).ok_or(Status::NON_NUMERIC)?;
        let new = match up {
            true => u64::try_from((u128::from(old) + u128::from(delta)) % (1 << 64)).unwrap(),
            false if delta > old => 0,
            false => old - delta,
        };
        let text = format!("{new:<width$}", width = value.len()).into_bytes();
        self.bump(if up { "incr_hits" } else { "decr_hits" });
        let before = self.items.remove(key).unwrap();
        let cas = self.put(now_ms, key, Vec::new(), 0, FOREVER);
        let counted = if text.len() > before.value.len() {
            let Stored { flags, dies_ms, binary, .. } = before;
            let anew = Stored { seen_ms: now_ms, ..Stored::default() };
            Stored { value: text, cas, flags, dies_ms, binary, ..anew }
        } else {
            Stored { value: text, cas, ..before }
        };
        self.items.insert(key.to_vec(), counted);
        Ok(Reply::Counter { value: new, cas })
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
        self.mark_read(now_ms, key);
        if let Some(item) = self.items.get_mut(key) {
            item.dies_ms = Self::dies(now_ms, expiry);
        }
        found.ok_or(Status::KEY_NOT_FOUND)
    }

    fn mark_read(&mut self, now_ms: u64, key: &[u8]) {
        if let Some(item) = self.items.get_mut(key) {
            (item.read, item.seen_ms) = (true, now_ms);
        }
    }

    fn mark_key(&mut self, key: &[u8], binary: bool) {
        if let Some(item) = self.items.get_mut(key) {
            item.binary = binary;
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
