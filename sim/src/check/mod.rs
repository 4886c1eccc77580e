//! What must hold when a run is over, and what is said when it does not.

mod audit;
mod history;
mod locks;

pub(crate) use audit::inert;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::account::Change;
use crate::config::{Config, HOARD_MAX, STOPPED_WITHIN};
use crate::outage::Outages;
use crate::plan::{Fault, Kind as FaultKind, Plan};
use crate::work::Ledger;

/// What kind of thing did not hold, the worst first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The run did not end; virtual time stood still.
    Hung,
    /// The process that ran it ended in the middle.
    Died,
    /// Something panicked.
    Panicked,
    /// Two held one lock at once, or one that was gone was granted something.
    Doubled,
    /// The server used a socket while it was inside of its lock.
    UnderLock,
    /// An operation of a healthy client never ended.
    Wedged,
    /// A healthy client got an error, or a wrong result.
    Failed,
    /// No order of all clients' calls explains what they saw.
    NotLinearizable,
    /// A victim's reply was not whole, or not in order.
    Torn,
    /// A lock was not free when it had to be.
    Kept,
    /// A connection of a client that is gone was never given up.
    Leaks,
    /// The server went on taking from a client that takes nothing.
    Hoards,
    /// The server was asked to stop, and did not in time.
    Lingers,
    /// A victim that healed got nothing any more.
    Starved,
    /// An operation of a healthy client took longer than nobody else's trouble explains.
    Late,
    /// Two runs of one seed were not the same.
    Differs,
}

impl Kind {
    /// One word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hung => "hung",
            Self::Died => "died",
            Self::Panicked => "panicked",
            Self::Doubled => "doubled",
            Self::UnderLock => "under-lock",
            Self::Wedged => "wedged",
            Self::Failed => "failed",
            Self::NotLinearizable => "not-linearizable",
            Self::Torn => "torn",
            Self::Kept => "kept",
            Self::Leaks => "leaks",
            Self::Hoards => "hoards",
            Self::Lingers => "lingers",
            Self::Starved => "starved",
            Self::Late => "late",
            Self::Differs => "differs",
        }
    }
}

/// Something that did not hold.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Violation {
    /// What kind.
    pub kind: Kind,
    /// A sentence.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.text)
    }
}

/// Before the end of all work, whoever is well is served so often at least.
const SERVED_WITHIN: Duration = Duration::from_millis(1_500);

/// What was seen of the server.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Connections that are left.
    pub(crate) connections: usize,
    /// The first time that it used a socket inside of its lock, and whose.
    pub(crate) under_lock: Option<(IpAddr, Duration)>,
    /// When it had stopped.
    pub(crate) stopped: Option<Duration>,
    /// The most bytes that it took from a client while that took nothing.
    pub(crate) hoarded: u64,
    /// What each lock server says that happened to its locks.
    pub(crate) changes: Vec<Vec<Change>>,
}

/// All violations of a run whose work ended at `until`, the worst first and one of each kind.
pub(crate) fn violations(
    ledger: &Ledger,
    config: &Config,
    plan: &Plan,
    seen: &Seen,
    (until, now): (Duration, Duration),
) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut add = |kind, text: Option<String>| {
        found.extend(text.map(|text| Violation { kind, text }));
    };
    add(Kind::Doubled, locks::doubled(ledger, &seen.changes));
    add(Kind::UnderLock, under_lock(seen.under_lock));
    add(Kind::Wedged, wedged(ledger, now));
    add(Kind::Failed, with_count(&ledger.failed));
    add(Kind::NotLinearizable, history::problem(ledger, config));
    add(Kind::Torn, with_count(&ledger.torn));
    add(Kind::Kept, locks::kept(ledger, plan));
    add(Kind::Leaks, leaks(seen.connections));
    add(Kind::Hoards, hoards(seen.hoarded));
    add(Kind::Lingers, lingers(plan, seen.stopped));
    add(Kind::Starved, starved(ledger, plan, until));
    add(Kind::Late, late(ledger));
    found
}

fn wedged(ledger: &Ledger, now: Duration) -> Option<String> {
    let stuck = ledger.stuck();
    let first = stuck.iter().min_by_key(|stuck| stuck.since)?;
    let (client, what) = (first.client, first.what);
    let waited = seconds(now.saturating_sub(first.since));
    let others = others(stuck.len());
    Some(format!("client {client} has waited {waited} for its {what}{others}"))
}

/// The probe of the production lock: nothing is sent, and nothing awaited, from inside of it.
fn under_lock(used: Option<(IpAddr, Duration)>) -> Option<String> {
    used.map(|(peer, at)| {
        format!(
            "the server used its socket to {peer} at {} while it was inside of its lock",
            seconds(at)
        )
    })
}

fn late(ledger: &Ledger) -> Option<String> {
    let worst = ledger.late.iter().max_by_key(|late| late.took)?;
    let (client, what, since) = (worst.client, worst.what, seconds(worst.since));
    let (took, bound) = (seconds(worst.took), seconds(worst.bound));
    let others = others(ledger.late.len());
    Some(format!(
        "{what} of client {client} at {since} took {took}, and should within {bound}{others}"
    ))
}

/// The resource baseline: when all clients are gone or broken for long enough, nothing is left of them.
fn leaks(connections: usize) -> Option<String> {
    let are = if connections == 1 { "connection is" } else { "connections are" };
    (connections > 0).then(|| format!("{connections} {are} left of clients that are gone"))
}

/// Backpressure: who takes nothing can give nothing.
fn hoards(bytes: u64) -> Option<String> {
    (bytes > HOARD_MAX).then(|| {
        format!("{bytes} bytes were taken from a client that took none, and {HOARD_MAX} may be")
    })
}

/// A server that is asked to stop waits for nobody for ever.
fn lingers(plan: &Plan, stopped: Option<Duration>) -> Option<String> {
    let asked = Outages::of(plan).stops_at?;
    let late = stopped.is_none_or(|stopped| stopped > asked + STOPPED_WITHIN);
    let when = stopped.map_or("never".to_owned(), |stopped| format!("at {}", seconds(stopped)));
    late.then(|| format!("the server was asked to stop at {}, and did {when}", seconds(asked)))
}

/// Who has no fault that lasts is served again.
fn starved(ledger: &Ledger, plan: &Plan, until: Duration) -> Option<String> {
    if Outages::of(plan).stops_at.is_some() {
        return None;
    }
    let since = until.saturating_sub(SERVED_WITHIN);
    let heals = |victim: &usize| {
        let own = |fault: &&Fault| fault.victim == *victim && !fault.kind.is_the_servers();
        let lasts = |fault: &Fault| fault.until().is_none();
        let mut faults = plan.faults.iter().filter(own).rev();
        let mut since_reboot =
            faults.by_ref().take_while(|fault| fault.kind != FaultKind::MachineReboots);
        !since_reboot.any(lasts)
    };
    let served = |victim: &usize| ledger.last_reply.get(victim).is_some_and(|at| *at > since);
    let victim = (0..ledger.victims).find(|victim| heals(victim) && !served(victim))?;
    Some(format!("victim {victim} got no reply after {}, when all was well", seconds(since)))
}

fn with_count(texts: &[String]) -> Option<String> {
    let first = texts.first()?;
    Some(format!("{first}{}", others(texts.len())))
}

fn others(count: usize) -> String {
    if count > 1 { format!(", and {} more", count - 1) } else { String::new() }
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}
