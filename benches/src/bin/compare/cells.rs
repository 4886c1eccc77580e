//! What is compared: a cell is one load, the servers that it is put on, and what is asked of ours.

use lockproof_benches::load::memcached::Ask;
use lockproof_benches::load::memcached_lines::Tongue;
use lockproof_benches::load::{locker, netmem};

/// One of those that are compared.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Contender {
    Memcached1,
    Memcached2,
    /// Tuned for batches: it serves 1,000 requests of a connection before the next one's.
    Memcached2R,
    Lockproof,
    /// Ours, with a worker for each of two processors.
    Lockproof2,
    /// Ours, polling for a while before it sleeps.
    LockproofSpin,
    /// Answers with the right lengths, and does nothing.
    Null,
}

impl Contender {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memcached1 => "memcached -t 1",
            Self::Memcached2 => "memcached -t 2",
            Self::Memcached2R => "memcached -t 2 -R 1000",
            Self::Lockproof => "lockproof",
            Self::Lockproof2 => "lockproof -t 2",
            Self::LockproofSpin => "lockproof --spin",
            Self::Null => "null",
        }
    }

    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Lockproof | Self::Lockproof2 | Self::LockproofSpin)
    }
}

/// What a cell measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Measured {
    /// Operations for some time.
    Load(Load),
    /// The memory of that many items, with values of that many bytes.
    Items { count: u32, value_len: usize },
    /// The memory of idle connections, before and after each sent 32 requests at once.
    Connections { count: usize },
    /// Operations by memaslap, a load generator that is not ours.
    Memaslap { connections: u32, depth: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Load {
    pub(crate) what: What,
    pub(crate) connections: u32,
    /// Batches a second by all connections; none: as fast as they are answered.
    pub(crate) rate: Option<f64>,
    /// Whether another process keeps a processor busy.
    pub(crate) neighbour: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum What {
    /// No tongue is the binary protocol.
    Memcached {
        ask: Ask,
        keys: u32,
        value_len: usize,
        tongue: Option<Tongue>,
    },
    NetMem {
        ask: netmem::Ask,
        depth: u32,
    },
    Locker(locker::Ask),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Metric {
    Throughput,
    Cpu,
    P99,
    Memory,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Against {
    /// The better of memcached -t 1 and -t 2, in that metric and round.
    Better,
    One(Contender),
}

/// A bound of a ratio, ours to another's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) metric: Metric,
    pub(crate) against: Against,
    pub(crate) bound: f64,
}

impl Target {
    /// Whether a ratio keeps within the bound: more is better for throughput alone.
    pub(crate) fn is_met(&self, ratio: f64) -> bool {
        match self.metric {
            Metric::Throughput => ratio >= self.bound,
            Metric::Cpu | Metric::P99 | Metric::Memory => ratio <= self.bound,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// Such as `T2/16`; the part before the slash is the group.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) measured: Measured,
    pub(crate) contenders: Vec<Contender>,
    pub(crate) targets: Vec<Target>,
}

impl Cell {
    pub(crate) fn group(&self) -> &'static str {
        self.name.split('/').next().unwrap_or(self.name)
    }

    pub(crate) fn is_of_memory(&self) -> bool {
        matches!(self.measured, Measured::Items { .. } | Measured::Connections { .. })
    }

    /// The one of ours that the targets are about: the last.
    pub(crate) fn ours(&self) -> Contender {
        let ours = self.contenders.iter().rfind(|contender| contender.is_ours());
        ours.copied().unwrap_or(Contender::Lockproof)
    }
}

const GETS: Ask = Ask::Mix { depth: 1, sets: 1, of: 11 };
const GETS_32: Ask = Ask::Mix { depth: 32, sets: 1, of: 11 };
const SETS_32: Ask = Ask::Mix { depth: 32, sets: 1, of: 1 };

const USUAL: [Contender; 4] =
    [Contender::Memcached1, Contender::Memcached2, Contender::Lockproof2, Contender::Lockproof];
const WITH_TUNED: [Contender; 5] = [
    Contender::Memcached1,
    Contender::Memcached2,
    Contender::Memcached2R,
    Contender::Lockproof2,
    Contender::Lockproof,
];
const TWO_WORKERS: [Contender; 3] =
    [Contender::Memcached1, Contender::Memcached2, Contender::Lockproof2];
const WITH_SPIN: [Contender; 4] =
    [Contender::Memcached1, Contender::Memcached2, Contender::Lockproof, Contender::LockproofSpin];
const WITH_NULL: [Contender; 2] = [Contender::Null, Contender::Lockproof];

const fn at_least(bound: f64) -> Target {
    Target { metric: Metric::Throughput, against: Against::Better, bound }
}

const fn cpu(bound: f64) -> Target {
    Target { metric: Metric::Cpu, against: Against::Better, bound }
}

const fn memory(bound: f64) -> Target {
    Target { metric: Metric::Memory, against: Against::One(Contender::Memcached2), bound }
}

const CPU_TUNED: Target =
    Target { metric: Metric::Cpu, against: Against::One(Contender::Memcached2R), bound: 0.80 };
const P99_AT_RATE: Target =
    Target { metric: Metric::P99, against: Against::One(Contender::Memcached2), bound: 0.85 };

/// A load of memcached's, as fast as it is answered.
const fn gets(ask: Ask, connections: u32, value_len: usize) -> Measured {
    // As much as is worth some tens of megabytes.
    let keys = match value_len {
        0..1024 => 100_000,
        1024..8192 => 10_000,
        _ => 2_000,
    };
    let what = What::Memcached { ask, keys, value_len, tongue: None };
    Measured::Load(Load { what, connections, rate: None, neighbour: false })
}

const fn pages(ask: netmem::Ask, depth: u32) -> Measured {
    let what = What::NetMem { ask, depth };
    Measured::Load(Load { what, connections: 16, rate: None, neighbour: false })
}

const fn locks(ask: locker::Ask) -> Measured {
    let what = What::Locker(ask);
    Measured::Load(Load { what, connections: 16, rate: None, neighbour: false })
}

/// The same in lines.
const fn said(tongue: Tongue, measured: Measured) -> Measured {
    match measured {
        Measured::Load(Load {
            what: What::Memcached { ask, keys, value_len, .. },
            connections,
            rate,
            neighbour,
        }) => {
            let what = What::Memcached { ask, keys, value_len, tongue: Some(tongue) };
            Measured::Load(Load { what, connections, rate, neighbour })
        }
        other => other,
    }
}

/// T1 to T7 in memcached's text and meta protocols.
#[rustfmt::skip]
fn in_lines() -> Vec<Cell> {
    let many = |keys| Ask::MultiGet { keys };
    let rows: [(&str, &str, &str, Measured, &[Target]); 7] = [
        ("T1-text/50", "T1-meta/50", "1 SET to 10 GETs, 100 B, one at a time, 50 connections", gets(GETS, 50, 100), &[]),
        ("T2-text/50", "T2-meta/50", "1 SET to 10 GETs, 100 B, 32 at a time, 50 connections", gets(GETS_32, 50, 100), &[cpu(0.40)]),
        ("T3-text/50", "T3-meta/50", "GETs of 32 keys, 100 B, 50 connections", gets(many(32), 50, 100), &[]),
        ("T4-text/16", "T4-meta/16", "GETs of 100 keys, 100 B, 16 connections", gets(many(100), 16, 100), &[]),
        ("T5-text/16", "T5-meta/16", "SETs, 100 B, 32 at a time, 16 connections", gets(SETS_32, 16, 100), &[]),
        ("T6-text/16", "T6-meta/16", "1 SET to 10 GETs, 4 KiB, 32 at a time, 16 connections", gets(GETS_32, 16, 4096), &[]),
        ("T7-text/4", "T7-meta/4", "GETs of 32 keys, 32 KiB, 4 connections", gets(many(32), 4, 32_768), &[]),
    ];
    let cell = |(name, title, measured, targets): (_, _, _, &[Target])| Cell {
        name, title, measured, contenders: WITH_TUNED.to_vec(), targets: targets.to_vec(),
    };
    let text = rows.map(|(name, _, title, load, targets)| (name, title, said(Tongue::Text, load), targets));
    // Only text has a bound.
    let meta = rows.map(|(_, name, title, load, _)| (name, title, said(Tongue::Meta, load), &[][..]));
    text.into_iter().chain(meta).map(cell).collect()
}

/// All cells, in the order of their names.
#[rustfmt::skip]
pub(crate) fn all() -> Vec<Cell> {
    let at_a_rate = Measured::Load(Load {
        what: What::Memcached { ask: GETS, keys: 100_000, value_len: 100, tongue: None },
        connections: 50,
        rate: Some(40_000.0),
        neighbour: true,
    });
    let cell = |name, title, measured, contenders: &[Contender], targets: &[Target]| Cell {
        name, title, measured, contenders: contenders.to_vec(), targets: targets.to_vec(),
    };
    let mut cells = vec![
        cell("T1/16", "1 SET to 10 GETs, 100 B, one at a time, 16 connections", gets(GETS, 16, 100), &USUAL, &[at_least(0.97), cpu(1.00)]),
        cell("T1/50", "1 SET to 10 GETs, 100 B, one at a time, 50 connections", gets(GETS, 50, 100), &USUAL, &[at_least(0.97), cpu(1.00)]),
        cell("T1/200", "1 SET to 10 GETs, 100 B, one at a time, 200 connections", gets(GETS, 200, 100), &USUAL, &[at_least(0.97), cpu(1.00)]),
        cell("T2/16", "1 SET to 10 GETs, 100 B, 32 at a time, 16 connections", gets(GETS_32, 16, 100), &WITH_TUNED, &[at_least(1.5), cpu(0.55), CPU_TUNED]),
        cell("T2/50", "1 SET to 10 GETs, 100 B, 32 at a time, 50 connections", gets(GETS_32, 50, 100), &WITH_TUNED, &[at_least(1.5), cpu(0.55), CPU_TUNED]),
        cell("T3/16", "32 GETKQ and a NOOP, 100 B, 16 connections", gets(Ask::MultiGet { keys: 32 }, 16, 100), &WITH_TUNED, &[at_least(1.7), cpu(0.50)]),
        cell("T3/50", "32 GETKQ and a NOOP, 100 B, 50 connections", gets(Ask::MultiGet { keys: 32 }, 50, 100), &WITH_TUNED, &[at_least(1.7), cpu(0.50)]),
        cell("T4/16", "100 GETKQ and a NOOP, 100 B, 16 connections", gets(Ask::MultiGet { keys: 100 }, 16, 100), &WITH_TUNED, &[at_least(2.3), cpu(0.38)]),
        cell("T5/16", "SETs, 100 B, 32 at a time, 16 connections", gets(SETS_32, 16, 100), &WITH_TUNED, &[at_least(1.6)]),
        cell("T5/4KiB", "SETs, 4 KiB, 32 at a time, 16 connections", gets(SETS_32, 16, 4096), &WITH_TUNED, &[]),
        cell("T6/16", "1 SET to 10 GETs, 4 KiB, 32 at a time, 16 connections", gets(GETS_32, 16, 4096), &WITH_TUNED, &[at_least(1.2)]),
        cell("T6/multiget", "100 GETKQ and a NOOP, 4 KiB, 16 connections", gets(Ask::MultiGet { keys: 100 }, 16, 4096), &WITH_TUNED, &[at_least(1.2)]),
        cell("T6/two-workers", "100 GETKQ and a NOOP, 4 KiB, and two workers", gets(Ask::MultiGet { keys: 100 }, 16, 4096), &TWO_WORKERS, &[at_least(1.2)]),
        cell("T7/4", "32 GETKQ and a NOOP, 32 KiB, 4 connections", gets(Ask::MultiGet { keys: 32 }, 4, 32_768), &WITH_TUNED, &[at_least(0.95)]),
        cell("T7/two-workers", "32 GETKQ and a NOOP, 32 KiB, and two workers", gets(Ask::MultiGet { keys: 32 }, 4, 32_768), &TWO_WORKERS, &[at_least(0.95)]),
        cell("T8/1", "GETs and SETs one at a time, one connection, idle machine", gets(GETS, 1, 100), &WITH_SPIN, &[at_least(1.8)]),
        cell("T9/1", "32 at a time, one connection, idle machine", gets(GETS_32, 1, 100), &WITH_SPIN, &[at_least(1.0)]),
        cell("T10/50", "40,000 a second, 50 connections, beside a busy neighbour", at_a_rate, &USUAL, &[P99_AT_RATE]),
        cell("T11/100B", "memory of 1,000,000 items of 100 B", Measured::Items { count: 1_000_000, value_len: 100 }, &USUAL, &[memory(0.90)]),
        cell("T11/10B", "memory of 1,000,000 items of 10 B", Measured::Items { count: 1_000_000, value_len: 10 }, &USUAL, &[memory(0.85)]),
        cell("T11/4KiB", "memory of 100,000 items of 4 KiB", Measured::Items { count: 100_000, value_len: 4096 }, &USUAL, &[memory(0.95)]),
        cell("T12/5000", "memory of 5,000 connections", Measured::Connections { count: 5000 }, &USUAL, &[]),
        cell("X1/16", "memaslap instead of our generator, 32 at a time, 16 connections", Measured::Memaslap { connections: 16, depth: 32 }, &WITH_TUNED, &[]),
        cell("P1/pair", "beside the null server: NetMem, lock and unlock, 64 B", pages(netmem::Ask::LockAndUnlock, 1), &WITH_NULL, &[]),
        cell("P2/unchanged", "beside the null server: NetMem, reads of unchanged pages", pages(netmem::Ask::ReadUnchanged, 32), &WITH_NULL, &[]),
        cell("P3/changed", "beside the null server: NetMem, reads of changed pages", pages(netmem::Ask::ReadChanged, 32), &WITH_NULL, &[]),
        cell("L1/single", "beside the null server: a lock taken and released", locks(locker::Ask::OwnKeys { keys: 1 }), &WITH_NULL, &[]),
        cell("L2/batch", "beside the null server: 16 locks taken and released", locks(locker::Ask::OwnKeys { keys: 16 }), &WITH_NULL, &[]),
        cell("L3/contended", "beside the null server: 16 clients want 4 locks", locks(locker::Ask::Contended { keys: 4 }), &WITH_NULL, &[]),
    ];
    cells.extend(in_lines());
    cells
}
