//! Random runs: each seed draws its own size, its own subset of faults, and its own plan.

use crate::config::{Config, Protocol};
use crate::plan::{Fault, Kind, Plan};
use crate::run::Run;
use crate::seed::{Draw, Purpose};
use crate::server::Server;

/// Faults that pass.
const PASSING: [Kind; 4] =
    [Kind::StopsReading, Kind::Drips, Kind::HoldRelease, Kind::MachineReboots];

/// What victims do for some time, where there is a queue at the lock.
const HABITS: [Kind; 7] = [
    Kind::ReadersComeAndGo,
    Kind::WritersComeAndGo,
    Kind::GivesUp,
    Kind::Counts,
    Kind::StreamsReads,
    Kind::StreamsWrites,
    Kind::AsksTheImpossible,
];

/// Faults that last.
const LASTING: [Kind; 16] = [
    Kind::Kill,
    Kind::MachineDies,
    Kind::StopsReading,
    Kind::Drips,
    Kind::HalfClose,
    Kind::CutOneWay,
    Kind::CutForEver,
    Kind::FallsSilent,
    Kind::TearsOff,
    Kind::TearsHeader,
    Kind::Floods,
    Kind::FloodsWrites,
    Kind::Pipelines,
    Kind::ConnectsInSilence,
    Kind::Storms,
    Kind::SendsSlowly,
];

/// What happens to a lock server's victims: they have no other habits, and its locks do not outlive it.
const LOCKERS: [Kind; 10] = [
    Kind::Kill,
    Kind::MachineDies,
    Kind::StopsReading,
    Kind::Drips,
    Kind::HalfClose,
    Kind::CutOneWay,
    Kind::CutForEver,
    Kind::HoldRelease,
    Kind::FallsSilent,
    Kind::TearsOff,
];

/// Time inside the lock.
const SECTIONS_MS: [u64; 5] = [0, 0, 10, 10, 100];

/// With a queue, a page fits a window: see the scenarios of the lock.
const QUEUE_SEGMENT_BYTES: usize = 256;
const QUEUE_VALUE_BYTES: usize = 4 * 1024;

/// One seed in so many restarts the server, stops it, or is run twice.
const RESTARTS: u64 = 8;
const STOPS: u64 = 12;
const TWICE: u64 = 16;

/// One seed in so many has a victim more, with something rarer.
const RARITIES: u64 = 4;

/// From the last fault to the end of the server.
const STOPS_AFTER_MS: u64 = 1_500;

/// Coarser than in scenarios: a run costs as much as it has ticks.
const TICK_MS: u64 = 10;

/// From a lock that is waited for to the end of the server.
const WAITS_BEFORE_MS: u64 = 800;

/// From the server's trouble to the client's.
const ACTS_AFTER_MS: u64 = 200;

/// Places for connections beyond one for each client, where there is a limit.
const PLACES_MORE: usize = 12;

/// When every client is at work.
const FIRST_MS: u64 = 3_000;

/// A victim is well for so long between two faults, so that the second finds it at work.
const BREATH_MS: u64 = 1_500;

/// The run of a seed.
pub fn draw(server: Server, seed: u64) -> Run {
    draw_of(None, server, seed)
}

