//! memcached: items in shards, each behind its own lock, chosen by a seeded hash of the key.
//!
//! The first byte of a connection tells which protocol it speaks, binary or text with meta, unless the configuration says so
//! (MCT-CON-08). All of them are about the same items. A read takes its shard's lock shared. A flush goes to every shard in
//! turn; each key is flushed at one instant, the keys of two shards at two.

use core::hash::BuildHasher;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::BytesMut;
use foldhash::fast::FixedState;
use lockproof_protocol::memcached::{Command, Extras};
use lockproof_protocol::memcached_binary::{MAGIC_REQUEST, Reply};
use lockproof_rwlock::RwLock;
use lockproof_state_machine::Now;
use lockproof_state_machine::items::{self, Items, ServerFacts, Stats};

use super::memcached_binary::Binary;
use super::memcached_stats::{self, AuthCounters};
use super::memcached_text::Text;
use crate::{Clock, Counters, Output, Peer, Protocol, Session, Step, Users};

/// The version of this memcached service, which is not the crate's: libmemcached refuses a version
/// whose first number is 0 (MCB-VER-01), and takes one below 1.6 for a server that knows neither the meta commands nor
/// that words behind `version` mean nothing (MCT-LIN-14). Below 1.6.18, whose deviations are not ours.
pub const MEMCACHED_VERSION: &str = "1.6.0";

/// Shards at most.
const SHARDS_MAX: usize = 64;

/// Largest items that must fit into one shard, so that dividing the memory does not make the cache
/// forget large items early.
const ITEMS_PER_SHARD_MIN: usize = 8;

/// Keeps the choice of the shard independent of the hash inside it.
const SHARD_SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a memcached listener is started with.
#[derive(Clone, Debug, Default)]
pub struct MemcachedConfig {
    /// The cache as a whole. The memory is divided over the shards, and the CAS values and the
    /// start are filled in.
    pub items: items::Config,
    /// Unix seconds of the server's start; `None` asks the system's clock.
    pub unix_start: Option<u64>,
    /// Which protocols a connection may speak.
    pub speaks: Speaks,
    /// Every client must show a password, when there are users: by SASL PLAIN, or by text's own way (MCT-AUT-01).
    pub users: Option<Users>,
    /// How long the answer to a wrong password waits, and with it everything behind it on that connection.
    pub auth_delay: Duration,
    /// Worker threads: for the statistics, and for the number of shards.
    pub workers: usize,
    /// Connections served at once, for the statistics.
    pub connections_max: usize,
}

impl MemcachedConfig {
    /// The same with 1 MiB of memory and items of half of that at most, as `memcached -m 1 -I 512k`
    /// has: soon full, for tests of what happens then. Without `evict` as with memcached's `-M`.
    #[must_use]
    pub fn with_little_memory(mut self, evict: bool) -> Self {
        self.items = items::Config { memory_max: 1 << 20, item_max: 1 << 19, evict, ..self.items };
        self
    }
}

/// Which of memcached's protocols a connection may speak, as memcached's `-B` has it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Speaks {
    /// What its first byte says (MCT-CON-08).
    #[default]
    Auto,
    /// Binary only: whatever does not begin with 0x80 is closed without an answer (MCB-NEG-03).
    Binary,
    /// Text and meta only.
    Text,
}

/// The memcached protocol and its items.
#[derive(Debug)]
pub struct Memcached {
    pub(super) config: MemcachedConfig,
    pub(super) unix_start: u64,
    pub(super) clock: Clock,
    pub(super) shards: Vec<RwLock<Items>>,
    hasher: FixedState,
    pub(super) auth: AuthCounters,
    pub(super) counters: Arc<Counters>,
    /// Meta commands so far, for the statistics.
    pub(super) meta_commands: AtomicU64,
    /// Items keep the time of their last access, because meta is spoken here.
    keeps_times: AtomicBool,
}

/// One memcached client.
#[derive(Debug)]
pub struct MemcachedSession {
    cache: Arc<Memcached>,
    talk: Talk,
}

/// What a connection speaks.
#[derive(Debug)]
enum Talk {
    /// Its first byte is not there yet.
    Undecided,
    Binary(Binary),
    Text(Text),
}

