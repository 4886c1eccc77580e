//! Scenarios with a name: one fault at its worst moment, the server that must be caught by it, and what must hold.
//!
//! What holds in every scenario: operations of healthy clients end within the bound that needs nobody else's good will
//! ([`Config::bound`]); nothing is left of broken connections; replies are whole and in order; every fault bites.

mod clients;
mod lock;
mod locker;
mod pipes;
mod server;

use crate::config::{Config, Protocol};
use crate::hazards::{self, Hazard};
use crate::known_bad::KnownBad;
use crate::plan::{Fault, Plan};
use crate::run::{Outcome, Run};
use crate::seed::{Draw, Purpose};
use crate::server::Server;

/// When a scenario's fault begins: drawn from these milliseconds, when every client is at work.
const BEGIN_MS: std::ops::RangeInclusive<u64> = 3_000..=3_500;

/// The same for a seed.
pub(crate) fn begin_ms(seed: u64) -> u64 {
    Draw::new(seed, Purpose::Plan).within(BEGIN_MS)
}

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
    /// Those that do not show on one protocol.
    except: &'static [(Protocol, KnownBad)],
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
    except: &[],
    shape: |config| config,
    twice: false,
};

/// Flaws that any server can have, of which it matters what its clients speak: what is read, executed and sent. The others
/// are about the lock, connections and times, and are caught where a memcached is spoken to in its binary protocol.
pub(crate) const OF_LINES: [KnownBad; 8] = [
    KnownBad::K01,
    KnownBad::K02,
    KnownBad::K06,
    KnownBad::K16,
    KnownBad::K17,
    KnownBad::K18,
    KnownBad::K19,
    KnownBad::K28,
];

const TABLES: [&[Row]; 4] = [clients::ROWS, pipes::ROWS, lock::ROWS, server::ROWS];

/// A scenario on one protocol.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    protocol: Protocol,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Row(&'static Row),
    Hazard(Hazard),
}

impl Scenario {
    /// All scenarios, by protocol; those of all protocols, then the hazards of lock services.
    pub fn all() -> impl Iterator<Item = Self> {
        let has = |protocol, row: &Row| protocol != Protocol::Locker || locker::has(row.name);
        let rows = Protocol::ALL.into_iter().flat_map(move |protocol| {
            let rows = TABLES.into_iter().flatten().filter(move |row| has(protocol, row));
            rows.map(move |row| Self { protocol, what: What::Row(row) })
        });
        let hazard =
            |hazard: Hazard| Self { protocol: hazard.protocol(), what: What::Hazard(hazard) };
        rows.chain(Hazard::all().map(hazard))
    }

    /// The scenario of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|scenario| scenario.name() == name)
    }

    /// `PROTOCOL/ROW`.
    pub fn name(&self) -> String {
        let name = match self.what {
            What::Row(row) => row.name,
            What::Hazard(hazard) => hazard.name(),
        };
        format!("{}/{name}", self.protocol.name())
    }

    /// What happens, in a sentence.
    pub fn about(&self) -> &'static str {
        match self.what {
            What::Row(row) => row.about,
            What::Hazard(hazard) => hazard.about(),
        }
    }

    /// What is spoken.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether it is one of a lock service's hazards, with a script of its own.
    pub const fn is_hazard(&self) -> bool {
        matches!(self.what, What::Hazard(_))
    }

    /// The flawed servers that it must catch.
    pub fn catches(&self) -> Vec<KnownBad> {
        match self.what {
            What::Row(row) if self.protocol == Protocol::Locker => locker::catches(row.name).into(),
            What::Row(row) => {
                let server = self.protocol.server();
                let also = row.also.iter().filter(|(protocol, _)| *protocol == server);
                let all = row.catches.iter().copied().chain(also.map(|(_, flaw)| *flaw));
                let is_meant = |flaw: &KnownBad| {
                    (self.protocol == server || OF_LINES.contains(flaw))
                        && !row.except.contains(&(self.protocol, *flaw))
                };
                all.filter(is_meant).collect()
            }
            What::Hazard(hazard) => hazard.catches().into(),
        }
    }

    /// The scenario with what the seed leaves open.
    pub fn with(&self, server: Server, seed: u64) -> Run {
        let begin = begin_ms(seed);
        let drawn = Config::draw(self.protocol, seed);
        let (faults, config, twice) = match self.what {
            What::Row(row) => ((row.faults)(begin), (row.shape)(drawn), row.twice),
            What::Hazard(hazard) => {
                let tick_ms = hazards::TICK_MS;
                let config = Config { hazard: Some(hazard), tick_ms, ..drawn };
                (hazard.faults(begin), config, false)
            }
        };
        Run { server, config, plan: Plan::new(faults), seed, twice }
    }

    /// Runs it.
    pub fn run(&self, server: Server, seed: u64) -> Outcome {
        self.with(server, seed).outcome()
    }
}
