//! `lockproof sim`: what it shows, what a failure says, and that processes and threads make no difference.

use serde_json::Value;

use crate::support::{file, lockproof, snapshot};

fn json(arguments: &[&str]) -> Value {
    let done = lockproof(&[&["sim"], arguments, &["--format", "json"]].concat()).assert();
    let mut document: Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    document.as_object_mut().unwrap().remove("millis");
    document
}

#[test]
fn help() {
    lockproof(&["sim", "--help"]).assert().success().stdout_eq(snapshot("help-sim.txt"));
}

#[test]
fn list_shows_scenarios_and_servers() {
    lockproof(&["sim", "list"]).assert().success().stdout_eq(snapshot("sim-list.txt"));
}

#[test]
fn reference_server_holds() {
    lockproof(&["sim", "client-drips", "--seeds", "0..2"])
        .assert()
        .success()
        .stdout_eq(snapshot("sim-holds.txt"))
        .stderr_eq("");
}

/// A sentence, the plan, the hash, and the command that runs it again.
#[test]
fn a_flawed_server_is_caught() {
    lockproof(&["sim", "memcached/client-drips", "--seed", "3", "--server", "K04"])
        .assert()
        .code(1)
        .stdout_eq(snapshot("sim-caught.txt"))
        .stderr_eq("");
}

#[test]
fn json_says_the_same() {
    let document = json(&["memcached/client-drips", "--seed", "3", "--server", "K04"]);
    assert_eq!(document["schema"], "lockproof.sim/1");
    assert_eq!(document["outcome"], "violated");
    let failure = &document["scenarios"][0]["failures"][0];
    assert_eq!(failure["violations"][0]["kind"], "wedged");
    assert_eq!(failure["run"]["plan"]["faults"][0]["kind"], "drips");
    assert_eq!(document["scenarios"][0]["failed"], serde_json::json!([3]));
}

#[test]
fn swarm_shrinks_its_plans() {
    let document = json(&["swarm", "--seeds", "0..20", "--server", "K01"]);
    let failures = document["scenarios"][0]["failures"].as_array().unwrap();
    assert!(!failures.is_empty());
    for failure in failures {
        assert!(failure["run"]["plan"]["faults"].as_array().unwrap().len() <= 2, "{failure:#}");
    }
}

/// The plan in a failure is the whole run, and runs again from a file.
#[test]
fn a_plan_is_replayed_from_a_file() {
    let document = json(&["memcached/client-drips", "--seed", "3", "--server", "K04"]);
    let failure = &document["scenarios"][0]["failures"][0];
    let directory = tempfile::tempdir().unwrap();
    let plan = file(&directory, "plan.json", &failure["run"].to_string());
    let again = json(&["replay", "--plan", plan.to_str().unwrap()]);
    assert_eq!(again["word"], "wedged");
    assert_eq!(again["hash"], failure["hash"]);
    let mended = failure["run"].to_string().replace("K04", "reference");
    let plan = file(&directory, "mended.json", &mended);
    let arguments = ["sim", "replay", "--plan", plan.to_str().unwrap()];
    lockproof(&arguments).assert().success().stdout_eq(snapshot("sim-replay.txt"));
}

/// Everything follows from the seed: another process and another number of threads give the same bytes.
#[test]
fn processes_and_threads_make_no_difference() {
    let run = |jobs| json(&["--seeds", "3..5", "--jobs", jobs]);
    let (first, second) = (run("1"), run("2"));
    assert_eq!(first["outcome"], "holds");
    assert_eq!(first, second);
    let hash = |document: &Value| document["scenarios"][0]["hash"].clone();
    assert_ne!(hash(&first), hash(&json(&["--seeds", "5..7"])), "the seed has no effect");
}

#[test]
fn unknown_names_are_usage_errors() {
    for (arguments, text) in [
        (
            ["sim", "client-dreams"],
            "error: no scenario is named `client-dreams`; `lockproof sim list` shows all\n",
        ),
        (
            ["sim", "--server=K99"],
            "error: no server is named `K99`; `lockproof sim list` shows all\n",
        ),
    ] {
        lockproof(&arguments).assert().code(2).stdout_eq("").stderr_eq(text);
    }
}

#[test]
fn a_range_without_seeds_is_a_usage_error() {
    lockproof(&["sim", "--seeds", "5..5"]).assert().code(2).stdout_eq("").stderr_eq(
        "error: invalid value '5..5' for '--seeds <A..B>': `5..5` has no seed in it\n\nFor more information, try '--help'.\n",
    );
}

/// It says where a plan comes from.
#[test]
fn a_file_that_is_no_plan_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [("session", "case   echo/a/b\n"), ("json", "{\"seed\": 3}")] {
        let plan = file(&directory, name, text);
        let arguments = ["sim", "replay", "--plan", plan.to_str().unwrap()];
        let output = lockproof(&arguments).assert().code(2).get_output().clone();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("no plan of a run: "), "{stderr}");
        assert!(stderr.contains("has one, as `run`"), "{stderr}");
    }
}
