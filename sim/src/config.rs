//! The size of a run: drawn from the seed, then plain data.

use std::time::Duration;

use lockproof_reference_server::ConnectionConfig;
use serde::{Deserialize, Serialize};

use crate::hazards::Hazard;
use crate::net::Wire;
use crate::seed::{Draw, Purpose};

/// What the server and its clients speak.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// memcached's binary protocol.
    Memcached,
    /// Shared pages.
    NetMem,
    /// Named locks.
    Locker,
    /// memcached's text.
    Text,
    /// memcached's meta commands.
    Meta,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Memcached, Self::NetMem, Self::Locker, Self::Text, Self::Meta];

    /// Those that name a kind of server. What a seed means was drawn from these before there were the others.
    pub const SERVERS: [Self; 3] = [Self::Memcached, Self::NetMem, Self::Locker];

    /// What clients may speak to a memcached.
    pub const OF_MEMCACHED: [Self; 3] = [Self::Memcached, Self::Text, Self::Meta];

    /// As in scenario names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memcached => "memcached",
            Self::NetMem => "netmem",
            Self::Locker => "locker",
            Self::Text => "text",
            Self::Meta => "meta",
        }
    }

    /// The kind of server that speaks it: one memcached speaks three.
    #[must_use]
    pub const fn server(self) -> Self {
        match self {
            Self::Text | Self::Meta => Self::Memcached,
            other => other,
        }
    }
}

/// Segments in flight and unread, in each direction.
pub const WINDOW_SEGMENTS: usize = 24;

/// What the lock server answers.
const LOCKER_SEGMENT_BYTES: usize = 2;

/// Bytes of requests that may be under way, at least.
const CLIENTS_WINDOW_MIN: usize = 4 * 1024;

/// What a stream is given that says nothing or takes nothing; shorter than in production, so that runs are.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(5);
/// Silence between frames before a connection is closed. It stands for the keepalive that is not simulated.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(3);
/// Time that connections have to finish when the server is asked to stop.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(2);
/// Pause after a connection that could not be accepted.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes that are read ahead of a client that waits for a lock.
pub const READ_AHEAD_MAX: usize = 16 * 1024;
/// Time and bytes that a client has to end its side of a connection that the server has closed. Longer than
/// [`DRAIN_DEADLINE`], so that one of them is cut short when the server stops.
pub const LINGER_TIME: Duration = Duration::from_millis(2_500);
/// See [`LINGER_TIME`].
pub const LINGER_BYTES: usize = 64 * 1024;
/// Time from being asked to stop to having stopped: what is drained may linger.
pub const STOPPED_WITHIN: Duration = Duration::from_millis(3_500);
/// Bytes that the server takes at most from a client that takes no replies.
pub const HOARD_MAX: u64 = 64 * 1024;
/// Time from the last fault, and from the end of all work, to when nothing may be left of a broken connection.
pub const REAPED_WITHIN: Duration = Duration::from_secs(12);

/// The size of a run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Config {
    /// What is spoken.
    pub protocol: Protocol,
    /// Messages arrive at multiples of this: one takes its latency and up to a tick.
    pub tick_ms: u64,
    /// Shortest latency of a message.
    pub latency_min_ms: u64,
    /// Longest.
    pub latency_max_ms: u64,
    /// Bytes of a segment.
    pub segment_bytes: usize,
    /// Bytes of the big value, or of every page.
    pub value_bytes: usize,
    /// Clients that nothing happens to.
    pub healthy: usize,
    /// What victims do, where they have a script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hazard: Option<Hazard>,
    /// Connections that the reference server serves at once, if not as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections_max: Option<usize>,
    /// Time that a flawed server spends inside its lock for each operation; the reference server needs none.
    #[serde(default)]
    pub section_ms: u64,
}

/// Connections of victims that may stand in a lock's queue before a healthy client's.
const VICTIMS_QUEUED: usize = 16;

impl Config {
    /// Draws the size of a run.
    pub fn draw(protocol: Protocol, seed: u64) -> Self {
        let mut draw = Draw::new(seed, Purpose::Config);
        let latency_min_ms = draw.within(1..=5);
        let latency_max_ms = latency_min_ms + draw.within(1..=15);
        let kib = match protocol {
            Protocol::Memcached | Protocol::Text | Protocol::Meta => *draw.pick(&[32, 64, 128]),
            // Healthy clients read pages as well, and every page is as big.
            Protocol::NetMem => *draw.pick(&[16, 24]),
            // There are no values.
            Protocol::Locker => *draw.pick(&[0]),
        };
        Self {
            protocol,
            tick_ms: 5,
            latency_min_ms,
            latency_max_ms,
            segment_bytes: *draw.pick(&[256, 536, 1460]),
            value_bytes: kib * 1024,
            healthy: usize::try_from(draw.within(2..=5)).unwrap_or(2),
            hazard: None,
            connections_max: None,
            section_ms: 0,
        }
    }

