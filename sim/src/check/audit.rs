//! Did each planned fault bite? A fault that changed nothing proves nothing, and a run with one is wasted.
//!
//! The evidence is on the server's sockets: a write that waited far longer than a round trip, or an end that came.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::{Config, Protocol};
use crate::net::{End, Meter};
use crate::plan::{Fault, Kind, Plan};
use crate::work::Ledger;

/// A write waits so long for nobody who reads.
const LONG: Duration = Duration::from_millis(300);

/// Time from a death to its news.
const NEWS: Duration = Duration::from_secs(1);

/// The faults that changed nothing; `address` says where a victim is.
pub(crate) fn inert(
    plan: &Plan,
    config: &Config,
    meter: &Meter,
    ledger: &Ledger,
    address: impl Fn(usize) -> IpAddr,
    now: Duration,
) -> Vec<Fault> {
    let (blocks, ends) = (meter.blocks(), meter.ends());
    let bit = |fault: &Fault| {
        let peer = address(fault.victim);
        let waited = || {
            let until = fault.until().unwrap_or(now);
            let long =
                |block: &&crate::net::Block| block.after(fault.at(), until.max(fault.at())) >= LONG;
            blocks
                .iter()
                .filter(|block| block.peer == peer && block.since < until)
                .any(|block| long(&block))
        };
        let ended = |wanted: Option<End>| {
            ends.iter().any(|(who, end, at)| {
                *who == peer
                    && wanted.is_none_or(|wanted| *end == wanted)
                    && (fault.at()..=fault.at() + NEWS).contains(at)
            })
        };
        // Where replies are short, the server may have nothing to send while its client is away.
        let silent = || {
            let until = fault.until().unwrap_or(now).max(fault.at());
            (config.protocol == Protocol::Locker || config.hazard.is_some())
                && !ended(None)
                && meter.silences().iter().any(|silence| {
                    silence.peer == peer
                        && silence.since < until
                        && silence.after(fault.at(), until) >= LONG
                })
        };
        match fault.kind {
            Kind::Kill => ended(None),
            Kind::HalfClose => ended(Some(End::Finished)) || waited(),
            Kind::FallsSilent | Kind::TearsOff => {
                ledger.obeyed.get(&fault.victim).is_some_and(|at| *at >= fault.at())
            }
            Kind::TearsHeader
            | Kind::ConnectsInSilence
            | Kind::Storms
            | Kind::SendsSlowly
            | Kind::ReadersComeAndGo
            | Kind::WritersComeAndGo
            | Kind::GivesUp
            | Kind::StreamsReads
            | Kind::StreamsWrites
            | Kind::Counts
            | Kind::HoldsTheLock
            | Kind::AsksTheImpossible
            | Kind::TalksNonsense
            | Kind::Raves
            | Kind::TalksWhileWaiting => {
                ledger.obeyed.get(&fault.victim).is_some_and(|at| *at >= fault.at())
            }
            Kind::ServerRestarts | Kind::ServerLosesPower => ledger.excused > 0,
            Kind::ServerRunsOut => meter.refused() > 0,
            // `lingers` says whether it did.
            Kind::ServerStops => true,
            Kind::MachineReboots => waited() || ledger.obeyed.contains_key(&fault.victim),
            Kind::MachineDies | Kind::CutOneWay | Kind::CutForEver | Kind::HoldRelease => {
                waited() || silent()
            }
            Kind::Floods
            | Kind::FloodsWrites
            | Kind::Pipelines
            | Kind::StopsReading
            | Kind::Drips => waited(),
        }
    };
    plan.faults.iter().filter(|fault| !bit(fault)).copied().collect()
}
