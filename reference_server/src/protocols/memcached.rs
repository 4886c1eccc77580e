//! memcached: items in shards, each behind its own lock, chosen by a seeded hash of the key.
//!
//! Binary protocol only: whatever does not begin with 0x80 is closed without an answer
//! (MCB-NEG-03). A read takes its shard's lock shared. A flush goes to every shard in turn; each
//! key is flushed at one instant, the keys of two shards at two.

use core::future::pending;
use core::hash::BuildHasher;
use core::ops::ControlFlow;
use core::time::Duration;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use foldhash::fast::FixedState;
use lockproof_protocol::memcached_binary::{
    Command, CommandError, Frame, Limits, Opcode, Reply, Request, RequestDecoder, RequestError,
    Status,
};
use lockproof_rwlock::RwLock;
use lockproof_state_machine::Now;
use lockproof_state_machine::items::{self, Items, ServerFacts, Stats};
use lockproof_state_machine::sasl::{Gate, Verdict};
use tokio::time::{Instant, sleep_until};

use super::memcached_run::Run;
use super::memcached_stats::{self, AuthCounters};
use crate::{
    Clock, Counters, Mark, Output, Peer, Protocol, SHARED_BYTES_MIN, Session, Step, Users,
};

/// The version of this memcached service, which is not the crate's: libmemcached refuses a version
/// whose first number is 0 (MCB-VER-01).
pub const MEMCACHED_VERSION: &str = "1.0.0";

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
    /// SASL PLAIN is required of every client, when there are users.
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
}

/// One memcached client.
#[derive(Debug)]
pub struct MemcachedSession {
    cache: Arc<Memcached>,
    decoder: RequestDecoder,
    gate: Gate,
    run: Run,
    refused: Option<Refused>,
}

/// An answer to a wrong password, which waits.
#[derive(Debug)]
struct Refused {
    until: Instant,
    reply: BytesMut,
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
            config,
        }
    }

    /// The statistics, as STAT has them, and what only the server knows.
    pub(crate) fn observed(&self) -> (Stats, ServerFacts) {
        memcached_stats::observed(self, self.clock.now())
    }

    fn execute(&self, now: Now, request: &Request) -> Reply {
        match &request.command {
            Command::Noop | Command::Quit => Reply::Done,
            Command::Version => Reply::Text(Bytes::from_static(MEMCACHED_VERSION.as_bytes())),
            Command::Stat { group } => memcached_stats::reply(self, now, group),
            Command::Flush { .. } => self.flush(now, request),
            Command::Get { key } => self.shard(key).read(|items| items.get(now, key)),
            Command::Store { key, .. }
            | Command::Concat { key, .. }
            | Command::Delete { key }
            | Command::Arithmetic { key, .. }
            | Command::Touch { key, .. }
            | Command::GetAndTouch { key, .. } => {
                self.shard(key).write(|items| items.apply(now, request))
            }
            Command::Unknown
            | Command::SaslListMechs
            | Command::SaslAuth { .. }
            | Command::SaslStep { .. } => Reply::Failed { status: Status::UNKNOWN_COMMAND },
        }
    }

    pub(super) fn shard(&self, key: &[u8]) -> &RwLock<Items> {
        let index = self.hasher.hash_one(key) % self.shards.len() as u64;
        // Below the number of shards, so it is an index of one.
        &self.shards[usize::try_from(index).unwrap_or_default()]
    }

    /// Every shard has the same switches, so they all give the same answer.
    fn flush(&self, now: Now, request: &Request) -> Reply {
        let mut reply = Reply::Done;
        for shard in &self.shards {
            reply = shard.write(|items| items.apply(now, request));
        }
        reply
    }
}

impl Protocol for Memcached {
    type Session = MemcachedSession;

    const NAME: &'static str = "memcached";

    fn open(self: &Arc<Self>, _: Peer) -> MemcachedSession {
        let limits = Limits { value_max: self.config.items.item_max, ..Limits::default() };
        MemcachedSession {
            cache: Arc::clone(self),
            decoder: RequestDecoder::new(limits),
            gate: Gate::new(),
            run: Run::default(),
            refused: None,
        }
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }
}

