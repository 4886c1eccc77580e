//! The numbers of a server in Prometheus' text form.
//!
//! What memcached has too is named as `memcached_exporter` names it; the rest begins with `lockproof_`.

use core::fmt::{Display, Write};
use std::sync::Arc;

use lockproof_state_machine::items::{ServerFacts, Stats};
use lockproof_state_machine::locks;

use crate::{Budget, Counters, Ending, Locker, Memcached, NetMem, Roster};

/// The outcomes of locker's replies, in the order of their small numbers.
const OUTCOMES: [&str; 8] = [
    "ok",
    "busy",
    "not-held",
    "malformed",
    "unknown-command",
    "too-large",
    "no-resources",
    "self-held",
];

/// What is looked at.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// Every protocol that is served, by its name.
    pub(crate) counters: Vec<(&'static str, Arc<Counters>)>,
    pub(crate) memcached: Option<Arc<Memcached>>,
    pub(crate) locker: Option<Arc<Locker>>,
    pub(crate) memory: Option<Budget>,
    pub(crate) netmem: Option<Arc<NetMem>>,
    /// Who is connected.
    pub(crate) roster: Roster,
}

impl Observed {
    /// The whole page.
    pub(crate) fn page(&self) -> String {
        let mut page = Page::default();
        page.connections(&self.counters);
        if let Some(memory) = &self.memory {
            page.memory(memory);
        }
        if let Some(memcached) = &self.memcached {
            let (stats, facts) = memcached.observed();
            page.memcached(&stats, &facts);
        }
        if let Some(locker) = &self.locker {
            page.locker(&locker.lock_counters());
        }
        page.0
    }
}

#[derive(Debug, Default)]
struct Page(String);

/// Whether a number only grows.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

use Kind::{Counter, Gauge};

