//! What STAT answers: the statistics of all shards as one, and what only the server knows.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::{Bytes, BytesMut};
use lockproof_protocol::memcached_binary::{Command, Reply, Status};
use lockproof_protocol::memcached_text::{Refusal, put_line, put_stats};
use lockproof_rwlock::RwLock;
use lockproof_state_machine::Now;
use lockproof_state_machine::items::{Group, Items, ServerFacts, Stats};

use super::memcached::{MEMCACHED_VERSION, Memcached};

/// Attempts to authenticate, and failures.
#[derive(Debug, Default)]
pub(super) struct AuthCounters {
    commands: AtomicU64,
    errors: AtomicU64,
}

impl AuthCounters {
    /// Counts what the gate answered.
    pub(super) fn count(&self, command: &Command, reply: &Reply) {
        let is_attempt = matches!(command, Command::SaslAuth { .. } | Command::SaslStep { .. });
        self.commands.fetch_add(u64::from(is_attempt), Relaxed);
        let is_error = reply.status() == Status::AUTH_ERROR;
        self.errors.fetch_add(u64::from(is_attempt && is_error), Relaxed);
    }

    /// Counts an attempt of a text client.
    pub(super) fn count_attempt(&self, is_right: bool) {
        self.commands.fetch_add(1, Relaxed);
        self.errors.fetch_add(u64::from(!is_right), Relaxed);
    }

    fn reset(&self) {
        self.commands.store(0, Relaxed);
        self.errors.store(0, Relaxed);
    }
}

/// For who watches the server.
pub(super) fn observed(cache: &Memcached, now: Now) -> (Stats, ServerFacts) {
    (merged(&cache.shards, now), facts(cache, now))
}

/// Answers `stats` of the text protocol (MCT-STT-01 to MCT-STT-08).
pub(super) fn put_text(
    cache: &Memcached,
    now: Now,
    group: &[u8],
    argument: &[u8],
    out: &mut BytesMut,
) {
    match (group, argument) {
        (b"detail", b"on" | b"off") => return put_line("OK", out),
        (b"cachedump", _) => return put_line(Refusal::NO_DUMP.text(), out),
        // Prefixes are not counted, and connections are told where sessions are, not here.
        (b"detail", b"dump") | (b"conns", _) => return put_line("END", out),
        (b"detail", _) => return put_line(Refusal::STATS_DETAIL.text(), out),
        _ => {}
    }
    match reply(cache, now, group) {
        Reply::Stats(_) if group == b"reset" => put_line("RESET", out),
        Reply::Stats(pairs) => put_stats(&pairs, out),
        _ => put_line(Refusal::UNKNOWN.text(), out),
    }
}

/// Answers STAT for the group of that name; the empty one is the default set (MCB-STT-03).
pub(super) fn reply(cache: &Memcached, now: Now, group: &[u8]) -> Reply {
    let Some(group) = Group::named(group) else {
        return Reply::Failed { status: Status::KEY_NOT_FOUND }; // MCB-STT-05
    };
    if group == Group::Reset {
        cache.shards.iter().for_each(|shard| shard.write(Items::reset_stats));
        cache.auth.reset();
        cache.meta_commands.store(0, Relaxed);
    }
    Reply::Stats(merged(&cache.shards, now).pairs(group, &facts(cache, now)))
}

/// The first shard's numbers with those of the others; the switches are the same in all.
fn merged(shards: &[RwLock<Items>], now: Now) -> Stats {
    let stats = |shard: &RwLock<Items>| shard.read(|items| items.stats(now));
    let mut all = shards.iter().map(stats);
    let mut sum = all.next().unwrap_or_default();
    all.for_each(|more| sum.merge(&more));
    sum
}

fn facts(cache: &Memcached, now: Now) -> ServerFacts {
    let (config, counters) = (&cache.config, &cache.counters);
    ServerFacts {
        pid: std::process::id(),
        uptime: now.as_secs(),
        unix_now: cache.unix_start + now.as_secs(),
        version: Bytes::from_static(MEMCACHED_VERSION.as_bytes()),
        threads: config.workers as u64,
        curr_connections: counters.current() as u64,
        total_connections: counters.accepted(),
        max_connections: config.connections_max as u64,
        bytes_read: counters.bytes_read(),
        bytes_written: counters.bytes_written(),
        limit_maxbytes: config.items.memory_max as u64,
        auth_cmds: cache.auth.commands.load(Relaxed),
        auth_errors: cache.auth.errors.load(Relaxed),
        sasl: config.users.is_some(),
        cmd_meta: cache.meta_commands.load(Relaxed),
    }
}
