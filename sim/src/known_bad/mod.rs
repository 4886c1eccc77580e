//! Servers that are wrong on purpose: what the scenarios must catch, each by the one that names it.
//!
//! mbserver's design, with an async lock: one table behind one read/write lock, a task a client. Meaning and bytes are
//! right, so that nothing but the flaw can be noticed. Only the simulator can start them; they have no socket.

mod deliver;
pub mod locker;
mod meaning;
mod memcached;
mod netmem;
pub mod pages;
mod serve;

pub(crate) use locker::{Keys, serve as serve_locker};
pub(crate) use meaning::Meaning;
pub(crate) use memcached::Items;
pub(crate) use netmem::Pages;
pub(crate) use pages::serve as serve_pages;
pub(crate) use serve::serve;

/// A flaw.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[allow(missing_docs, reason = "`about` says it, for people and for the list")]
pub enum KnownBad {
    K01,
    K02,
    K03,
    K04,
    K05,
    K17,
    K19,
    K20,
    K22,
    K23,
    K24,
    K28,
    Locker(locker::Flaw),
    Pages(pages::Flaw),
}

impl KnownBad {
    /// Those that any protocol's server can have.
    pub const ALL: [Self; 12] = [
        Self::K01,
        Self::K02,
        Self::K03,
        Self::K04,
        Self::K05,
        Self::K17,
        Self::K19,
        Self::K20,
        Self::K22,
        Self::K23,
        Self::K24,
        Self::K28,
    ];

    /// All of them, with those of locks.
    pub fn every() -> impl Iterator<Item = Self> {
        let locks = locker::Flaw::ALL.map(Self::Locker);
        Self::ALL.into_iter().chain(locks).chain(pages::Flaw::ALL.map(Self::Pages))
    }

    /// Its number in the list of flaws.
    pub const fn name(self) -> &'static str {
        match self {
            Self::K01 => "K01",
            Self::K02 => "K02",
            Self::K03 => "K03",
            Self::K04 => "K04",
            Self::K05 => "K05",
            Self::K17 => "K17",
            Self::K19 => "K19",
            Self::K20 => "K20",
            Self::K22 => "K22",
            Self::K23 => "K23",
            Self::K24 => "K24",
            Self::K28 => "K28",
            Self::Locker(flaw) => flaw.name(),
            Self::Pages(flaw) => flaw.name(),
        }
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::every().find(|flaw| flaw.name().eq_ignore_ascii_case(name))
    }

    /// What it does, in a sentence.
    pub const fn about(self) -> &'static str {
        match self {
            Self::K01 => "holds the lock for reading while it sends a reply",
            Self::K02 => "holds the lock for writing while it sends a reply",
            Self::K03 => "sends under the lock, and trusts end of stream and reset to end it",
            Self::K04 => "sends under the lock, with a deadline for each write and none for all",
            Self::K05 => "has no deadline for sending",
            Self::K17 => "executes a request whose second half never came",
            Self::K19 => "answers requests that came together in the wrong order",
            Self::K20 => "waits for a client's first byte inside the accept loop",
            Self::K22 => "never gives up a connection that says nothing",
            Self::K23 => "tries again at once, and for ever, when a socket is full",
            Self::K24 => "holds a lock of the thread, not of the task, while it sends a reply",
            Self::K28 => "takes a partial write for a whole one",
            Self::Locker(flaw) => flaw.about(),
            Self::Pages(flaw) => flaw.about(),
        }
    }

    /// Whether it hangs the whole simulator, virtual time included, so that only a clock on the wall finds it.
    pub const fn hangs(self) -> bool {
        matches!(self, Self::K23 | Self::K24)
    }

    /// Whether a reply goes out while the lock is held.
    pub(crate) const fn sends_under_lock(self) -> bool {
        matches!(self, Self::K01 | Self::K02 | Self::K03 | Self::K04)
    }

    /// Whether everything is done under the lock for writing.
    pub(crate) const fn always_writes(self) -> bool {
        matches!(self, Self::K02)
    }
}
