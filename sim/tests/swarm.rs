//! Random runs: the reference server holds on every seed, a flawed one does not, and what fails is made small.

use std::ops::Range;

use lockproof_sim::catch::{MOST, seeds_to_catch};
use lockproof_sim::check::Kind;
use lockproof_sim::config::Protocol;
use lockproof_sim::known_bad::{KnownBad, lines, locker};
use lockproof_sim::plan::Kind as Fault;
use lockproof_sim::run::Run;
use lockproof_sim::scenario::Scenario;
use lockproof_sim::server::Server;
use lockproof_sim::shrink::shrink;
use lockproof_sim::swarm::{draw, draw_of};
use lockproof_sim::sweep::{Order, Sweep, sweep};
use lockproof_sim::watched::Halt;

fn swept(server: Server, seeds: Range<u64>) -> Sweep {
    let order = Order { seeds, subjects: 1, jobs: 2, until: None, halt: Halt::default() };
    let mut swept = sweep(&order, |_, seed| draw(server, seed), || Run::outcome, |_, _, _| {});
    swept.subjects.remove(0)
}

#[test]
fn reference_server_holds_on_every_seed() {
    let swept = swept(Server::Reference, 0..100);
    assert!(swept.failed.is_empty(), "{:#?}", swept.failed);
    assert!(swept.wasted * 5 <= swept.seeds(), "{} of {} wasted", swept.wasted, swept.seeds());
}

/// What the flawed servers have in common is right: what is caught below is the flaw.
#[test]
fn control_holds_on_every_seed() {
    let swept = swept(Server::KnownBad(KnownBad::K00), 0..100);
    assert!(swept.failed.is_empty(), "{:#?}", swept.failed);
}

/// docs/results/simulator-seeds.md has the medians.
#[test]
fn a_flawed_server_is_caught_within_some_seeds() {
    for flaw in KnownBad::ALL.into_iter().filter(|flaw| !flaw.hangs()) {
        assert!(seeds_to_catch(flaw, 0, MOST).is_some(), "{}: {}", flaw.name(), flaw.about());
    }
}

/// The flaws of a memcached's text and meta are caught by random clients, and not by scripts alone.
#[test]
fn a_flawed_memcached_of_lines_is_caught_within_some_seeds() {
    for flaw in lines::Flaw::ALL.into_iter().filter(|flaw| !ONLY_BY_SCRIPT.contains(flaw)) {
        let (about, flaw) = (flaw.about(), KnownBad::Lines(flaw));
        assert!(seeds_to_catch(flaw, 0, MOST).is_some(), "{}: {about}", flaw.name());
    }
}

/// No random client waits until a winner's item has ended.
const ONLY_BY_SCRIPT: [lines::Flaw; 1] = [lines::Flaw::M07];

/// The three protocols of a memcached are drawn about as often as each other; the seed's plan does not depend on it.
#[test]
fn a_memcached_is_spoken_to_in_three_protocols() {
    let drawn = |protocol| {
        (0..300).filter(|seed| draw(Server::Reference, *seed).config.protocol == protocol).count()
    };
    for protocol in Protocol::OF_MEMCACHED {
        assert!((15..60).contains(&drawn(protocol)), "{}: {}", protocol.name(), drawn(protocol));
    }
    for seed in 0..50 {
        let drawn = draw(Server::Reference, seed);
        if drawn.config.protocol.server() == Protocol::Memcached {
            let binary = draw_of(Some(Protocol::Memcached), Server::Reference, seed);
            let faults = (&drawn.plan, drawn.twice, drawn.config.healthy);
            assert_eq!(faults, (&binary.plan, binary.twice, binary.config.healthy));
        }
    }
}

#[test]
fn a_failing_plan_is_made_small_and_still_fails() {
    let flaw = Server::KnownBad(KnownBad::K01);
    let wedges = |seed: &u64| {
        let run = draw(flaw, *seed);
        let worst = run.outcome().violations.first().map(|violation| violation.kind);
        run.plan.faults.len() > 2 && worst == Some(Kind::Wedged)
    };
    let seed = (0..100).find(wedges).expect("some plan wedges it");
    let whole = draw(flaw, seed);
    let shrunk = shrink(&whole);
    let (before, after) = (whole.plan.faults.len(), shrunk.run.plan.faults.len());
    assert!(after <= 2 && after < before, "{before} to {after}:\n{}", shrunk.run.plan);
    assert_eq!(shrunk.run.outcome().violations[0].kind, Kind::Wedged);
}

#[test]
fn one_seed_gives_one_hash() {
    for seed in 0..10 {
        assert_eq!(
            draw(Server::Reference, seed).outcome().hash,
            draw(Server::Reference, seed).outcome().hash
        );
    }
}

/// What a lock server grants twice, no order of its clients' calls explains.
#[test]
fn lock_servers_have_a_history_too() {
    let flaw = Server::KnownBad(KnownBad::Locker(locker::Flaw::L01));
    let is_seen = |seed| {
        let violations = draw(flaw, seed).outcome().violations;
        violations.iter().any(|violation| violation.kind == Kind::NotLinearizable)
    };
    assert!((0..20).any(is_seen));
}

/// LKR-411: a server that begins anew knows of nobody.
#[test]
fn locks_do_not_outlive_the_server() {
    for name in ["locker/restart-under-load", "locker/power-cut"] {
        let run = |server| Scenario::from_name(name).unwrap().run(server, 1);
        let kept = run(Server::KnownBad(KnownBad::K29)).violations;
        let seen = kept.iter().any(|one| one.kind == Kind::Kept);
        assert!(seen, "{name}: {kept:#?}");
        assert_eq!(run(Server::Reference).word(), "ok", "{name}");
    }
}

/// Within a few seeds all of it happens to lock servers.
#[test]
fn lock_servers_restart_and_stop() {
    let runs = (0..200).map(|seed| draw(Server::Reference, seed));
    let lockers: Vec<Run> = runs.filter(|run| run.config.protocol == Protocol::Locker).collect();
    let with = |kind| lockers.iter().any(|run| run.plan.faults.iter().any(|it| it.kind == kind));
    let wanted = [Fault::ServerRestarts, Fault::ServerLosesPower, Fault::ServerStops];
    assert!(wanted.into_iter().all(with), "{} runs", lockers.len());
}
