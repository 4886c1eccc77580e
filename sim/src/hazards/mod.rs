//! What lock services are known to get wrong, and memcached's leases and lines, each as a scene: a few actors with a script,
//! and the faults that happen to them.
//!
//! A scene is a table row. Its actors say what they ask, what they must be answered, and when; while they play, the
//! crowd works on keys of its own and must not notice. Times are milliseconds since the scene's beginning, which the
//! seed draws as it draws the beginning of every fault.

mod lines;
mod lines_races;
mod locker;
mod locker_ends;
mod netmem;
mod step;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use step::Step;

use crate::config::Protocol;
use crate::known_bad::KnownBad;
use crate::plan::Fault;

/// When every scene is over.
pub(crate) const END: Duration = Duration::from_secs(11);

/// Coarser than in other scenarios: a run costs as much as it has ticks.
pub(crate) const TICK_MS: u64 = 10;

/// A row of the table.
#[derive(Debug)]
struct Scene {
    name: &'static str,
    about: &'static str,
    protocol: Protocol,
    /// What happens to which actor, from the scene's beginning.
    faults: fn(u64) -> Vec<Fault>,
    /// A script for each actor.
    actors: &'static [&'static [Step]],
    /// Flawed servers that this scene must catch.
    catches: &'static [KnownBad],
}

/// A scene, by its name.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hazard(&'static Scene);

impl Hazard {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let lockers = locker::SCENES.iter().chain(locker_ends::SCENES);
        let lines = lines::SCENES.iter().chain(lines_races::SCENES);
        lockers.chain(netmem::SCENES).chain(lines).map(Self)
    }

    /// Its name, without the protocol.
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// What must hold, in a sentence.
    pub const fn about(self) -> &'static str {
        self.0.about
    }

    /// What is spoken.
    pub const fn protocol(self) -> Protocol {
        self.0.protocol
    }

    /// Flawed servers that it must catch.
    pub const fn catches(self) -> &'static [KnownBad] {
        self.0.catches
    }

    pub(crate) fn faults(self, begin_ms: u64) -> Vec<Fault> {
        (self.0.faults)(begin_ms)
    }

    pub(crate) const fn actors(self) -> usize {
        self.0.actors.len()
    }

    /// The script of an actor; an actor without one does nothing.
    pub(crate) fn script(self, actor: usize) -> &'static [Step] {
        self.0.actors.get(actor).copied().unwrap_or_default()
    }
}

impl fmt::Debug for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0.protocol.name(), self.0.name)
    }
}

impl PartialEq for Hazard {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Hazard {}

impl From<Hazard> for String {
    fn from(hazard: Hazard) -> Self {
        format!("{hazard:?}")
    }
}

impl TryFrom<String> for Hazard {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let mut all = Self::all();
        all.find(|hazard| format!("{hazard:?}") == name)
            .ok_or(format!("no hazard is named `{name}`"))
    }
}