impl Session for MemcachedSession {
    fn execute(&mut self, input: &mut BytesMut, output: &mut Output) -> Step {
        let now = self.cache.clock.now();
        while !output.is_full() {
            if self.is_in() {
                self.run.gather(&mut self.decoder, input, output);
                self.run.answer(&self.cache, now, output);
                if output.is_full() {
                    break;
                }
            }
            let frame = match self.decoder.decode(input) {
                Ok(None) => return Step::Drained,
                Ok(Some(frame)) => frame,
                Err(error) => {
                    refuse(&error, output);
                    return Step::Close;
                }
            };
            output.count_frame();
            if let ControlFlow::Break(step) = self.answer(now, frame, output) {
                return step;
            }
        }
        Step::Full
    }

    /// MCB-LIM-19: out of memory, and nothing worse.
    fn give_up_frame(&mut self, input: &mut BytesMut, output: &mut Output) -> Step {
        if self.decoder.gives_up(input) { self.execute(input, output) } else { Step::Close }
    }

    async fn granted(&mut self, output: &mut Output) {
        let Some(refused) = &self.refused else { return pending().await };
        sleep_until(refused.until).await;
        if let Some(refused) = self.refused.take() {
            output.buffer().extend_from_slice(&refused.reply);
        }
    }
}

impl MemcachedSession {
    fn is_in(&self) -> bool {
        self.cache.config.users.as_ref().is_none_or(|users| users.are_done_with(&self.gate))
    }

    fn answer(&mut self, now: Now, frame: Frame, output: &mut Output) -> ControlFlow<Step> {
        let request = match Request::from_frame(frame) {
            Ok(request) => request,
            // The frame is whole, so the next one is where it should be (MCB-SAS-09).
            Err(CommandError { opcode, opaque, status, .. }) => {
                Reply::Failed { status }.encode(opcode, opaque, &[], output.buffer());
                return ControlFlow::Continue(());
            }
        };
        let key: &[u8] = request.key().map_or(&[], |key| key);
        let (opcode, opaque) = (request.opcode, request.opaque);
        let users = self.cache.config.users.as_ref();
        match users.map_or(Verdict::Pass, |users| users.check(&mut self.gate, &request)) {
            Verdict::Reply(reply) => {
                self.cache.auth.count(&request.command, &reply);
                let delay = self.cache.config.auth_delay;
                if reply.status() == Status::AUTH_ERROR && !delay.is_zero() {
                    let mut late = BytesMut::new();
                    reply.encode(opcode, opaque, key, &mut late);
                    self.refused = Some(Refused { until: Instant::now() + delay, reply: late });
                    return ControlFlow::Break(Step::Waiting);
                }
                reply.encode(opcode, opaque, key, output.buffer());
            }
            Verdict::ReplyAndClose(reply) => {
                reply.encode(opcode, opaque, key, output.buffer());
                return ControlFlow::Break(Step::Close);
            }
            Verdict::Pass => {
                let reply = self.cache.execute(now, &request);
                // MCB-QT-01, MCB-QT-02
                if !opcode.suppresses(reply.status()) {
                    encode(reply, opcode, opaque, key, output);
                }
            }
        }
        match request.command {
            Command::Quit => ControlFlow::Break(Step::Close), // MCB-QUI-01, MCB-QUI-02
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Encodes a reply; a large value is shared with the cache instead of copied.
pub(super) fn encode(reply: Reply, opcode: Opcode, opaque: u32, key: &[u8], output: &mut Output) {
    match reply {
        Reply::Found { flags, cas, value } if value.len() >= SHARED_BYTES_MIN => {
            Reply::put_found(flags, cas, value.len(), opcode, opaque, key, output.buffer());
            Mark::ValueShared.hit();
            output.share(value);
        }
        reply => reply.encode(opcode, opaque, key, output.buffer()),
    }
}

/// The last words to a peer whose framing is lost; none to one that does not speak the protocol.
fn refuse(error: &RequestError, output: &mut Output) {
    tracing::debug!(%error, "framing lost");
    if let RequestError::Fatal { opcode, opaque, status, .. } = *error {
        Reply::Failed { status }.encode(opcode, opaque, &[], output.buffer());
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
