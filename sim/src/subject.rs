//! What is run with every seed: a scenario by its name, or a random plan.

use crate::config::Protocol;
use crate::run::Run;
use crate::scenario::Scenario;
use crate::server::Server;
use crate::swarm;

/// Instead of a scenario's name: a random plan from every seed.
pub const SWARM: &str = "swarm";

/// What is run with every seed.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    /// A scenario.
    Named(Scenario),
    /// A random plan from every seed.
    Swarm,
    /// The same, in one protocol.
    SwarmOf(Protocol),
}

impl Subject {
    /// As it is called on the command line and in reports.
    pub fn name(self) -> String {
        match self {
            Self::Named(scenario) => scenario.name(),
            Self::Swarm => SWARM.to_owned(),
            Self::SwarmOf(protocol) => format!("{}/{SWARM}", protocol.name()),
        }
    }

    /// The run of a seed.
    pub fn with(self, server: Server, seed: u64) -> Run {
        match self {
            Self::Named(scenario) => scenario.with(server, seed),
            Self::Swarm => swarm::draw(server, seed),
            Self::SwarmOf(protocol) => swarm::draw_of(Some(protocol), server, seed),
        }
    }

    /// The subjects of these names: a scenario, one half of its name, `swarm`, or `PROTOCOL/swarm`. No names mean every
    /// scenario. The error is a name that nothing has.
    pub fn of_names(names: &[String]) -> Result<Vec<Self>, &str> {
        let mut subjects = Vec::new();
        if names.is_empty() {
            subjects.extend(Scenario::all().map(Self::Named));
        }
        for name in names {
            if name == SWARM {
                subjects.push(Self::Swarm);
                continue;
            }
            let swarms = Protocol::ALL.into_iter().map(Self::SwarmOf);
            let before = subjects.len();
            subjects.extend(swarms.filter(|swarm| swarm.name() == *name));
            let is_meant = |scenario: &Scenario| {
                let full = scenario.name();
                full == *name || full.split('/').any(|half| half == name)
            };
            subjects.extend(Scenario::all().filter(is_meant).map(Self::Named));
            if subjects.len() == before {
                return Err(name);
            }
        }
        Ok(subjects)
    }
}
