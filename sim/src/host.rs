//! Deaths, as a server's other side really dies: the recipes behind each [`Kind`].
//!
//! A process dies and its kernel lives on, which ends its connections; a machine dies without a word.

use tokio::sync::watch;

use crate::net::Sim;
use crate::plan::{Fault, Kind};

/// How a victim treats its connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Manner {
    /// As a client should.
    #[default]
    Healthy,
    /// Reads nothing.
    Stopped,
    /// Reads a little now and then.
    Dripping,
    /// Closes its sending side, and reads nothing.
    HalfClosed,
    /// Has a new connection, and says nothing on it.
    Silent,
    /// Sends half a request on a new connection, and ends it.
    Torn,
    /// Whatever is said of that kind of fault, on connections of its own.
    Acts(Kind),
}

/// A client's process on a host of its own, and the means to break it.
#[derive(Debug)]
pub struct Victim {
    name: String,
    manner: watch::Sender<Manner>,
}

impl Victim {
    /// Starts `program` on a new host; it sees how it has to behave.
    pub fn start<P>(
        sim: &mut Sim,
        name: String,
        program: impl Fn(watch::Receiver<Manner>) -> P + 'static,
    ) -> Self
    where
        P: Future<Output = ()> + 'static,
    {
        let (manner, manners) = watch::channel(Manner::Healthy);
        sim.host(&name, move || {
            let program = program(manners.clone());
            async move {
                program.await;
                Ok(())
            }
        });
        Self { name, manner }
    }

    /// The host's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lets a fault happen.
    pub fn strike(&self, sim: &mut Sim, server: &str, fault: &Fault) {
        let name = self.name.as_str();
        match fault.kind {
            Kind::Kill => sim.kill(name),
            Kind::MachineDies | Kind::MachineReboots => sim.power_off(name),
            Kind::StopsReading => self.behave(Manner::Stopped),
            Kind::Drips => self.behave(Manner::Dripping),
            Kind::HalfClose => self.behave(Manner::HalfClosed),
            Kind::TearsOff => self.behave(Manner::Torn),
            Kind::FallsSilent => self.behave(Manner::Silent),
            Kind::CutOneWay => sim.cut_one_way(name, server),
            Kind::CutForEver => sim.cut(name, server),
            Kind::HoldRelease => sim.hold(name, server),
            // Those of the server happen elsewhere.
            kind if kind.is_the_servers() => {}
            kind => self.behave(Manner::Acts(kind)),
        }
    }

    /// Ends a fault that can heal.
    pub fn heal(&self, sim: &mut Sim, server: &str, kind: Kind) {
        match kind {
            Kind::StopsReading | Kind::Drips => self.behave(Manner::Healthy),
            Kind::HoldRelease => sim.release(&self.name, server),
            Kind::MachineReboots => {
                self.behave(Manner::Healthy);
                sim.boot(&self.name);
            }
            kind if kind.is_a_habit() => self.behave(Manner::Healthy),
            // The others last.
            _ => {}
        }
    }

    fn behave(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }
}