impl Page {
    /// Begins a family of samples.
    fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Counter => "counter",
            Gauge => "gauge",
        };
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    /// A family of one sample.
    fn one(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    fn connections(&mut self, all: &[(&'static str, Arc<Counters>)]) {
        type Count = fn(&Counters) -> u64;
        let families: [(&str, Kind, &str, Count); 6] = [
            ("lockproof_connections", Gauge, "Connections served now.", |it| it.current() as u64),
            (
                "lockproof_connections_total",
                Counter,
                "Connections ever served.",
                Counters::accepted,
            ),
            (
                "lockproof_connections_refused_total",
                Counter,
                "Connections closed at once, because too many were there.",
                Counters::refused,
            ),
            (
                "lockproof_accept_errors_total",
                Counter,
                "Times that accept failed, mostly for want of descriptors.",
                Counters::accept_errors,
            ),
            (
                "lockproof_read_bytes_total",
                Counter,
                "Bytes taken from peers.",
                Counters::bytes_read,
            ),
            (
                "lockproof_written_bytes_total",
                Counter,
                "Bytes given to peers.",
                Counters::bytes_written,
            ),
        ];
        for (name, kind, help, number) in families {
            self.family(name, kind, help);
            for (protocol, counters) in all {
                self.sample(name, &[("protocol", protocol)], number(counters));
            }
        }
        let name = "lockproof_connections_ended_total";
        self.family(name, Counter, "Connections that ended, by the reason.");
        for (protocol, counters) in all {
            for ending in Ending::ALL {
                let labels = [("protocol", *protocol), ("reason", ending.name())];
                self.sample(name, &labels, counters.ended(ending));
            }
        }
    }

    fn memory(&mut self, memory: &Budget) {
        let (name, help) = ("lockproof_buffer_bytes", "Memory of requests and replies that wait.");
        self.one(name, Gauge, help, memory.taken());
        self.one("lockproof_buffer_limit_bytes", Gauge, "Its limit.", memory.max());
        let (name, help) = ("lockproof_buffer_refused_total", "Times that there was no memory.");
        self.one(name, Counter, help, memory.refused());
    }

    fn memcached(&mut self, stats: &Stats, facts: &ServerFacts) {
        self.one("memcached_up", Gauge, "Could the memcached server be reached.", 1);
        self.family("memcached_version", Gauge, "The version of this memcached server.");
        let version = String::from_utf8_lossy(&facts.version);
        self.sample("memcached_version", &[("version", &version)], 1);
        self.commands(stats);
        for (name, kind, help, value) in numbers(stats, facts) {
            self.one(&format!("memcached_{name}"), kind, help, value);
        }
        let help = "Attempts to authenticate, and those that failed.";
        self.family("lockproof_memcached_auth_total", Counter, help);
        for (status, value) in [("all", facts.auth_cmds), ("failed", facts.auth_errors)] {
            self.sample("lockproof_memcached_auth_total", &[("status", status)], value);
        }
    }

    fn commands(&mut self, stats: &Stats) {
        let name = "memcached_commands_total";
        self.family(name, Counter, "Total number of all requests by command and status.");
        let stores =
            stats.cmd_set.saturating_sub(stats.cas_hits + stats.cas_misses + stats.cas_badval);
        for (command, status, value) in [
            ("get", "hit", stats.get_hits),
            ("get", "miss", stats.get_misses),
            ("set", "hit", stores),
            ("cas", "hit", stats.cas_hits),
            ("cas", "miss", stats.cas_misses),
            ("cas", "badval", stats.cas_badval),
            ("delete", "hit", stats.delete_hits),
            ("delete", "miss", stats.delete_misses),
            ("incr", "hit", stats.incr_hits),
            ("incr", "miss", stats.incr_misses),
            ("decr", "hit", stats.decr_hits),
            ("decr", "miss", stats.decr_misses),
            ("touch", "hit", stats.touch_hits),
            ("touch", "miss", stats.touch_misses),
            ("flush", "hit", stats.cmd_flush),
        ] {
            self.sample(name, &[("command", command), ("status", status)], value);
        }
    }

    fn locker(&mut self, counters: &locks::Counters) {
        self.one("lockproof_locker_keys_held", Gauge, "Keys that are locked now.", counters.held);
        self.one(
            "lockproof_locker_holders",
            Gauge,
            "Sessions that hold a key now.",
            counters.holders,
        );
        let freed = counters.freed_by_disconnect;
        self.one(
            "lockproof_locker_keys_freed_by_disconnect_total",
            Counter,
            "Keys that their holders left behind.",
            freed,
        );
        let name = "lockproof_locker_replies_total";
        self.family(name, Counter, "Replies by their outcome.");
        for (outcome, value) in OUTCOMES.iter().zip(counters.outcomes) {
            self.sample(name, &[("outcome", outcome)], value);
        }
    }
}

/// Name, kind, help and value.
type Number = (&'static str, Kind, &'static str, u64);

/// What memcached has as single numbers.
fn numbers(stats: &Stats, facts: &ServerFacts) -> [Number; 13] {
    [
        ("uptime_seconds", Counter, "Number of seconds since the server started.", facts.uptime),
        ("time_seconds", Gauge, "Current UNIX time according to the server.", facts.unix_now),
        ("max_connections", Gauge, "Maximum number of clients allowed.", facts.max_connections),
        (
            "current_connections",
            Gauge,
            "Current number of open connections.",
            facts.curr_connections,
        ),
        (
            "connections_total",
            Counter,
            "Total number of connections opened since the server started.",
            facts.total_connections,
        ),
        (
            "read_bytes_total",
            Counter,
            "Total number of bytes read by this server from network.",
            facts.bytes_read,
        ),
        (
            "written_bytes_total",
            Counter,
            "Total number of bytes sent by this server to network.",
            facts.bytes_written,
        ),
        ("current_bytes", Gauge, "Current number of bytes used to store items.", stats.bytes),
        (
            "limit_bytes",
            Gauge,
            "Number of bytes this server is allowed to use for storage.",
            facts.limit_maxbytes,
        ),
        ("current_items", Gauge, "Current number of items stored.", stats.curr_items),
        (
            "items_total",
            Counter,
            "Total number of items stored since the server started.",
            stats.total_items,
        ),
        (
            "items_evicted_total",
            Counter,
            "Total number of valid items removed to free memory for new ones.",
            stats.evictions,
        ),
        (
            "items_reclaimed_total",
            Counter,
            "Total number of expired items whose memory was taken back.",
            stats.reclaimed,
        ),
    ]
}
