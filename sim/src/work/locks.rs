//! Who believes to hold which key: what clients of the lock server write down, as a resource behind the lock would see
//! it.
//!
//! Two at once inside one key's section is a violation, unless the one who was there first is gone: what a client holds
//! that is cut off or dead passes to others, whatever that client believes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::now;

/// A client of a run.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Who {
    /// One of the crowd.
    Client(usize),
    /// One to whom faults happen.
    Victim(usize),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(index) => write!(f, "client {index}"),
            Self::Victim(index) => write!(f, "victim {index}"),
        }
    }
}

/// The sections that keys guard, and what was seen of keys whose holder is gone.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    inside: BTreeMap<Vec<u8>, Who>,
    gone: BTreeSet<Who>,
    /// When the server last lost everything.
    began: Option<Duration>,
    /// The server ends all sessions.
    is_stopping: bool,
    /// Two were inside at once.
    pub(crate) doubled: Vec<String>,
    /// A key was not free when it had to be.
    pub(crate) kept: Vec<String>,
    /// When the key of a victim was last seen held.
    pub(crate) seen_held: BTreeMap<usize, Duration>,
    /// Victims that have asked for their key since the server began.
    asked: BTreeSet<usize>,
}

impl Locks {
    /// Somebody was granted a key that it had asked for then, and acts on it. Of a server that has lost everything since,
    /// a grant may still be under way.
    pub(crate) fn enter(&mut self, key: &[u8], who: Who, asked: Duration) {
        if self.is_stopping || self.began.is_some_and(|began| asked < began) {
            return;
        }
        let Some(other) = self.inside.insert(key.to_owned(), who) else { return };
        if other != who && !self.gone.contains(&other) {
            let (key, at) = (key.escape_ascii(), now().as_secs_f64());
            self.doubled.push(format!("{other} and {who} were both granted {key}, at {at:.3} s"));
        }
    }

    /// Somebody is about to give a key back.
    pub(crate) fn leave(&mut self, key: &[u8], who: Who) {
        if self.inside.get(key) == Some(&who) {
            self.inside.remove(key);
        }
    }

    /// Somebody is about to close a connection.
    pub(crate) fn leave_all(&mut self, who: Who) {
        self.inside.retain(|_, inside| *inside != who);
    }

    /// A fault that lasts happens to somebody: the server may take it for dead.
    pub(crate) fn lose(&mut self, who: Who) {
        self.gone.insert(who);
    }

    /// The server has lost everything: nobody holds anything any more (LKR-411).
    pub(crate) fn begin_anew(&mut self, at: Duration) {
        self.began = Some(at);
        self.inside.clear();
        self.asked.clear();
    }

    /// Nobody's belief says anything any more.
    pub(crate) fn stop(&mut self) {
        self.is_stopping = true;
    }

    /// A victim asks for its own key; whether nobody can have it, because the server knew nobody before.
    pub(crate) fn asks_first(&mut self, victim: usize) -> bool {
        self.asked.insert(victim)
    }

    /// Who acts on a key now.
    pub(crate) fn inside(&self, key: &[u8]) -> Option<Who> {
        self.inside.get(key).copied()
    }
}
