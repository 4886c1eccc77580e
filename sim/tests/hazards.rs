//! The hazards of lock services: the reference server holds in every scene on many seeds, and each scene catches the lock
//! servers that it names.

use lockproof_sim::hazards::Hazard;
use lockproof_sim::matrix::{Matrix, SEED};
use lockproof_sim::plan::Plan;
use lockproof_sim::run::Run;
use lockproof_sim::scenario::Scenario;
use lockproof_sim::server::Server;

const MATRIX: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/results/simulator-locks-matrix.md");

fn hazards() -> impl Iterator<Item = Scenario> {
    Scenario::all().filter(Scenario::is_hazard)
}

#[test]
fn reference_server_holds_in_every_scene() {
    for scenario in hazards() {
        for seed in 0..25 {
            let outcome = scenario.run(Server::Reference, seed);
            assert_eq!(outcome.word(), "ok", "{} seed {seed}: {outcome:#?}", scenario.name());
        }
    }
}

/// A scene without its fault is not played as the script says: the script itself is the audit of what it needs.
#[test]
fn a_scene_misses_a_fault_that_is_taken_out() {
    let mut missed = 0;
    for scenario in hazards() {
        let real = scenario.with(Server::Reference, 3);
        // That scene's window is full already, and the deadline passes whether or not the machine dies.
        let same = scenario.name() == "locker/grant-delivered-to-nobody";
        if same || real.plan.faults.is_empty() {
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
fn matrix_is_the_committed_one_and_nothing_escapes() {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let matrix = Matrix::of_locks(SEED, jobs);
    let committed = std::fs::read_to_string(MATRIX).unwrap_or_default();
    let (head, old) = committed.split_once("| scenario |").unwrap_or((&committed, ""));
    let new = matrix.markdown();
    if std::env::var_os("LOCKPROOF_BLESS").is_some() {
        std::fs::write(MATRIX, format!("{head}{new}")).expect("the file can be written");
    } else {
        assert_eq!(format!("| scenario |{old}"), new, "{MATRIX}; bless with LOCKPROOF_BLESS=1");
    }
    assert_eq!(matrix.escaped(), [], "named by a scenario, and not caught by it\n{new}");
}
