//! Faults as plain data: printed, kept in files, edited by hand, and shrunk.
//!
//! What a fault means for hosts and links stands in [`host`](crate::host); what clients speak is the size's
//! ([`Config`](crate::config::Config)), so that one plan can be run in each of memcached's protocols.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::server::HOST;

/// What goes wrong with a client.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Its process dies; its kernel lives, and resets the connection.
    Kill,
    /// Its machine dies, and says nothing any more.
    MachineDies,
    /// It keeps the connection and reads nothing.
    StopsReading,
    /// It reads a little now and then.
    Drips,
    /// It closes its sending side, stays, and reads nothing.
    HalfClose,
    /// What it sends is lost, acknowledgements too, so that it takes nothing more either.
    CutOneWay,
    /// What both sides send is lost.
    CutForEver,
    /// What both sides send is held back for a time, and comes then.
    HoldRelease,
    /// It connects anew and says nothing.
    FallsSilent,
    /// It connects anew, and ends in the middle of a request that would change something.
    TearsOff,
    /// It connects anew, and ends in the middle of a header.
    TearsHeader,
    /// Its machine dies, and comes back.
    MachineReboots,
    /// It asks without end, and reads no reply.
    Floods,
    /// It writes without end, and reads no reply.
    FloodsWrites,
    /// It asks for more than it takes, and for a change behind that.
    Pipelines,
    /// It opens a hundred connections, and says nothing on them.
    ConnectsInSilence,
    /// It opens two hundred connections, and asks for something on each.
    Storms,
    /// It sends a request byte by byte.
    SendsSlowly,
    /// It connects, asks for a read and is gone, again and again.
    ReadersComeAndGo,
    /// It connects, asks for a write and is gone, again and again.
    WritersComeAndGo,
    /// It counts, does not wait for the result, and connects anew, again and again.
    GivesUp,
    /// It reads without a pause.
    StreamsReads,
    /// It writes without a pause.
    StreamsWrites,
    /// It counts without a pause, and waits for each result.
    Counts,
    /// It locks what can be locked, and says nothing more.
    HoldsTheLock,
    /// It asks for what cannot be.
    AsksTheImpossible,
    /// It asks for something, and sends what is no request behind it.
    TalksNonsense,
    /// The same, and goes on without end.
    Raves,
    /// It waits for a lock that another of its connections has, and sends on meanwhile.
    TalksWhileWaiting,
    /// The server has no descriptors left for new connections.
    ServerRunsOut,
    /// The server's process dies, and is started again.
    ServerRestarts,
    /// The server's machine loses its power, and comes back.
    ServerLosesPower,
    /// The server is asked to stop.
    ServerStops,
}

impl Kind {
    /// Whether it can end, so that the connection goes on.
    pub const fn can_heal(self) -> bool {
        self.is_a_habit()
            || self.restarts_the_server()
            || matches!(
                self,
                Self::StopsReading
                    | Self::Drips
                    | Self::HoldRelease
                    | Self::MachineReboots
                    | Self::ServerRunsOut
            )
    }

    /// Whether a victim does it over and over, until it is told otherwise.
    pub const fn is_a_habit(self) -> bool {
        matches!(
            self,
            Self::ReadersComeAndGo
                | Self::WritersComeAndGo
                | Self::GivesUp
                | Self::Counts
                | Self::StreamsReads
                | Self::StreamsWrites
                | Self::AsksTheImpossible
        )
    }

    /// Whether it happens to the link between the client and the server.
    pub const fn is_of_the_link(self) -> bool {
        matches!(
            self,
            Self::MachineDies
                | Self::MachineReboots
                | Self::CutOneWay
                | Self::CutForEver
                | Self::HoldRelease
        )
    }

    /// Whether it happens to the server, and not to a client.
    pub const fn is_the_servers(self) -> bool {
        self.restarts_the_server() || matches!(self, Self::ServerStops | Self::ServerRunsOut)
    }

    /// Whether everything that the server knew is gone.
    pub const fn restarts_the_server(self) -> bool {
        matches!(self, Self::ServerRestarts | Self::ServerLosesPower)
    }

