//! Deaths, as a server's other side really dies: the recipes behind each [`Kind`].
//!
//! turmoil's `crash` is neither a process's death nor a machine's: it says good-bye to every peer, and answers nobody
//! afterwards. A process dies by dropping its program inside a host that lives on; a machine dies by cutting its links
//! first, so that the good-byes are lost.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use turmoil::Sim;

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
    kill: CancellationToken,
    manner: watch::Sender<Manner>,
}

impl Victim {
    /// Starts `program` on a new host; it sees how it has to behave.
    pub fn start<P>(
        sim: &mut Sim<'_>,
        name: String,
        program: impl Fn(watch::Receiver<Manner>) -> P + 'static,
    ) -> Self
    where
        P: Future<Output = ()> + 'static,
    {
        let kill = CancellationToken::new();
        let (manner, manners) = watch::channel(Manner::Healthy);
        let killed = kill.clone();
        sim.host(name.as_str(), move || {
            let (killed, program) = (killed.clone(), program(manners.clone()));
            async move {
                tokio::select! {
                    biased; // a process that is killed does nothing more
                    () = killed.cancelled() => {}
                    () = program => {}
                }
                // The host lives on: its kernel still resets what arrives for the dead.
                std::future::pending().await
            }
        });
        Self { name, kill, manner }
    }

    /// The host's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lets a fault happen.
    pub fn strike(&self, sim: &mut Sim<'_>, server: &str, fault: &Fault) {
        let name = self.name.as_str();
        match fault.kind {
            Kind::Kill => self.kill.cancel(),
            Kind::MachineDies => {
                sim.partition(name, server);
                if sim.is_host_running(name) {
                    sim.crash(name);
                }
            }
            Kind::StopsReading => self.behave(Manner::Stopped),
            Kind::Drips => self.behave(Manner::Dripping),
            Kind::HalfClose => self.behave(Manner::HalfClosed),
            Kind::TearsOff => self.behave(Manner::Torn),
            Kind::FallsSilent => self.behave(Manner::Silent),
            Kind::CutOneWay => {
                sim.partition_oneway(name, server);
                // turmoil needs no acknowledgements, so nothing would hold the server back.
                self.behave(Manner::Stopped);
            }
            Kind::CutForEver => sim.partition(name, server),
            Kind::HoldRelease => sim.hold(name, server),
            Kind::MachineReboots => {
                sim.partition(name, server);
                sim.crash(name);
            }
            // Those of the server happen elsewhere.
            kind if kind.is_the_servers() => {}
            kind => self.behave(Manner::Acts(kind)),
        }
    }

    /// Ends a fault that can heal.
    pub fn heal(&self, sim: &mut Sim<'_>, server: &str, kind: Kind) {
        match kind {
            Kind::StopsReading | Kind::Drips => self.behave(Manner::Healthy),
            // `repair` would drop what was held back, and silence the stream.
            Kind::HoldRelease => sim.release(self.name.as_str(), server),
            Kind::MachineReboots => {
                self.behave(Manner::Healthy);
                sim.repair(self.name.as_str(), server);
                sim.bounce(self.name.as_str());
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
