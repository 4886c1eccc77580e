//! The cache as a map from key to item, with memcached's rules written down command by command.
//!
//! Nothing expires by itself: what is dead is taken out before anything else is done. Memory has no end here; what a full
//! cache may do otherwise is the target's to judge.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use lockproof_protocol::memcached_binary::{
    Command, Direction, Reply, Request, Side, Status, StoreMode, Value,
};
use lockproof_state_machine::items::Config;

const DAY: u64 = 24 * 60 * 60;

/// What a key stands for.
#[derive(Clone, Debug)]
struct Item {
    value: Vec<u8>,
    flags: u32,
    cas: u64,
    /// The time of its death, if it has one.
    dies: Option<Duration>,
}

/// A reply, or the status of a failure.
type Ran = Result<Reply, Status>;

/// All items.
#[derive(Clone, Debug)]
pub struct Model {
    config: Config,
    items: BTreeMap<Bytes, Item>,
    next_cas: u64,
    flush: Option<Duration>,
}

impl Model {
    /// An empty cache. Of the configuration, memory and eviction are not looked at.
    pub const fn new(config: Config) -> Self {
        Self { next_cas: config.cas_first, config, items: BTreeMap::new(), flush: None }
    }

    /// What a request is answered, and what it changes.
    pub fn ask(&mut self, now: Duration, request: &Request) -> Reply {
        self.bury(now);
        let ran = self.run(now, request);
        self.bury(now);
        ran.unwrap_or_else(|status| Reply::Failed { status })
    }

    /// A store that found no memory: what SET was to replace is gone all the same (MCB-LIM-19).
    pub fn refuse(&mut self, now: Duration, request: &Request) {
        self.bury(now);
        if let Command::Store { mode: StoreMode::Set, key, .. } = &request.command {
            self.items.remove(key);
        }
    }

    /// Takes out what is dead.
    pub fn bury(&mut self, now: Duration) {
        if self.flush.is_some_and(|at| at <= now) {
            self.items.clear();
            self.flush = None;
        }
        self.items.retain(|_, item| item.dies.is_none_or(|dies| now < dies));
    }

    /// Forgets a key that was evicted.
    pub fn forget(&mut self, key: &[u8]) {
        self.items.remove(key);
    }

    /// The keys of what lives.
    pub fn keys(&self) -> impl Iterator<Item = &Bytes> {
        self.items.keys()
    }

    /// The CAS under a key.
    pub fn cas_of(&self, key: &[u8]) -> Option<u64> {
        self.items.get(key).map(|item| item.cas)
    }

    /// Bytes of an item as they count against its largest size; none if there is no item.
    pub fn size_of(&self, key: &[u8]) -> Option<usize> {
        self.items.get(key).map(|item| size(key, item.flags, item.value.len()))
    }

    fn run(&mut self, now: Duration, request: &Request) -> Ran {
        let cas = request.cas;
        match &request.command {
            Command::Get { key } => self.found(key),
            Command::Store { mode, key, flags, expiry, value } => {
                let dies = self.expiry(now, *expiry);
                let made = |value| Item { value, flags: *flags, cas: 0, dies };
                if let Err(status) = fits(key, *flags, value, &self.config) {
                    // Nobody is to read on what its writer meant to replace (MCB-LIM-08).
                    if *mode == StoreMode::Set {
                        self.items.remove(key);
                    }
                    return Err(status);
                }
                self.store(key, cas, *mode, made(bytes(value)))
            }
            Command::Concat { side, key, value } => self.concat(key, cas, *side, value),
            Command::Delete { key } => {
                let item = self.items.get(key).ok_or(Status::KEY_NOT_FOUND)?;
                if cas != 0 && cas != item.cas {
                    return Err(Status::KEY_EXISTS);
                }
                self.items.remove(key);
                Ok(Reply::Done)
            }
            Command::Arithmetic { direction, key, delta, initial, expiry } => {
                if self.items.contains_key(key) {
                    return self.count(key, cas, *direction, *delta);
                }
                if *expiry == u32::MAX {
                    return Err(Status::KEY_NOT_FOUND);
                }
                let value = initial.to_string().into_bytes();
                let dies = self.expiry(now, *expiry);
                let cas = self.put(key, Item { value, flags: 0, cas: 0, dies });
                Ok(Reply::Counter { value: *initial, cas })
            }
            Command::Touch { key, expiry } => match self.touch(now, key, *expiry)? {
                Reply::Found { flags, cas, .. } => Ok(Reply::Touched { flags, cas }),
                other => Ok(other),
            },
            Command::GetAndTouch { key, expiry } => self.touch(now, key, *expiry),
            Command::Flush { .. } if !self.config.flush_enabled => Err(Status::AUTH_ERROR),
            Command::Flush { delay } => {
                // A delay of 0 is at once, and the last delay is the one that counts (MCB-FLU-08).
                self.flush = Some(self.expiry(now, *delay).unwrap_or(Duration::ZERO));
                Ok(Reply::Done)
            }
            _ => Err(Status::UNKNOWN_COMMAND),
        }
    }

