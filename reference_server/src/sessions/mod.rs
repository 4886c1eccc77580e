//! What a server tells of its sessions, as data: the page `/sessions`, and what `lockproof top` reads.
//!
//! The schema is [`SCHEMA`]. Times are seconds, with three digits behind the point. Fields may be added; none goes or changes
//! its meaning under this name.

mod gather;
mod seconds;

use core::time::Duration;
use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use gather::gather;

/// The schema of [`Sessions`].
pub const SCHEMA: &str = "lockproof.sessions/1";

/// All of it, at one time.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Sessions {
    /// [`SCHEMA`].
    pub schema: Cow<'static, str>,
    /// How long the server has been serving.
    #[serde(with = "seconds")]
    pub uptime_seconds: Duration,
    /// Whether sessions can be ended here, by those who have the token.
    pub can_end: bool,
    /// The server as a whole.
    pub totals: Totals,
    /// Those that matter most, by [`Session::urgency`].
    pub sessions: Vec<Session>,
    /// How many more there are.
    pub sessions_left_out: u64,
}

/// Numbers of the whole server.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Totals {
    /// Connections by protocol.
    pub connections: BTreeMap<Cow<'static, str>, u64>,
    /// Bytes taken from peers since the start.
    pub bytes_in: u64,
    /// Bytes given to peers since the start.
    pub bytes_out: u64,
    /// Sessions whose peer does not take its replies.
    pub slow_readers: u64,
    /// Locker, if it is served.
    pub locker: Option<LockerTotals>,
    /// NetMem, if it is served.
    pub netmem: Option<NetMemTotals>,
    /// memcached, if it is served.
    pub memcached: Option<MemcachedTotals>,
}

/// Nobody waits at Locker: who asks for a lock that is held is refused at once.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct LockerTotals {
    /// Keys that are held.
    pub keys_held: u64,
    /// Sessions that hold one.
    pub holders: u64,
}

/// Page locks.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct NetMemTotals {
    /// Pages that are held.
    pub pages_held: u64,
    /// Those of them that somebody waits for.
    pub pages_waited_for: u64,
    /// Sessions that hold one.
    pub holders: u64,
    /// Sessions that wait for one.
    pub waiters: u64,
}

/// The cache.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct MemcachedTotals {
    /// Look-ups that found something.
    pub get_hits: u64,
    /// Look-ups that did not.
    pub get_misses: u64,
    /// Hits by look-ups, between 0 and 1; none before the first one.
    pub hit_ratio: Option<f64>,
    /// Items.
    pub items: u64,
    /// Bytes of all items.
    pub bytes: u64,
    /// Bytes that items may take.
    pub bytes_max: u64,
}

/// One connection.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Session {
    /// Ids only count up: none is used again while the server runs.
    pub id: u64,
    /// Its protocol.
    pub protocol: Cow<'static, str>,
    /// Who is at the other end.
    pub peer: String,
    /// How long it has been there.
    #[serde(with = "seconds")]
    pub age_seconds: Duration,
    /// Bytes taken from the peer; 0 where a process of its own serves it.
    pub bytes_in: u64,
    /// Bytes given to the peer.
    pub bytes_out: u64,
    /// Output that the peer does not take.
    pub unsent: Option<Unsent>,
    /// What it holds.
    pub holds: Option<Holds>,
    /// What it waits for.
    pub waits: Option<Waits>,
}

/// Output that a peer does not take.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Unsent {
    /// How much.
    pub bytes: u64,
    /// For how long it has taken nothing.
    #[serde(with = "seconds")]
    pub seconds: Duration,
}

/// What a session holds.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Holds {
    /// How many keys or pages.
    pub count: u64,
    /// For how long: the oldest of its pages; with keys, since it held none for the last time.
    #[serde(with = "seconds")]
    pub seconds: Duration,
    /// How many sessions wait for any of it.
    pub waiters: u64,
    /// The longest of those waits.
    #[serde(with = "seconds")]
    pub waited_seconds: Duration,
    /// Some of it, 8 at most; of pages those that most wait for.
    pub some: Vec<Held>,
}

/// One thing that is held.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Held {
    /// What it is.
    #[serde(flatten)]
    pub what: What,
    /// For how long.
    #[serde(with = "seconds")]
    pub seconds: Duration,
    /// How many sessions wait for it.
    pub waiters: u64,
}

/// What a session waits for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Waits {
    /// What it is.
    #[serde(flatten)]
    pub what: What,
    /// For how long.
    #[serde(with = "seconds")]
    pub seconds: Duration,
    /// The session that holds it, if it is still there.
    pub held_by: Option<u64>,
}

/// What can be held.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A key of Locker: what is not printable is escaped, and a long one is cut.
    Key(String),
    /// A page of NetMem.
    Page(u32),
}

impl Sessions {
    /// The page.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

impl Session {
    /// By it the sessions stand in order, largest first: who keeps others waiting, by how long they wait; who does not read, by how
    /// long; who waits; who holds something; and then who moves most bytes.
    pub fn urgency(&self) -> impl Ord + use<> {
        let waited = self.holds.as_ref().filter(|holds| holds.waiters > 0);
        (
            waited.map(|holds| holds.waited_seconds),
            self.unsent.as_ref().map(|unsent| unsent.seconds),
            self.waits.as_ref().map(|waits| waits.seconds),
            self.holds.as_ref().map(|holds| holds.seconds),
            self.bytes_in.saturating_add(self.bytes_out),
        )
    }
}