    /// What is printed.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Kill => "its process is killed",
            Self::MachineDies => "its machine dies",
            Self::StopsReading => "it stops reading",
            Self::Drips => "it reads drop by drop",
            Self::HalfClose => "it closes its sending side and stops reading",
            Self::CutOneWay => "nothing from it arrives any more",
            Self::CutForEver => "its link is cut",
            Self::HoldRelease => "its link stalls",
            Self::TearsOff => "it connects anew and ends in the middle of a request",
            Self::FallsSilent => "it connects anew and says nothing",
            Self::TearsHeader => "it connects anew and ends in the middle of a header",
            Self::MachineReboots => "its machine dies, and comes back",
            Self::Floods => "it asks without end and reads no reply",
            Self::FloodsWrites => "it writes without end and reads no reply",
            Self::Pipelines => "it asks for more than it takes, and for a change behind that",
            Self::ConnectsInSilence => "it connects a hundred times and says nothing",
            Self::Storms => "it connects two hundred times, with a request each",
            Self::SendsSlowly => "it sends a request byte by byte",
            Self::ReadersComeAndGo => "it asks for a read and is gone, again and again",
            Self::WritersComeAndGo => "it asks for a write and is gone, again and again",
            Self::GivesUp => "it counts and does not wait for the result, again and again",
            Self::StreamsReads => "it reads without a pause",
            Self::StreamsWrites => "it writes without a pause",
            Self::Counts => "it counts without a pause",
            Self::HoldsTheLock => "it locks what can be locked and says nothing more",
            Self::AsksTheImpossible => "it asks for what cannot be",
            Self::TalksNonsense => "it asks for something, and sends what is no request behind it",
            Self::Raves => "it asks for something, and sends what is no request without end",
            Self::TalksWhileWaiting => "it waits for a lock of its own, and sends on meanwhile",
            Self::ServerRunsOut => "it has no descriptors left for new connections",
            Self::ServerRestarts => "its process dies, and is started again",
            Self::ServerLosesPower => "it loses its power, and comes back",
            Self::ServerStops => "it is asked to stop",
        }
    }
}

/// One fault.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Fault {
    /// When, in virtual milliseconds since the start.
    pub at_ms: u64,
    /// Which client.
    pub victim: usize,
    /// What.
    pub kind: Kind,
    /// For how long; for ever when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
}

impl Fault {
    /// A fault for ever.
    pub const fn new(at_ms: u64, victim: usize, kind: Kind) -> Self {
        Self { at_ms, victim, kind, for_ms: None }
    }

    /// When it begins.
    pub const fn at(&self) -> Duration {
        Duration::from_millis(self.at_ms)
    }

    /// The host that it happens to.
    pub fn who(&self) -> String {
        if self.kind.is_the_servers() {
            return HOST.to_owned();
        }
        format!("victim-{}", self.victim)
    }

    /// When it is over; a fault that cannot heal never is.
    pub fn until(&self) -> Option<Duration> {
        let lasts = self.for_ms.filter(|_| self.kind.can_heal())?;
        Some(self.at() + Duration::from_millis(lasts))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} ms  {}: {}", self.at_ms, self.who(), self.kind.words())?;
        match self.for_ms {
            Some(lasts) if self.kind.can_heal() => write!(f, " for {lasts} ms"),
            _ => Ok(()),
        }
    }
}

/// Everything that goes wrong in a run.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Plan {
    /// The faults, in order of their times.
    pub faults: Vec<Fault>,
}

impl Plan {
    /// The plan of these faults.
    pub fn new(mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.at_ms);
        Self { faults }
    }

    /// When the last fault has begun, and every one that heals has healed.
    pub fn healed_at(&self) -> Duration {
        let ends = self.faults.iter().map(|fault| fault.until().unwrap_or(fault.at()));
        ends.max().unwrap_or_default()
    }

    /// How many victims it speaks of.
    pub fn victims(&self) -> usize {
        self.faults.iter().map(|fault| fault.victim + 1).max().unwrap_or_default()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.faults.is_empty() {
            return f.write_str("no faults");
        }
        for (index, fault) in self.faults.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{fault}")?;
        }
        Ok(())
    }
}
