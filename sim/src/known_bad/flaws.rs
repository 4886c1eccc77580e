//! The flaws, a line each.

use super::{lines, locker, pages};

macro_rules! flaws {
    ($control:ident $control_about:literal; $($name:ident $about:literal)*) => {
        /// A flaw.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum KnownBad {
            #[doc = $control_about]
            $control,
            $(#[doc = $about] $name,)*
            /// A lock server's.
            Locker(locker::Flaw),
            /// One of NetMem's page locks.
            Pages(pages::Flaw),
            /// One of a memcached that speaks text and meta.
            Lines(lines::Flaw),
        }

        impl KnownBad {
            /// Those that any protocol's server can have.
            pub const ALL: [Self; [$(stringify!($name)),*].len()] = [$(Self::$name),*];

            /// Its number in the list of flaws.
            pub const fn name(self) -> &'static str {
                match self {
                    Self::$control => stringify!($control),
                    $(Self::$name => stringify!($name),)*
                    Self::Locker(flaw) => flaw.name(),
                    Self::Pages(flaw) => flaw.name(),
                    Self::Lines(flaw) => flaw.name(),
                }
            }

            /// What it does, in a sentence.
            pub const fn about(self) -> &'static str {
                match self {
                    Self::$control => $control_about,
                    $(Self::$name => $about,)*
                    Self::Locker(flaw) => flaw.about(),
                    Self::Pages(flaw) => flaw.about(),
                    Self::Lines(flaw) => flaw.about(),
                }
            }
        }
    };
}

flaws! {
    K00 "has no flaw: what the others are without theirs";
    K01 "holds the lock for reading while it sends a reply"
    K02 "holds the lock for writing while it sends a reply"
    K03 "sends under the lock, and trusts end of stream and reset to end it"
    K04 "sends under the lock, with a deadline for each write and none for all"
    K05 "has no deadline for sending"
    K06 "queues replies without a limit, and goes on with the next request"
    K07 "keeps readers out for a writer that died in the lock's queue"
    K08 "grants the lock to a waiter that is gone, and loses it"
    K09 "lets one reader in when a writer leaves, and not all that wait"
    K10 "forgets the writer that waits when the last reader leaves"
    K11 "lets readers in beside readers while a writer waits"
    K12 "lets the next writer in before the readers that wait"
    K13 "puts the newest writer first"
    K14 "releases the lock a second time when a connection ends in an error"
    K15 "keeps the lock for ever when a handler panics inside"
    K16 "acknowledges a write before it is applied"
    K17 "executes a request whose second half never came"
    K18 "executes what is left of a pipeline when its client is known to be dead"
    K19 "answers requests that came together in the wrong order"
    K20 "waits for a client's first byte inside the accept loop"
    K21 "takes the lock inside the accept loop"
    K22 "never gives up a connection that says nothing"
    K23 "tries again at once, and for ever, when a socket is full"
    K24 "holds a lock of the thread, not of the task, while it sends a reply"
    K25 "waits by the wall clock before it sends"
    K26 "sends replies of one moment in the order of a hash map"
    K27 "waits for a stuck client before it stops"
    K28 "takes a partial write for a whole one"
    K29 "keeps after a restart what was locked before"
    K30 "goes on reading from a client that takes no replies"
}

impl KnownBad {
    /// All flaws, with those of locks and lines.
    pub fn every() -> impl Iterator<Item = Self> {
        let locks = locker::Flaw::ALL.map(Self::Locker);
        let lines = lines::Flaw::ALL.map(Self::Lines);
        Self::ALL.into_iter().chain(locks).chain(pages::Flaw::ALL.map(Self::Pages)).chain(lines)
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = [Self::K00].into_iter().chain(Self::every());
        all.find(|flaw| flaw.name().eq_ignore_ascii_case(name))
    }

    /// Whether it hangs the whole simulator, virtual time included, so that only a clock on the wall finds it.
    pub const fn hangs(self) -> bool {
        matches!(self, Self::K23 | Self::K24)
    }

    /// Whether there is a server with it that speaks text and meta.
    pub(crate) const fn speaks_lines(self) -> bool {
        !matches!(self, Self::Locker(_) | Self::Pages(_))
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
