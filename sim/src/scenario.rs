//! Scenarios with a name: one fault at its worst moment, the server that must be caught by it, and what must hold.
//!
//! What holds in every scenario: operations of healthy clients end within the bound that needs nobody else's good will
//! ([`Config::bound`]); nothing is left of broken connections; replies are whole and in order; every fault bites.

mod locker;

use crate::config::{Config, Protocol};
use crate::hazards::{self, Hazard};
use crate::known_bad::KnownBad;
use crate::plan::{Fault, Kind, Plan};
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
}

const ROWS: &[Row] = &[
    Row {
        name: "calm",
        about: "nothing goes wrong: whole replies in order, and everybody is served in time",
        faults: |_| Vec::new(),
        catches: &[KnownBad::K19, KnownBad::K28],
    },
    Row {
        name: "client-dies-in-blocking-send",
        about: "the machine of a client dies while the server's send to it waits",
        faults: |at| {
            vec![
                Fault::new(at, 0, Kind::StopsReading),
                Fault::new(at + LATER_MS, 0, Kind::MachineDies),
            ]
        },
        catches: &[KnownBad::K01, KnownBad::K02, KnownBad::K03, KnownBad::K05],
    },
    Row {
        name: "client-killed-in-blocking-send",
        about: "the process of a client dies while the server's send to it waits; its kernel says so",
        faults: |at| {
            vec![Fault::new(at, 0, Kind::StopsReading), Fault::new(at + LATER_MS, 0, Kind::Kill)]
        },
        catches: &[KnownBad::K01, KnownBad::K02],
    },
    Row {
        name: "client-stops-reading",
        about: "a client lives, and never reads again",
        faults: |at| vec![Fault::new(at, 0, Kind::StopsReading)],
        catches: &[KnownBad::K01, KnownBad::K02, KnownBad::K03, KnownBad::K05],
    },
    Row {
        name: "client-drips",
        about: "a client reads a little now and then, and so renews every deadline that is per write",
        faults: |at| vec![Fault::new(at, 0, Kind::Drips)],
        catches: &[KnownBad::K04],
    },
    Row {
        name: "client-half-closes",
        about: "a client closes its sending side, stays, and reads nothing",
        faults: |at| vec![Fault::new(at, 0, Kind::HalfClose)],
        catches: &[KnownBad::K01, KnownBad::K02],
    },
    Row {
        name: "client-is-cut-off",
        about: "the link of a client is cut and never heals",
        faults: |at| vec![Fault::new(at, 0, Kind::CutForEver)],
        catches: &[KnownBad::K01, KnownBad::K02, KnownBad::K05],
    },
    Row {
        name: "client-is-cut-one-way",
        about: "nothing from a client arrives any more, acknowledgements included",
        faults: |at| vec![Fault::new(at, 0, Kind::CutOneWay)],
        catches: &[KnownBad::K03],
    },
    Row {
        name: "link-stalls",
        about: "the link of a client stalls for two seconds; its replies arrive whole",
        faults: |at| vec![Fault { for_ms: Some(2_000), ..Fault::new(at, 0, Kind::HoldRelease) }],
        catches: &[KnownBad::K28],
    },
    Row {
        name: "client-falls-silent",
        about: "a client connects and says nothing; others connect too, and it is given up",
        faults: |at| vec![Fault::new(at, 0, Kind::FallsSilent)],
        catches: &[KnownBad::K20, KnownBad::K22],
    },
    Row {
        name: "client-ends-in-a-request",
        about: "a client ends in the middle of a request that would change something",
        faults: |at| vec![Fault::new(at, 0, Kind::TearsOff)],
        catches: &[KnownBad::K17],
    },
    Row {
        name: "many-clients-die",
        about: "four clients break in four ways within a second",
        faults: |at| {
            vec![
                Fault::new(at, 0, Kind::StopsReading),
                Fault::new(at + 300, 1, Kind::Drips),
                Fault::new(at + 600, 2, Kind::CutForEver),
                Fault::new(at + 900, 3, Kind::HalfClose),
            ]
        },
        catches: &[KnownBad::K01, KnownBad::K04],
    },
];

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
        let row = |protocol, row: &'static Row| {
            let has = protocol != Protocol::Locker || locker::has(row.name);
            has.then_some(Self { protocol, what: What::Row(row) })
        };
        let rows = Protocol::ALL
            .into_iter()
            .flat_map(move |protocol| ROWS.iter().filter_map(move |known| row(protocol, known)));
        let hazards = Hazard::all()
            .map(|hazard| Self { protocol: hazard.protocol(), what: What::Hazard(hazard) });
        rows.chain(hazards)
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
    pub fn catches(&self) -> &'static [KnownBad] {
        match self.what {
            What::Row(row) if self.protocol == Protocol::Locker => locker::catches(row.name),
            What::Row(row) => row.catches,
            What::Hazard(hazard) => hazard.catches(),
        }
    }

    /// The scenario with what the seed leaves open.
    pub fn with(&self, server: Server, seed: u64) -> Run {
        let begin = begin_ms(seed);
        let (faults, hazard) = match self.what {
            What::Row(row) => ((row.faults)(begin), None),
            What::Hazard(hazard) => (hazard.faults(begin), Some(hazard)),
        };
        let drawn = Config::draw(self.protocol, seed);
        let tick_ms = if hazard.is_some() { hazards::TICK_MS } else { drawn.tick_ms };
        let config = Config { tick_ms, hazard, ..drawn };
        Run { server, config, plan: Plan::new(faults), seed }
    }

    /// Runs it.
    pub fn run(&self, server: Server, seed: u64) -> Outcome {
        self.with(server, seed).outcome()
    }
}
