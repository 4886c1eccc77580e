//! The hazards of lock services: the reference server holds in every scene on many seeds, and each scene catches the lock
//! servers that it names.

mod committed;

use committed::check;
use lockproof_sim::hazards::Hazard;
use lockproof_sim::matrix::Matrix;
use lockproof_sim::plan::{Fault, Kind, Plan};
use lockproof_sim::run::Run;
use lockproof_sim::scenario::Scenario;
use lockproof_sim::server::Server;

fn hazards() -> impl Iterator<Item = Scenario> {
    Scenario::all().filter(Scenario::is_hazard)
}

#[test]
fn reference_server_holds_in_every_scene() {
    for scenario in hazards() {
        for seed in 0..10 {
            let outcome = scenario.run(Server::Reference, seed);
            assert_eq!(outcome.word(), "ok", "{} seed {seed}: {outcome:#?}", scenario.name());
        }
    }
}

/// Scenes that a right server plays to the same end without the fault: a window is full or a client silent anyway, and
/// who was refused, or gave back what it had, leaves nothing behind, dead or alive.
const SAME: [&str; 6] = [
    "locker/grant-delivered-to-nobody",
    "locker/grant-to-the-dead",
    "netmem/grant-delivered-to-nobody",
    "netmem/sweep-frees-what-changed-hands",
    "text/block-of-the-dead",
    "meta/winner-vanishes",
];

/// A scene without its fault is not played as the script says: the script itself is the audit of what it needs.
#[test]
fn a_scene_misses_a_fault_that_is_taken_out() {
    let mut missed = 0;
    for scenario in hazards() {
        let real = scenario.with(Server::Reference, 3);
        if real.plan.faults.is_empty() || SAME.contains(&scenario.name().as_str()) {
            continue;
        }
        missed += 1;
        let vain = Run { plan: Plan::default(), ..real };
        assert_ne!(vain.outcome().word(), "ok", "{}", scenario.name());
    }
    assert!(missed > 4, "{missed}");
}

#[test]
fn a_scene_is_plain_data() {
    for hazard in Hazard::all() {
        let text = serde_json::to_string(&hazard).expect("it can be written");
        let read: Hazard = serde_json::from_str(&text).expect("it can be read");
        assert_eq!(read, hazard);
    }
    assert!(serde_json::from_str::<Hazard>("\"locker/unheard-of\"").is_err());
}

/// Bless with `LOCKPROOF_BLESS=1`.
#[test]
fn matrix_of_locks_is_the_committed_one_and_nothing_escapes() {
    check("simulator-locks-matrix.md", Matrix::of_locks);
}

#[test]
fn matrix_of_page_locks_is_the_committed_one_and_nothing_escapes() {
    check("simulator-pages-matrix.md", Matrix::of_pages);
}

#[test]
fn matrix_of_lines_is_the_committed_one_and_nothing_escapes() {
    check("simulator-lines-matrix.md", Matrix::of_lines);
}

/// Silence is evidence only of a client that could have spoken.
#[test]
fn a_cut_after_the_end_of_a_lock_client_is_inert() {
    let scenario = Scenario::from_name("locker/client-is-cut-off").expect("it is there");
    let real = scenario.with(Server::Reference, 3);
    assert!(real.outcome().inert.is_empty());
    let mut cut = real.plan.faults[0];
    cut.at_ms += 2_000;
    let kill = Fault::new(3_000, 0, Kind::Kill);
    let vain = Run { plan: Plan::new(vec![kill, cut]), ..real };
    assert_eq!(vain.outcome().inert, [cut]);
}
