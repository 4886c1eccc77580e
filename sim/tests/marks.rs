//! Marks of the server: a run says which it reached, and those of a sweep are counted.

use lockproof_reference_server::Mark;
use lockproof_sim::known_bad::KnownBad;
use lockproof_sim::marks::{Marks, of_all};
use lockproof_sim::run::Run;
use lockproof_sim::scenario::Scenario;
use lockproof_sim::server::Server;
use lockproof_sim::sweep::{Order, sweep};
use lockproof_sim::watched::Halt;

fn reached(scenario: &str, server: Server) -> Marks {
    Scenario::from_name(scenario).unwrap().run(server, 1).marks
}

fn has(marks: &Marks, mark: Mark) -> bool {
    marks.contains(mark.name())
}

#[test]
fn a_run_says_what_it_reached() {
    let calm = reached("memcached/calm", Server::Reference);
    let stuck = reached("memcached/client-stops-reading", Server::Reference);
    assert!(has(&stuck, Mark::WriteDeadline) && has(&stuck, Mark::OutputFull), "{stuck:?}");
    assert!(!has(&calm, Mark::WriteDeadline) && has(&calm, Mark::ValueShared), "{calm:?}");
    let waits = reached("netmem/grant-to-the-dead", Server::Reference);
    assert!(has(&waits, Mark::EndWhileWaiting) && has(&waits, Mark::LockWaits), "{waits:?}");
}

/// They are the production server's; a run of another, on the same thread, hears of none.
#[test]
fn a_flawed_server_has_none() {
    assert!(!reached("memcached/calm", Server::Reference).is_empty());
    assert_eq!(reached("memcached/calm", Server::KnownBad(KnownBad::K00)), Marks::new());
}

#[test]
fn a_sweep_counts_seeds() {
    let scenario = Scenario::from_name("locker/client-falls-silent").unwrap();
    let order = Order { seeds: 0..4, subjects: 1, jobs: 2, until: None, halt: Halt::default() };
    let make = |_, seed| scenario.with(Server::Reference, seed);
    let swept = sweep(&order, make, || Run::outcome, |_, _, _| {});
    let counted = &swept.subjects[0].marks;
    assert_eq!(counted.get(Mark::Idle.name()), Some(&4), "{counted:?}");
    let never = of_all(counted).into_iter().find(|(mark, _)| *mark == Mark::AcceptFailed);
    assert_eq!(never, Some((Mark::AcceptFailed, 0)));
}

/// A name is for ever: reports of several machines are added up by it. That each is reached somewhere, and that there are
/// no others, `lockproof sim swarm --all-marks` and the compiler say.
#[test]
fn names_are_unlike() {
    let mut names: Vec<&str> = Mark::ALL.iter().map(|mark| mark.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Mark::ALL.len());
}
