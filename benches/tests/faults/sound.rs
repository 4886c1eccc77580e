//! Where every check holds: our server in all scenarios, and a server of another make.

use crate::Test;
use crate::run::{Server, faults, soak};

pub(crate) const TESTS: &[Test] = &[
    ("our_server_stands_every_scenario", our_server_stands_every_scenario),
    ("our_server_stands_a_crowd_on_loopback", our_server_stands_a_crowd_on_loopback),
    ("our_server_stands_a_short_soak", our_server_stands_a_short_soak),
    ("a_server_of_another_make_stands_it", a_server_of_another_make_stands_it),
    ("what_cannot_be_played_is_refused", what_cannot_be_played_is_refused),
];

const SMALL: [&str; 4] = ["--scale", "0.02", "--time", "2"];

fn our_server_stands_every_scenario() {
    let room = tempfile::tempdir().expect("a directory");
    let table = room.path().join("faults.md");
    let output = ["--seed", "7", "--output", table.to_str().expect("a path")];
    let run = faults(Server::Ours, &[&SMALL[..], &output].concat());
    run.holds();
    let names: Vec<_> = run.scenarios().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["crowd", "pause", "descriptors", "logs", "clock"]);
    for scenario in run.scenarios() {
        let checks = scenario["checks"].as_array().map_or(0, Vec::len);
        assert!(checks >= 5, "{scenario}");
    }
    assert_eq!(run.report["again"], "ci/faults --seed 7 --scale 0.02 --time 2");
    let table = std::fs::read_to_string(table).expect("the table");
    assert!(table.contains("| crowd | 200 connections: ") && table.contains("p99 in the crowd"));
}

/// Without a namespace, whoever vanishes is a process that is stopped, and the report says so.
fn our_server_stands_a_crowd_on_loopback() {
    let arguments = ["--only", "crowd", "--loopback", "a test"];
    let run = faults(Server::Ours, &[&SMALL[..], &arguments].concat());
    run.holds();
    let network = run.report["network"].as_str().expect("a network");
    assert!(network.contains("those are stopped processes (a test)"), "{network}");
}

fn our_server_stands_a_short_soak() {
    let room = tempfile::tempdir().expect("a directory");
    let plot = room.path().join("soak.svg");
    let output = ["--time", "5s", "--plot", plot.to_str().expect("a path")];
    let run = soak(Server::Ours, &output);
    run.holds();
    let samples = run.report["samples"].as_array().expect("samples");
    assert!(samples.len() >= 3, "{samples:?}");
    let last = &samples[samples.len() - 1];
    assert!(last["deaths"].as_u64() > Some(20) && last["operations"].as_u64() > Some(0), "{last}");
    let plot = std::fs::read_to_string(plot).expect("the plot");
    assert!(plot.contains("resident memory") && plot.contains("ci/soak --time 5s --seed"));
}

/// So what is found in the wrong ones is their fault, and not their make.
fn a_server_of_another_make_stands_it() {
    let crowd = ["--only", "crowd", "--only", "pause", "--only", "descriptors", "--only", "logs"];
    faults(Server::Broken("none"), &[&SMALL[..], &crowd].concat()).holds();
    soak(Server::Broken("none"), &["--time", "4s"]).holds();
}

fn what_cannot_be_played_is_refused() {
    let run = faults(Server::Ours, &["--only", "flood"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("no scenario is named flood; there are crowd, "), "{}", run.stderr);
    let run = soak(Server::Ours, &["--time", "soon"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("such as 30m"), "{}", run.stderr);
    let run = soak(Server::Program("/bin/false".as_ref()), &["--time", "5s"]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("`/bin/false serve` said \"\""), "{}", run.stderr);
}