/// The run of a seed in that protocol, unless the server speaks another; none draws one.
pub fn draw_of(asked: Option<Protocol>, server: Server, seed: u64) -> Run {
    let mut draw = Draw::new(seed, Purpose::Plan);
    let drawn = *draw.pick(&Protocol::SERVERS);
    let asked = server.protocol().or(asked);
    let protocol = asked.unwrap_or(drawn);
    let config = Config { tick_ms: TICK_MS, ..Config::draw(protocol, seed) };
    let section_ms = *draw.pick(&SECTIONS_MS);
    let config = with_queue(config, if protocol == Protocol::Locker { 0 } else { section_ms });
    let restarts = draw.one_in(RESTARTS);
    let mut victims = usize::try_from(draw.within(1..=3)).unwrap_or(1);
    let has_queue = config.section_ms > 0;
    // A server that comes back has all its links: those that are cut by themselves stay out of it. And a flood takes as
    // long as its requests do, which is too long where each takes time.
    let may = |kind: &Kind| match kind {
        kind if restarts && kind.is_of_the_link() => false,
        kind if protocol == Protocol::Locker => LOCKERS.contains(kind),
        Kind::Floods | Kind::FloodsWrites => !has_queue,
        _ => true,
    };
    let passing = some(&possible(has_queue), may, &mut draw);
    let lasting = some(&LASTING, may, &mut draw);
    let mut faults = Vec::new();
    for victim in 0..victims {
        let at = add_passing(&mut faults, victim, &passing, &mut draw);
        // Some victims stay broken for ever.
        if !draw.one_in(3) {
            faults.push(Fault::new(at + draw.within(0..=3_000), victim, *draw.pick(&lasting)));
        }
    }
    if restarts {
        faults.push(outage(&mut draw));
    } else if draw.one_in(STOPS) {
        let at_ms = faults.iter().map(|fault| fault.at_ms).max().unwrap_or(FIRST_MS);
        faults.push(Fault::new(at_ms + STOPS_AFTER_MS, 0, Kind::ServerStops));
        if protocol == Protocol::NetMem {
            // Somebody waits for a lock then.
            let at_ms = at_ms + STOPS_AFTER_MS - WAITS_BEFORE_MS;
            faults.push(Fault::new(at_ms, victims, Kind::TalksWhileWaiting));
            victims += 1;
        }
    }
    let twice = draw.one_in(TWICE);
    // Drawn last: what else a seed means does not depend on it.
    let config = if draw.one_in(RARITIES) && !restarts {
        with_rarity(config, &mut faults, victims, &mut draw)
    } else {
        config
    };
    // And this behind it, for the same reason: which of its three protocols a memcached is spoken to in.
    let spoken = *draw.pick(&Protocol::OF_MEMCACHED);
    let is_open = asked.is_none() && protocol == Protocol::Memcached;
    let config = if is_open { Config { protocol: spoken, ..config } } else { config };
    Run { server, config, plan: Plan::new(faults), seed, twice }
}

/// What few clients do, and what few servers meet: done by a victim of its own, so that no other is in its way.
fn with_rarity(config: Config, faults: &mut Vec<Fault>, victim: usize, draw: &mut Draw) -> Config {
    let at = FIRST_MS + draw.within(0..=3_000);
    let mut add = |kind| faults.push(Fault::new(at + ACTS_AFTER_MS, victim, kind));
    match draw.within(0..=4) {
        0 => add(Kind::TalksNonsense),
        1 => add(Kind::Raves),
        2 if config.protocol == Protocol::NetMem => add(Kind::TalksWhileWaiting),
        3 => {
            add(Kind::Storms);
            let for_ms = Some(draw.within(600..=2_000));
            faults.push(Fault { for_ms, ..Fault::new(at, 0, Kind::ServerRunsOut) });
        }
        _ => {
            add(Kind::ConnectsInSilence);
            let connections_max = Some(config.healthy + victim + PLACES_MORE);
            return Config { connections_max, ..config };
        }
    }
    config
}

fn with_queue(config: Config, section_ms: u64) -> Config {
    if section_ms == 0 {
        return config;
    }
    let (segment_bytes, value_bytes) = (QUEUE_SEGMENT_BYTES, QUEUE_VALUE_BYTES);
    Config { segment_bytes, value_bytes, section_ms, ..config }
}

fn possible(has_queue: bool) -> Vec<Kind> {
    let habits = HABITS.into_iter().filter(|_| has_queue);
    PASSING.into_iter().chain(habits).collect()
}

fn outage(draw: &mut Draw) -> Fault {
    let kind = *draw.pick(&[Kind::ServerRestarts, Kind::ServerLosesPower]);
    let at_ms = FIRST_MS + draw.within(0..=5_000);
    Fault { for_ms: Some(draw.within(200..=1_500)), ..Fault::new(at_ms, 0, kind) }
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
fn some(all: &[Kind], may: impl Fn(&Kind) -> bool, draw: &mut Draw) -> Vec<Kind> {
    let all: Vec<Kind> = all.iter().filter(|kind| may(kind)).copied().collect();
    let chosen: Vec<Kind> = all.iter().filter(|_| draw.one_in(2)).copied().collect();
    if chosen.is_empty() { vec![*draw.pick(&all)] } else { chosen }
}
