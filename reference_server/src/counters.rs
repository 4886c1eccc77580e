//! What one listener counts, and why connections end.
//!
//! The numbers are read without a lock and may lag behind each other; nothing decides by them but
//! the connection limit.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

/// Why a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub enum Ending {
    /// The peer closed its sending side, and everything it asked for was answered.
    Peer,
    /// The transport failed, mostly by a reset.
    Transport,
    /// The protocol asked for it: a quit, or a frame that cannot be trusted.
    Protocol,
    /// The peer did not read its replies in time.
    WriteDeadline,
    /// The peer did not finish a frame in time.
    FrameDeadline,
    /// The peer was silent for too long.
    Idle,
    /// There was no memory for its requests or for replies that it did not take.
    Memory,
    /// The server is stopping.
    Shutdown,
    /// An operator ended it.
    Operator,
}

impl Ending {
    /// All of them.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Peer,
        Self::Transport,
        Self::Protocol,
        Self::WriteDeadline,
        Self::FrameDeadline,
        Self::Idle,
        Self::Memory,
        Self::Shutdown,
        Self::Operator,
    ];

    const COUNT: usize = 9;

    /// In a word or two.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Transport => "transport",
            Self::Protocol => "protocol",
            Self::WriteDeadline => "write-deadline",
            Self::FrameDeadline => "frame-deadline",
            Self::Idle => "idle",
            Self::Memory => "memory",
            Self::Shutdown => "shutdown",
            Self::Operator => "operator",
        }
    }

    const fn index(self) -> usize {
        self as usize
    }
}

/// Counters of one listener.
#[derive(Debug, Default)]
pub struct Counters {
    current: AtomicUsize,
    accepted: AtomicU64,
    refused: AtomicU64,
    accept_errors: AtomicU64,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    endings: [AtomicU64; Ending::COUNT],
}

impl Counters {
    /// Connections served now.
    pub fn current(&self) -> usize {
        self.current.load(Relaxed)
    }

    /// Connections ever served.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// Connections closed at once, because too many were there.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Times that `accept` failed.
    pub fn accept_errors(&self) -> u64 {
        self.accept_errors.load(Relaxed)
    }

    /// Bytes taken from peers.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Relaxed)
    }

    /// Bytes given to peers.
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written.load(Relaxed)
    }

    /// Connections that ended for that reason. One that panicked or was dropped is in none of them.
    pub fn ended(&self, ending: Ending) -> u64 {
        self.endings.get(ending.index()).map_or(0, |count| count.load(Relaxed))
    }

    pub(crate) fn count_read(&self, bytes: usize) {
        self.bytes_read.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn count_written(&self, bytes: usize) {
        self.bytes_written.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn count_accept_error(&self) {
        self.accept_errors.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_ending(&self, ending: Ending) {
        if let Some(count) = self.endings.get(ending.index()) {
            count.fetch_add(1, Relaxed);
        }
    }
}

/// A place under the connection limit; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Admission {
    counters: Arc<Counters>,
}

impl Admission {
    /// A place, or `None` when `connections_max` are taken.
    pub(crate) fn take(counters: &Arc<Counters>, connections_max: usize) -> Option<Self> {
        let next = |current| (current < connections_max).then_some(current + 1);
        if counters.current.fetch_update(Relaxed, Relaxed, next).is_err() {
            counters.refused.fetch_add(1, Relaxed);
            return None;
        }
        counters.accepted.fetch_add(1, Relaxed);
        Some(Self { counters: Arc::clone(counters) })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.counters.current.fetch_sub(1, Relaxed);
    }
}
