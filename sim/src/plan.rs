//! Faults as plain data: printed, kept in files, edited by hand, and shrunk.
//!
//! What a fault means for hosts and links stands in [`host`](crate::host).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

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
}

impl Kind {
    /// Whether it can end, so that the connection goes on.
    pub const fn can_heal(self) -> bool {
        matches!(self, Self::StopsReading | Self::Drips | Self::HoldRelease)
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

    /// When it is over; a fault that cannot heal never is.
    pub fn until(&self) -> Option<Duration> {
        let lasts = self.for_ms.filter(|_| self.kind.can_heal())?;
        Some(self.at() + Duration::from_millis(lasts))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} ms  victim-{}: {}", self.at_ms, self.victim, self.kind.words())?;
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