    /// The longest time from one side to the other and back.
    pub const fn round_trip(&self) -> Duration {
        Duration::from_millis(2 * (self.latency_max_ms + self.tick_ms))
    }

    /// What a read of a healthy client may take: those that are in the lock, one writer, and its own section.
    /// Meta's may win, and so they wait where writers do.
    pub fn read_bound(&self) -> Duration {
        if self.protocol == Protocol::Meta {
            return self.bound();
        }
        self.wire_bound() + self.section() * 4
    }

    /// What an operation of a healthy client may take: nobody else's trouble is in it, but for a fair queue at the lock.
    pub fn bound(&self) -> Duration {
        let queue = u32::try_from(2 * (self.healthy + VICTIMS_QUEUED)).unwrap_or(u32::MAX);
        self.wire_bound() + self.section() * queue
    }

    /// What a connection and a first reply may take: two round trips, and no lock is needed.
    pub fn connect_bound(&self) -> Duration {
        self.wire_bound() * 2
    }

    /// What clients' sockets are like: however small segments are, a few requests find room.
    pub fn wire(&self) -> Wire {
        let wire = Wire::of_segments(self.segment_bytes, WINDOW_SEGMENTS);
        Wire { window_bytes: wire.window_bytes.max(CLIENTS_WINDOW_MIN), ..wire }
    }

    /// What the server's are like. A kernel counts the memory that a segment takes, which for a reply of two bytes is a
    /// hundred times as much: so many replies fill a window, however short they are.
    pub const fn server_wire(&self) -> Wire {
        match self.protocol {
            Protocol::Memcached | Protocol::Text | Protocol::Meta | Protocol::NetMem => {
                Wire::of_segments(self.segment_bytes, WINDOW_SEGMENTS)
            }
            Protocol::Locker => Wire::of_segments(LOCKER_SEGMENT_BYTES, WINDOW_SEGMENTS),
        }
    }

    /// Time inside the lock.
    pub const fn section(&self) -> Duration {
        Duration::from_millis(self.section_ms)
    }

    /// The longest reply goes out in windows, one a round trip; the rest is slack for a queue of healthy clients.
    fn wire_bound(&self) -> Duration {
        let reply = match self.protocol {
            Protocol::Memcached | Protocol::Locker => 64,
            // A few small values in a reply, or a few replies.
            Protocol::Text | Protocol::Meta => 256,
            Protocol::NetMem => self.value_bytes,
        };
        let windows = reply.div_ceil(self.segment_bytes * WINDOW_SEGMENTS);
        self.round_trip() * (3 + 2 * u32::try_from(windows).unwrap_or(u32::MAX))
    }

    /// Work goes on for so long after the last fault.
    pub const fn work_after(&self) -> Duration {
        match self.protocol {
            Protocol::Memcached | Protocol::Text | Protocol::Meta | Protocol::NetMem => {
                Duration::from_secs(5)
            }
            // Until it can be seen that what the dead held is free.
            Protocol::Locker => Duration::from_secs(8),
        }
    }

    /// NetMem's number of pages and their length: the big one, the common one, one for each
    /// healthy client, one that victims write, and one that nobody does.
    pub fn pages(&self) -> (u32, u32) {
        let number = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        (number(4 + self.healthy), number(self.value_bytes))
    }

    /// The limits of the reference server's connections.
    pub fn connection(&self) -> ConnectionConfig {
        let mut limits = ConnectionConfig::default();
        limits.connections_max = self.connections_max.unwrap_or(limits.connections_max);
        ConnectionConfig {
            write_deadline: WRITE_DEADLINE,
            idle_timeout: Some(IDLE_TIMEOUT),
            frame_deadline: Some(IDLE_TIMEOUT),
            output_max: 16 * 1024,
            drain_deadline: DRAIN_DEADLINE,
            accept_pause: ACCEPT_PAUSE,
            read_ahead_max: READ_AHEAD_MAX,
            linger_time: LINGER_TIME,
            linger_bytes: LINGER_BYTES,
            ..limits
        }
    }
}