impl Memcached {
    /// An empty cache.
    pub fn new(config: MemcachedConfig) -> Self {
        let unix_start = config.unix_start.unwrap_or_else(unix_now);
        let count = shard_count(&config);
        let shard = |index: usize| {
            RwLock::new(Items::new(items::Config {
                memory_max: config.items.memory_max / count,
                unix_start,
                cas_first: index as u64 + 1,
                cas_step: count as u64,
                ..config.items
            }))
        };
        Self {
            shards: (0..count).map(shard).collect(),
            hasher: FixedState::with_seed(config.items.hash_seed ^ SHARD_SEED),
            unix_start,
            clock: Clock::start(),
            auth: AuthCounters::default(),
            counters: Arc::default(),
            meta_commands: AtomicU64::default(),
            keeps_times: AtomicBool::default(),
            config,
        }
    }

    /// The statistics, as STAT has them, and what only the server knows.
    pub(crate) fn observed(&self) -> (Stats, ServerFacts) {
        memcached_stats::observed(self, self.clock.now())
    }

    /// Executes a command about an item, or a flush. The others are answered as unknown.
    pub(super) fn run(
        &self,
        now: Now,
        command: &Command,
        cas: Option<u64>,
        extras: Extras,
    ) -> Reply {
        match command {
            Command::Get { key } => self.shard(key).read(|items| items.get(now, key)),
            Command::Flush { .. } => self.flush(now, command),
            _ => {
                let key = command.key().map_or(&[][..], |key| key);
                self.shard(key).write(|items| items.run(now, command, cas, extras))
            }
        }
    }

    /// Notes that meta is spoken here: from the first such command on, items keep the time of their last access.
    pub(super) fn count_meta(&self, now: Now, count: u64) {
        self.meta_commands.fetch_add(count, Relaxed);
        if !self.keeps_times.load(Relaxed) && !self.keeps_times.swap(true, Relaxed) {
            self.shards.iter().for_each(|shard| shard.write(|items| items.keep_access_times(now)));
        }
    }

    pub(super) fn shard(&self, key: &[u8]) -> &RwLock<Items> {
        let index = self.hasher.hash_one(key) % self.shards.len() as u64;
        // Below the number of shards, so it is an index of one.
        &self.shards[usize::try_from(index).unwrap_or_default()]
    }

    /// Every shard has the same switches, so they all give the same answer.
    fn flush(&self, now: Now, command: &Command) -> Reply {
        let mut reply = Reply::Done;
        for shard in &self.shards {
            reply = shard.write(|items| items.run(now, command, None, Extras::default()));
        }
        reply
    }
}

impl Protocol for Memcached {
    type Session = MemcachedSession;

    const NAME: &'static str = "memcached";

    fn open(self: &Arc<Self>, _: Peer) -> MemcachedSession {
        MemcachedSession { cache: Arc::clone(self), talk: Talk::Undecided }
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }
}

impl Session for MemcachedSession {
    fn execute(&mut self, input: &mut BytesMut, output: &mut Output) -> Step {
        if matches!(self.talk, Talk::Undecided) {
            let Some(first) = input.first() else { return Step::Drained };
            self.talk = Talk::of(*first, &self.cache);
        }
        match &mut self.talk {
            Talk::Undecided => Step::Drained,
            Talk::Binary(binary) => binary.execute(&self.cache, input, output),
            Talk::Text(text) => text.execute(&self.cache, input, output),
        }
    }

    /// MCB-LIM-19, MCT-LIM-08: out of memory, and nothing worse.
    fn give_up_frame(&mut self, input: &mut BytesMut, output: &mut Output) -> Step {
        let gives_up = match &mut self.talk {
            Talk::Undecided => false,
            Talk::Binary(binary) => binary.gives_up(input),
            Talk::Text(text) => text.gives_up(input),
        };
        if gives_up { self.execute(input, output) } else { Step::Close }
    }

    async fn granted(&mut self, output: &mut Output) {
        match &mut self.talk {
            Talk::Undecided => core::future::pending().await,
            Talk::Binary(binary) => binary.late.granted(output).await,
            Talk::Text(text) => text.late.granted(output).await,
        }
    }
}

impl Talk {
    fn of(first: u8, cache: &Memcached) -> Self {
        let is_binary = match cache.config.speaks {
            Speaks::Auto => first == MAGIC_REQUEST,
            Speaks::Binary => true,
            Speaks::Text => false,
        };
        let value_max = cache.config.items.item_max;
        if is_binary {
            Self::Binary(Binary::new(value_max))
        } else {
            Self::Text(Text::new(value_max))
        }
    }
}

/// One is best for one worker: a run of requests is answered under one lock.
fn shard_count(config: &MemcachedConfig) -> usize {
    let largest = config.items.item_max.saturating_mul(ITEMS_PER_SHARD_MIN).max(1);
    let shards_max = if config.workers == 1 { 1 } else { SHARDS_MAX };
    (config.items.memory_max / largest).clamp(1, shards_max)
}

fn unix_now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
}
