//! The named scenarios: the reference server holds in all of them, and each catches the servers that it names.

mod committed;

use committed::check;
use lockproof_sim::known_bad::KnownBad;
use lockproof_sim::matrix::{Matrix, SEED};
use lockproof_sim::plan::Plan;
use lockproof_sim::run::Run;
use lockproof_sim::scenario::Scenario;
use lockproof_sim::server::Server;

fn scenario(name: &str) -> Scenario {
    Scenario::from_name(name).unwrap_or_else(|| panic!("no scenario {name}"))
}

#[test]
fn reference_server_holds_in_every_scenario() {
    for scenario in Scenario::all() {
        for seed in 0..3 {
            let outcome = scenario.run(Server::Reference, seed);
            let name = scenario.name();
            assert_eq!(outcome.word(), "ok", "{name} seed {seed}: {outcome:#?}");
            assert!(outcome.operations > 20, "{name} seed {seed}: {outcome:#?}");
        }
    }
}

/// What the flawed servers have in common is right: what a scenario catches is the flaw. Hazards have flawed servers of
/// their own, and ask for more than this one knows.
#[test]
fn control_holds_in_every_scenario() {
    for scenario in Scenario::all().filter(|scenario| !scenario.is_hazard()) {
        let outcome = scenario.run(Server::KnownBad(KnownBad::K00), SEED);
        assert!(outcome.violations.is_empty(), "{}: {outcome:#?}", scenario.name());
    }
}

/// Bless with `LOCKPROOF_BLESS=1`.
#[test]
fn matrix_is_the_committed_one_and_nothing_escapes() {
    check("simulator-matrix.md", Matrix::of);
}

#[test]
fn every_flaw_is_named_by_a_scenario() {
    for flaw in KnownBad::every().filter(|flaw| !flaw.hangs()) {
        let named = Scenario::all().filter(|scenario| scenario.catches().contains(&flaw)).count();
        assert!(named > 0, "{}: no scenario has to catch it", flaw.name());
    }
}

/// The audit: a plan that says more than happened is found out.
#[test]
fn a_fault_that_does_not_happen_is_inert() {
    let real = scenario("memcached/client-stops-reading").with(Server::Reference, 3);
    assert!(real.outcome().inert.is_empty());
    // Its victim is killed long before, so there is nobody left to stop reading.
    let mut faults = real.plan.faults.clone();
    faults[0].at_ms += 2_000;
    let kill = lockproof_sim::plan::Fault::new(3_000, 0, lockproof_sim::plan::Kind::Kill);
    let vain = Run { plan: Plan::new(vec![kill, faults[0]]), ..real };
    let outcome = vain.outcome();
    assert_eq!(outcome.inert, [faults[0]], "{outcome:#?}");
    assert_eq!(outcome.word(), "inert");
}

#[test]
fn one_seed_gives_one_hash_and_another_seed_another() {
    for scenario in Scenario::all() {
        let hash = |seed| scenario.run(Server::Reference, seed).hash;
        let known = hash(7);
        assert_eq!(known, hash(7), "{}", scenario.name());
        assert_ne!(known, hash(8), "{}", scenario.name());
    }
}
