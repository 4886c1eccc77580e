//! Random runs: each seed draws its own size, its own subset of faults, and its own plan.

use crate::config::{Config, Protocol};
use crate::plan::{Fault, Kind, Plan};
use crate::run::Run;
use crate::seed::{Draw, Purpose};
use crate::server::Server;

/// Faults that pass.
const PASSING: [Kind; 3] = [Kind::StopsReading, Kind::Drips, Kind::HoldRelease];

/// Faults that last.
const LASTING: [Kind; 9] = [
    Kind::Kill,
    Kind::MachineDies,
    Kind::StopsReading,
    Kind::Drips,
    Kind::HalfClose,
    Kind::CutOneWay,
    Kind::CutForEver,
    Kind::FallsSilent,
    Kind::TearsOff,
];

/// Coarser than in scenarios: a run costs as much as it has ticks.
const TICK_MS: u64 = 10;

/// When every client is at work.
const FIRST_MS: u64 = 3_000;

/// A victim is well for so long between two faults, so that the second finds it at work.
const BREATH_MS: u64 = 1_500;

/// The run of a seed.
pub fn draw(server: Server, seed: u64) -> Run {
    let mut draw = Draw::new(seed, Purpose::Plan);
    let protocol = *draw.pick(&Protocol::ALL);
    let config = Config { tick_ms: TICK_MS, ..Config::draw(protocol, seed) };
    let victims = usize::try_from(draw.within(1..=3)).unwrap_or(1);
    let (passing, lasting) = (some(&PASSING, &mut draw), some(&LASTING, &mut draw));
    let mut faults = Vec::new();
    for victim in 0..victims {
        let at = add_passing(&mut faults, victim, &passing, &mut draw);
        // Some victims stay broken for ever.
        if !draw.one_in(3) {
            faults.push(Fault::new(at + draw.within(0..=3_000), victim, *draw.pick(&lasting)));
        }
    }
    Run { server, config, plan: Plan::new(faults), seed, twice: false }
}

/// The same, where the server has given the connection up meanwhile, and the victim needs another.
const NEW_CONNECTION_MS: u64 = 3_500;

/// Up to two faults that pass; gives the time when the victim is well again.
fn add_passing(faults: &mut Vec<Fault>, victim: usize, kinds: &[Kind], draw: &mut Draw) -> u64 {
    let mut at_ms = FIRST_MS;
    for _ in 0..draw.within(0..=2) {
        at_ms += draw.within(0..=2_000);
        // Longer than the server's patience, now and then.
        let is_long = draw.one_in(4);
        let lasts = if is_long { draw.within(5_500..=7_000) } else { draw.within(600..=2_500) };
        faults.push(Fault { at_ms, victim, kind: *draw.pick(kinds), for_ms: Some(lasts) });
        at_ms += lasts + if is_long { NEW_CONNECTION_MS } else { BREATH_MS };
    }
    at_ms
}

/// A subset that is not empty.
fn some(all: &[Kind], draw: &mut Draw) -> Vec<Kind> {
    let chosen: Vec<Kind> = all.iter().filter(|_| draw.one_in(2)).copied().collect();
    if chosen.is_empty() { vec![*draw.pick(all)] } else { chosen }
}
