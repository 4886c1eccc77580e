//! The memcached cache: one shard of its items, under the rules of memcached 1.6.18's binary
//! protocol.
//!
//! Time is exact here, not rounded to a clock that ticks once a second: an item lives until its
//! deadline and not longer, and a delayed flush fires at its deadline (MCB-FLU-05, MCB-FLU-06).
//!
//! Left out: framing and quiet opcodes, the commands that are not about items (NOOP, VERSION, QUIT,
//! STAT, SASL), and the choice of a key's shard.

mod change;
mod config;
mod counter;
mod expiry;
mod item;
mod report;
mod sieve;
mod slot;
mod stats;
mod store;
mod table;
mod write;

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use lockproof_protocol::memcached_binary::{Command, Reply, Request, Status};

pub use self::config::{Config, ITEM_OVERHEAD, KEY_LEN_MAX, SHARED_LEN_MIN, SLOT_OVERHEAD};
pub use self::expiry::RELATIVE_MAX;
pub use self::item::Hit;
pub use self::report::{Group, ServerFacts};
pub use self::stats::Stats;

use self::expiry::Deadline;
pub use self::store::WARM_MAX;
use self::store::{Place, Store};
use crate::Now;

/// One shard of the cache.
///
/// ```
/// use bytes::Bytes;
/// use core::time::Duration;
/// use lockproof_protocol::memcached_binary::{Command, Opcode, Reply, Request, StoreMode, Value};
/// use lockproof_state_machine::items::{Config, Items};
///
/// let mut items = Items::new(Config::default());
/// let command = Command::Store {
///     mode: StoreMode::Set,
///     key: Bytes::from("k"),
///     flags: 0,
///     expiry: 60,
///     value: Value::Present(Bytes::from("v")),
/// };
/// let set = Request { opcode: Opcode::SET, opaque: 0, cas: 0, command };
/// assert_eq!(items.apply(Duration::ZERO, &set), Reply::Stored { cas: 1 });
///
/// let hit = Reply::Found { flags: 0, cas: 1, value: Bytes::from("v") };
/// assert_eq!(items.get(Duration::from_secs(59), b"k"), hit);
/// assert_ne!(items.get(Duration::from_secs(60), b"k"), hit);
/// ```
#[derive(Debug)]
pub struct Items {
    config: Config,
    store: Store,
    cas_next: u64,
    /// When the one pending flush fires (MCB-FLU-08).
    flush: Option<Deadline>,
    /// When a full shard that may not evict looks for expired items again.
    sweep_after: Now,
    reads: Reads,
    /// What is counted under the exclusive lock; the gauges in it stay 0.
    counted: Stats,
}

/// What readers count, side by side, away from the other fields' cache lines.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Reads {
    hits: AtomicUsize,
    misses: AtomicUsize,
}

impl Items {
    /// An empty shard. What would not fit into its memory even alone counts as too large.
    pub fn new(config: Config) -> Self {
        let item_max = config.item_max.min(config.memory_max.saturating_sub(SLOT_OVERHEAD));
        Self {
            config: Config { item_max, ..config },
            store: Store::new(config.hash_seed),
            cas_next: config.cas_first,
            flush: None,
            sweep_after: Now::ZERO,
            reads: Reads::default(),
            counted: Stats::default(),
        }
    }

