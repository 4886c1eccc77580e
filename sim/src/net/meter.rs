//! What happened on a host's sockets: a running hash of all bytes with their times, how streams ended, and every wait
//! of a write. Faults are audited by it, and two runs compared.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lockproof_rwlock::held_here;

use super::network::sim_elapsed;
use crate::trace::Hash;

/// Shorter silences are not noted.
const SILENCE: Duration = Duration::from_millis(200);

/// A write that found no room, or a read that found no bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Block {
    /// Who did not read, or write.
    pub peer: IpAddr,
    /// Since when.
    pub since: Duration,
    /// Until when, if it ended.
    pub until: Option<Duration>,
}

impl Block {
    const fn open(peer: IpAddr, since: Duration) -> Self {
        Self { peer, since, until: None }
    }

    /// How much of the wait lies behind `from`, at the time `now`.
    pub fn after(&self, from: Duration, now: Duration) -> Duration {
        self.until.unwrap_or(now).saturating_sub(self.since.max(from))
    }
}

/// How the peer's side of a stream ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// It said that no more comes.
    Finished,
    /// It reset the connection.
    Reset,
}

impl End {
    /// What is printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Finished => "an end of stream",
            Self::Reset => "a reset",
        }
    }
}

#[derive(Debug, Default)]
struct State {
    hash: Hash,
    blocks: Vec<Block>,
    /// When something of a peer came last.
    heard: BTreeMap<IpAddr, Duration>,
    silences: Vec<Block>,
    ends: Vec<(IpAddr, End, Duration)>,
    hoarded: u64,
    /// Whether connections are refused for the want of descriptors.
    is_exhausted: bool,
    refused: u64,
    /// The first time that a socket was used from inside a lock.
    under_lock: Option<(IpAddr, Duration)>,
}

/// The notes of one host's sockets.
#[derive(Debug, Default)]
pub struct Meter {
    state: Mutex<State>,
}

/// Which wait of the meter's; given back when it ends.
#[derive(Debug)]
pub(super) struct Ticket(usize);

impl Meter {
    /// Every wait so far, in order of beginning.
    pub fn blocks(&self) -> Vec<Block> {
        self.state().blocks.clone()
    }

    /// Every time that nothing came of a peer that was connected, if that was long.
    pub fn silences(&self) -> Vec<Block> {
        let state = self.state();
        let still = state.heard.iter().map(|(peer, since)| Block::open(*peer, *since));
        state.silences.iter().copied().chain(still).collect()
    }

    /// Every end of a peer's side so far: whose, how, when.
    pub fn ends(&self) -> Vec<(IpAddr, End, Duration)> {
        self.state().ends.clone()
    }

    /// The most bytes that were taken from a peer during one wait of a write to it.
    pub fn hoarded(&self) -> u64 {
        self.state().hoarded
    }

    /// From now on there are no descriptors for new connections, or there are again.
    pub fn exhaust(&self, is_exhausted: bool) {
        self.state().is_exhausted = is_exhausted;
    }

    /// How often a connection could not be accepted.
    pub fn refused(&self) -> u64 {
        self.state().refused
    }

    /// Whether there is no descriptor for a connection that waits; counts it.
    pub(super) fn refuses(&self) -> bool {
        let mut state = self.state();
        state.refused += u64::from(state.is_exhausted);
        state.is_exhausted
    }

    /// The first time that a socket was used while the thread was inside of a production lock, and whose. It is seen only
    /// where assertions are on.
    pub fn under_lock(&self) -> Option<(IpAddr, Duration)> {
        self.state().under_lock
    }

    /// A socket of that peer is used now.
    pub(super) fn note_use(&self, peer: IpAddr) {
        if held_here() > 0 {
            self.state().under_lock.get_or_insert((peer, now()));
        }
    }

    /// Hash of all bytes, both ways, with peers and times.
    pub fn hash(&self) -> u64 {
        self.state().hash.finish()
    }

    pub(super) fn note_bytes(&self, peer: IpAddr, way: u8, bytes: &[u8]) {
        let at = now();
        let mut state = self.state();
        state.hash.number(at.as_micros().try_into().unwrap_or(u64::MAX));
        if let IpAddr::V4(peer) = peer {
            state.hash.number(peer.to_bits().into());
        }
        state.hash.bytes(&[way]);
        state.hash.bytes(bytes);
    }

    pub(super) fn note_heard(&self, peer: IpAddr) {
        let (at, mut state) = (now(), self.state());
        let since = state.heard.insert(peer, at).unwrap_or(at);
        if at.saturating_sub(since) >= SILENCE {
            state.silences.push(Block { until: Some(at), ..Block::open(peer, since) });
        }
    }

    pub(super) fn begin_block(&self, peer: IpAddr) -> Ticket {
        let mut state = self.state();
        state.blocks.push(Block::open(peer, now()));
        Ticket(state.blocks.len() - 1)
    }

    pub(super) fn end_block(&self, ticket: &Ticket) {
        // A stream that is dropped with the whole simulation has no clock any more: it waited to the end.
        let until = sim_elapsed();
        if let Some(block) = self.state().blocks.get_mut(ticket.0) {
            block.until = until;
        }
    }

    pub(super) fn note_hoarded(&self, bytes: u64) {
        let mut state = self.state();
        state.hoarded = state.hoarded.max(bytes);
    }

    pub(super) fn note_end(&self, peer: IpAddr, end: End) {
        self.note_bytes(peer, b'!', &[u8::from(end == End::Reset)]);
        let mut state = self.state();
        state.heard.remove(&peer);
        state.ends.push((peer, end, now()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now() -> Duration {
    sim_elapsed().unwrap_or_default()
}
