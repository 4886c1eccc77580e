//! The memcached cache: one shard of its items, under the rules of memcached 1.6.18, in whichever of its protocols they
//! are asked for.
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
mod lookup;
mod report;
mod sieve;
mod slot;
mod stats;
mod store;
mod table;
mod write;

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use lockproof_protocol::memcached::Extras;
use lockproof_protocol::memcached_binary::{Command, Reply, Request, Status};

pub use self::config::{Config, ITEM_OVERHEAD, KEY_LEN_MAX, SHARED_LEN_MIN, SLOT_OVERHEAD};
pub use self::expiry::RELATIVE_MAX;
pub use self::item::Hit;
pub use self::lookup::{NeedsWrite, Seen};
pub use self::report::{Group, ServerFacts};
pub use self::stats::Stats;

use self::expiry::Deadline;
use self::item::{Marks, Meta};
pub use self::store::WARM_MAX;
use self::store::{Place, Store};
use self::write::Guard;
pub use self::write::NoRoom;
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
    /// Misses of what is there, and over.
    expired: AtomicUsize,
    flushed: AtomicUsize,
}

impl Reads {
    fn count(&self, is_hit: bool) {
        let count = if is_hit { &self.hits } else { &self.misses };
        count.fetch_add(1, Relaxed);
    }
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
        let place = self.look_up(now, key)?;
        self.store.read(place, now);
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

    /// Executes one command about items of the binary protocol, where a CAS of 0 checks nothing.
    pub fn apply(&mut self, now: Now, request: &Request) -> Reply {
        let cas = (request.cas != 0).then_some(request.cas);
        self.run(now, &request.command, cas, Extras::default())
    }

    /// Executes one command about items, if the item's CAS is the one that is given. The others are answered as unknown.
    pub fn run(&mut self, now: Now, command: &Command, cas: Option<u64>, extras: Extras) -> Reply {
        self.fire_flush(now);
        if command.key().is_some_and(|key| key.len() > KEY_LEN_MAX) {
            // The decoder ends such connections (MCB-LIM-03); this is for other callers.
            return failed(Status::INVALID_ARGUMENTS);
        }
        let marks = Marks::of_key(extras.key_is_binary);
        match command {
            Command::Get { key } => self.get(now, key),
            Command::Store { mode, key, flags, expiry, value } => {
                let deadline = Deadline::of_expiry(*expiry, now, self.config.unix_start);
                let meta = Meta { cas: 0, flags: *flags, deadline, marks };
                let guard = Guard { cas, or_later: extras.invalidates };
                self.put_value(now, key, guard, *mode, meta, value)
            }
            Command::Concat { side, key, value } => self.concat(now, key, cas, *side, value),
            Command::Delete { key } => self.delete(now, key, cas, extras),
            Command::Arithmetic { direction, key, delta, initial, expiry } => {
                let Some(place) = self.claim(now, key) else {
                    return self.seed_counter(now, key, *direction, *initial, *expiry, marks);
                };
                let reply = self.count(now, key, place, cas, *direction, *delta);
                if let (Reply::Counter { .. }, Some(expiry)) = (&reply, extras.expiry) {
                    self.expire(now, place, expiry); // MCM-ARI-06
                }
                reply
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
        let [get_expired, get_flushed] =
            [&self.reads.expired, &self.reads.flushed].map(|count| count.load(Relaxed) as u64);
        Stats {
            cmd_get: hits + misses,
            get_hits: hits,
            get_misses: misses,
            get_expired,
            get_flushed,
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

    /// The item, if it is neither expired nor flushed; counted.
    fn look_up(&self, now: Now, key: &[u8]) -> Option<Place> {
        let found = self.store.find(key);
        let is_over = |place: Place| self.store.item(place).meta().deadline.is_over(now);
        let live = found.filter(|place| !self.is_flushed(now) && !is_over(*place));
        self.reads.count(live.is_some());
        if found.is_some() && live.is_none() {
            let count =
                if self.is_flushed(now) { &self.reads.flushed } else { &self.reads.expired };
            count.fetch_add(1, Relaxed);
        }
        live
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