    /// Looks at an item, which changes nothing but its standing for eviction and the counters
    /// (MCB-GET-10).
    pub fn look(&self, now: Now, key: &[u8]) -> Option<Hit<'_>> {
        let place = self.live(now, key);
        let count = if place.is_some() { &self.reads.hits } else { &self.reads.misses };
        count.fetch_add(1, Relaxed);
        let place = place?;
        self.store.visit(place);
        Some(self.store.item(place).hit())
    }

    /// Prepares [`look`](Self::look) for the first [`WARM_MAX`] of these keys. Changes nothing but the time that it takes.
    pub fn warm<'a>(&self, keys: impl Iterator<Item = &'a [u8]>) {
        self.store.warm(keys);
    }

    /// The same as a reply, with a copy of the value.
    pub fn get(&self, now: Now, key: &[u8]) -> Reply {
        self.look(now, key).map_or(failed(Status::KEY_NOT_FOUND), found)
    }

    /// Executes one command about items. The others are answered as unknown.
    pub fn apply(&mut self, now: Now, request: &Request) -> Reply {
        self.fire_flush(now);
        if request.key().is_some_and(|key| key.len() > KEY_LEN_MAX) {
            // The decoder ends such connections (MCB-LIM-03); this is for other callers.
            return failed(Status::INVALID_ARGUMENTS);
        }
        let cas = request.cas;
        match &request.command {
            Command::Get { key } => self.get(now, key),
            Command::Store { mode, key, flags, expiry, value } => {
                self.put_value(now, key, cas, *mode, (*flags, *expiry), value)
            }
            Command::Concat { side, key, value } => self.concat(now, key, cas, *side, value),
            Command::Delete { key } => self.delete(now, key, cas),
            Command::Arithmetic { direction, key, delta, initial, expiry } => {
                match self.claim(now, key) {
                    Some(place) => self.count(now, key, place, cas, *direction, *delta),
                    None => self.seed_counter(now, key, *direction, *initial, *expiry),
                }
            }
            Command::Touch { key, expiry } => self
                .touch(now, key, *expiry, |hit| Reply::Touched { flags: hit.flags, cas: hit.cas }),
            Command::GetAndTouch { key, expiry } => self.touch(now, key, *expiry, found),
            Command::Flush { delay } => self.flush(now, *delay),
            Command::Noop
            | Command::Version
            | Command::Quit
            | Command::Stat { .. }
            | Command::SaslListMechs
            | Command::SaslAuth { .. }
            | Command::SaslStep { .. }
            | Command::Unknown => failed(Status::UNKNOWN_COMMAND),
        }
    }

    /// The numbers of this shard at this moment.
    pub fn stats(&self, now: Now) -> Stats {
        let is_flushed = self.is_flushed(now);
        let gauge = |number: usize| if is_flushed { 0 } else { number as u64 };
        let hits = self.reads.hits.load(Relaxed) as u64;
        let misses = self.reads.misses.load(Relaxed) as u64;
        Stats {
            cmd_get: hits + misses,
            get_hits: hits,
            get_misses: misses,
            curr_items: gauge(self.store.len()),
            bytes: gauge(self.store.bytes()),
            item_size_max: self.config.item_max as u64,
            evict: self.config.evict,
            cas: self.config.cas,
            flush_enabled: self.config.flush_enabled,
            ..self.counted
        }
    }

    /// Zeroes the counters; the items stay (MCB-STT-06).
    pub fn reset_stats(&mut self) {
        self.counted = Stats::default();
        self.reads = Reads::default();
    }

    /// The item, if it is neither expired nor flushed.
    fn live(&self, now: Now, key: &[u8]) -> Option<Place> {
        if self.is_flushed(now) {
            return None;
        }
        self.store.find(key).filter(|place| !self.store.item(*place).meta().deadline.is_over(now))
    }

    /// The same for a command that may write: an expired item is removed, since it is absent for
    /// every command (MCB-EXP-07).
    fn claim(&mut self, now: Now, key: &[u8]) -> Option<Place> {
        let place = self.store.find(key)?;
        if !self.store.item(place).meta().deadline.is_over(now) {
            return Some(place);
        }
        self.store.remove(place);
        self.counted.reclaimed += 1;
        None
    }

    /// Whether the pending flush is due. Then every item is from before its deadline, because the
    /// first command that writes after it fires it (MCB-FLU-07).
    fn is_flushed(&self, now: Now) -> bool {
        self.flush.is_some_and(|deadline| deadline.is_over(now))
    }

    fn fire_flush(&mut self, now: Now) {
        if self.is_flushed(now) {
            self.store.clear();
            self.flush = None;
        }
    }
}

fn found(hit: Hit<'_>) -> Reply {
    Reply::Found { flags: hit.flags, cas: hit.cas, value: hit.to_bytes() }
}

/// The error reply with the status's own text.
fn failed(status: Status) -> Reply {
    Reply::Failed { status }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod traffic;