    fn store(&mut self, key: &Bytes, cas: u64, mode: StoreMode, item: Item) -> Ran {
        let there = self.cas_of(key);
        match (mode, there) {
            // With a CAS all three are the same (MCB-CAS-07).
            _ if cas != 0 && self.config.cas => {
                let there = there.ok_or(Status::KEY_NOT_FOUND)?;
                if there != cas {
                    return Err(Status::KEY_EXISTS);
                }
            }
            (StoreMode::Add, Some(_)) => return Err(Status::KEY_EXISTS),
            (StoreMode::Replace, None) => return Err(Status::KEY_NOT_FOUND),
            _ => {}
        }
        Ok(Reply::Stored { cas: self.put(key, item) })
    }

    fn concat(&mut self, key: &Bytes, cas: u64, side: Side, added: &Value) -> Ran {
        fits(key, 0, added, &self.config)?;
        let mut item = self.items.get(key).cloned().ok_or(Status::NOT_STORED)?;
        if cas != 0 && self.config.cas && cas != item.cas {
            return Err(Status::KEY_EXISTS);
        }
        match side {
            Side::Append => item.value.extend(bytes(added)),
            Side::Prepend => drop(item.value.splice(0..0, bytes(added))),
        }
        if size(key, item.flags, item.value.len()) > self.config.item_max {
            return Err(Status::NOT_STORED);
        }
        Ok(Reply::Stored { cas: self.put(key, item) })
    }

    fn count(&mut self, key: &Bytes, cas: u64, direction: Direction, delta: u64) -> Ran {
        let mut item = self.items[key].clone();
        if item.value.is_empty() {
            return Err(Status::NON_NUMERIC);
        }
        if cas != 0 && cas != item.cas {
            return Err(Status::KEY_EXISTS);
        }
        let number = number(&item.value).ok_or(Status::NON_NUMERIC)?;
        let value = match direction {
            Direction::Increment => number.wrapping_add(delta),
            Direction::Decrement => number.saturating_sub(delta),
        };
        // A number that got shorter leaves blanks behind it (MCB-ARI-13).
        item.value = format!("{value:<width$}", width = item.value.len()).into_bytes();
        if size(key, item.flags, item.value.len()) > self.config.item_max {
            return Ok(Reply::FailedWith {
                status: Status::OUT_OF_MEMORY,
                text: "Out of memory incrementing value",
            });
        }
        Ok(Reply::Counter { value, cas: self.put(key, item) })
    }

    fn touch(&mut self, now: Duration, key: &Bytes, expiry: u32) -> Ran {
        let found = self.found(key)?;
        let dies = self.expiry(now, expiry);
        if let Some(item) = self.items.get_mut(key) {
            item.dies = dies;
        }
        Ok(found)
    }

    fn found(&self, key: &Bytes) -> Ran {
        let Item { value, flags, cas, .. } = self.items.get(key).ok_or(Status::KEY_NOT_FOUND)?;
        Ok(Reply::Found { flags: *flags, cas: *cas, value: Bytes::copy_from_slice(value) })
    }

    /// The item under its key, with a CAS that no item had before.
    fn put(&mut self, key: &Bytes, item: Item) -> u64 {
        let cas = if self.config.cas { self.draw_cas() } else { 0 };
        self.items.insert(key.clone(), Item { cas, ..item });
        cas
    }

    fn draw_cas(&mut self) -> u64 {
        let step = self.config.cas_step.max(1);
        let cas = if self.next_cas == 0 { step } else { self.next_cas };
        self.next_cas = cas.wrapping_add(step);
        cas
    }

    /// Up to 30 days a number of seconds from now, above it a date; 0 is never.
    fn expiry(&self, now: Duration, expiry: u32) -> Option<Duration> {
        let seconds = Duration::from_secs(expiry.into());
        match u64::from(expiry) {
            0 => None,
            1..=2_592_000 => Some(now + seconds),
            _ => Some(seconds.saturating_sub(Duration::from_secs(self.config.unix_start))),
        }
    }
}

const _: () = assert!(30 * DAY == 2_592_000);

/// What memcached 1.6.18 counts for an item of 48 bytes, a CAS, a key, a value, and what ends them.
fn size(key: &[u8], flags: u32, value: usize) -> usize {
    let header = 48 + 8;
    let flags = if flags == 0 { 0 } else { 4 };
    header + key.len() + 1 + flags + value + 2
}

/// C's `strtoull`, with an end of the text or a blank behind it.
fn number(value: &[u8]) -> Option<u64> {
    let is_blank = |byte: &u8| b" \t\n\x0b\x0c\r".contains(byte);
    let text = &value[value.iter().take_while(|byte| is_blank(byte)).count()..];
    let word = text.split(|byte| is_blank(byte) || *byte == 0).next()?;
    let word = std::str::from_utf8(word).ok()?;
    match word.strip_prefix('-') {
        Some(zeros) if !zeros.is_empty() && zeros.bytes().all(|digit| digit == b'0') => Some(0),
        Some(_) => None,
        None => word.parse().ok(),
    }
}

/// Whether the value fits into an item of its own, and is there.
fn fits(key: &Bytes, flags: u32, value: &Value, config: &Config) -> Result<(), Status> {
    match value {
        Value::Present(bytes) if size(key, flags, bytes.len()) <= config.item_max => Ok(()),
        Value::Present(_) | Value::TooLarge(_) => Err(Status::TOO_LARGE),
        Value::NoMemory(_) => Err(Status::OUT_OF_MEMORY),
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Present(bytes) => bytes.to_vec(),
        Value::TooLarge(_) | Value::NoMemory(_) => Vec::new(),
    }
}
