//! Scenarios with a name: one fault at its worst moment, the server that must be caught by it, and what must hold.
//!
//! What holds in every scenario: operations of healthy clients end within the bound that needs nobody else's good will
//! ([`Config::bound`]); nothing is left of broken connections; replies are whole and in order; every fault bites.

mod clients;
mod lock;
mod pipes;
mod server;

use crate::config::{Config, Protocol};
use crate::known_bad::KnownBad;
use crate::plan::{Fault, Plan};
use crate::run::{Outcome, Run};
use crate::seed::{Draw, Purpose};
use crate::server::Server;

/// When a scenario's fault begins: drawn from these milliseconds, when every client is at work.
const BEGIN_MS: std::ops::RangeInclusive<u64> = 3_000..=3_500;

/// How long the reader has been stuck when the worse thing happens.
const LATER_MS: u64 = 1_000;

/// A row of the table.
#[derive(Debug)]
struct Row {
    name: &'static str,
    about: &'static str,
    faults: fn(u64) -> Vec<Fault>,
    /// Flawed servers that this scenario must catch.
    catches: &'static [KnownBad],
    /// Those that show on one protocol only.
    also: &'static [(Protocol, KnownBad)],
    /// What is not left to the seed.
    shape: fn(Config) -> Config,
    /// Whether it is run twice.
    twice: bool,
}

/// What most rows leave as it is.
const PLAIN: Row = Row {
    name: "",
    about: "",
    faults: |_| Vec::new(),
    catches: &[],
    also: &[],
    shape: |config| config,
    twice: false,
};

const TABLES: [&[Row]; 4] = [clients::ROWS, pipes::ROWS, lock::ROWS, server::ROWS];

/// A scenario on one protocol.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    protocol: Protocol,
    row: &'static Row,
}

impl Scenario {
    /// All scenarios, by protocol.
    pub fn all() -> impl Iterator<Item = Self> {
        Protocol::ALL
            .into_iter()
            .flat_map(|protocol| TABLES.map(|rows| (protocol, rows)))
            .flat_map(|(protocol, rows)| rows.iter().map(move |row| Self { protocol, row }))
    }

    /// The scenario of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|scenario| scenario.name() == name)
    }

    /// `PROTOCOL/ROW`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.protocol.name(), self.row.name)
    }

    /// What happens, in a sentence.
    pub const fn about(&self) -> &'static str {
        self.row.about
    }

    /// The flawed servers that it must catch.
    pub fn catches(&self) -> Vec<KnownBad> {
        let also = self.row.also.iter().filter(|(protocol, _)| *protocol == self.protocol);
        self.row.catches.iter().copied().chain(also.map(|(_, flaw)| *flaw)).collect()
    }

    /// The scenario with what the seed leaves open.
    pub fn with(&self, server: Server, seed: u64) -> Run {
        let begin = Draw::new(seed, Purpose::Plan).within(BEGIN_MS);
        let plan = Plan::new((self.row.faults)(begin));
        let config = (self.row.shape)(Config::draw(self.protocol, seed));
        Run { server, config, plan, seed, twice: self.row.twice }
    }

    /// Runs it.
    pub fn run(&self, server: Server, seed: u64) -> Outcome {
        self.with(server, seed).outcome()
    }
}
