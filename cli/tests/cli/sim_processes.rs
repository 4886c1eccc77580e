//! `lockproof sim` and its processes: one that hangs or dies is named and missed by nobody, and seeds are shared out.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use snapbox::cmd::cargo_bin;

use crate::support::{eventually, file, lockproof};

fn json(arguments: &[&str]) -> Value {
    let done = lockproof(&[&["sim"], arguments, &["--format", "json"]].concat()).assert();
    serde_json::from_slice(&done.get_output().stdout).unwrap()
}

/// Too short for these to be anything but hung; a longer time would only cost time.
const SHORT: &str = "--watchdog=1s";

#[test]
fn a_seed_that_hangs_is_named_and_the_sweep_goes_on() {
    for server in ["K23", "K24"] {
        let name = "memcached/client-stops-reading";
        let document = json(&[name, "--seeds", "3..5", "--server", server, SHORT, "--jobs", "1"]);
        assert_eq!(document["outcome"], "violated");
        let scenario = &document["scenarios"][0];
        assert_eq!(scenario["failed"], json!([3, 4]), "{document:#}");
        let failure = &scenario["failures"][0];
        assert_eq!(failure["violations"][0]["kind"], "hung");
        let again = format!("lockproof sim {name} --seed 3 --server {server}");
        assert_eq!(failure["again"], again);
    }
}

#[test]
fn people_read_which_seed_hung() {
    let done = lockproof(&["sim", "netmem/client-drips", "--server", "K23", "--seed", "8", SHORT])
        .assert()
        .code(1)
        .stderr_eq("");
    let text = String::from_utf8_lossy(&done.get_output().stdout);
    assert!(text.contains("\nFAIL  netmem/client-drips  seed 8\n  hung: "), "{text}");
    assert!(text.contains(", and virtual time stands at 0."), "{text}");
    let again = "  again:  lockproof sim netmem/client-drips --seed 8 --server K23\n";
    assert!(text.contains(again), "{text}");
}

#[test]
fn a_plan_that_hangs_is_watched_when_it_is_replayed() {
    let document = json(&["memcached/client-drips", "--seed", "3", "--server", "K24", SHORT]);
    let run = &document["scenarios"][0]["failures"][0]["run"];
    let directory = tempfile::tempdir().unwrap();
    let plan = file(&directory, "plan.json", &run.to_string());
    let again = json(&["replay", "--plan", plan.to_str().unwrap(), SHORT]);
    assert_eq!(again["word"], "hung");
}

/// Whatever ends a process from outside costs one seed, and no other.
#[test]
fn a_process_that_dies_costs_one_seed() {
    let arguments = ["sim", "swarm", "--seeds", "0..30", "--jobs", "1", "--format", "json"];
    let sim = Command::new(cargo_bin!("lockproof"))
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut worker = String::new();
    let found = eventually(|| {
        // Tests run on Linux. The thread that started the process is not the first one, so all are looked at.
        worker = child_of(sim.id()).unwrap_or_default();
        !worker.is_empty()
    });
    assert!(found, "no process for the runs");
    assert!(Command::new("kill").args(["-9", &worker]).status().unwrap().success());
    let done = sim.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&done.stdout).unwrap();
    let scenario = &document["scenarios"][0];
    assert_eq!(done.status.code(), Some(1), "{document:#}");
    assert_eq!(scenario["failed"].as_array().unwrap().len(), 1, "{document:#}");
    let violation = &scenario["failures"][0]["violations"][0];
    assert_eq!(violation["kind"], "died");
    assert!(violation["text"].as_str().unwrap().contains("signal: 9"), "{violation}");
    assert_eq!(scenario["failures"][0]["seed"], scenario["failed"][0]);
    let good = scenario["ok"].as_u64().unwrap() + scenario["wasted"].as_u64().unwrap();
    assert_eq!(good, 29, "{document:#}");
}

fn child_of(process: u32) -> Option<String> {
    let tasks =
        std::fs::read_dir(Path::new("/proc").join(process.to_string()).join("task")).ok()?;
    let children = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children"));
    let mut found = tasks.flatten().filter_map(|task| children(task).ok());
    found.find_map(|text| text.split_whitespace().next().map(str::to_owned))
}

/// As many as there is time for, all scenarios with each; which ones is said.
#[test]
fn time_ends_a_range_that_has_no_end() {
    let document = json(&["client-drips", "--seeds", "70..", "--time", "500ms"]);
    let bound = |name: &str| document["seeds"][name].as_u64().unwrap();
    let count = bound("to") - bound("from");
    assert_eq!(bound("from"), 70);
    assert!(count > 0, "{document:#}");
    for scenario in document["scenarios"].as_array().unwrap() {
        let ran = scenario["ok"].as_u64().unwrap() + scenario["wasted"].as_u64().unwrap();
        assert_eq!(ran, count, "{document:#}");
    }
}

#[test]
fn parts_and_ranges_without_sense_are_usage_errors() {
    for (arguments, text) in [
        (&["--seeds", "5.."][..], "error: seeds without an end: say how long, by --time\n"),
        (
            &["--time", "1s", "--shard", "0/2"],
            "error: a part of seeds without an end: say where, by --seeds A..B\n",
        ),
        (&["--seeds", "0..3", "--shard", "0/4"], "error: this part of 3 seeds has none in it\n"),
    ] {
        let arguments = [&["sim"], arguments].concat();
        lockproof(&arguments).assert().code(2).stdout_eq("").stderr_eq(text);
    }
    let text = "error: invalid value '2/2' for '--shard <K/N>': `2/2` is no part; write the second of four as 1/4\n\nFor more information, try '--help'.\n";
    lockproof(&["sim", "--shard", "2/2"]).assert().code(2).stdout_eq("").stderr_eq(text);
}

/// A report of a failure says of what: a seed means nothing without its program.
#[test]
fn json_says_what_was_built() {
    let build = &json(&["memcached/calm", "--seed", "1"])["build"];
    let lock_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    let sum = Command::new("sha256sum").arg(lock_file).output().unwrap();
    let sum = String::from_utf8_lossy(&sum.stdout);
    assert_eq!(sum.split_whitespace().next(), build["lock_file_sha256"].as_str());
    assert!(build["rustc"].as_str().unwrap().starts_with("rustc 1."), "{build:#}");
    assert!(build["flags"].as_array().unwrap().contains(&json!("tokio_unstable")), "{build:#}");
    let commit = build["commit"].as_str().unwrap();
    assert!(commit == "unknown" || commit.len() == 40, "{build:#}");
}
