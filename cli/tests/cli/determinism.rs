//! The same seed gives the same verdicts, whatever runs beside a case; `--list` and `--delivery` mean what they say.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::lockproof;

/// The JSON document that the program prints, without what a clock has a say in.
fn json(arguments: &[&str]) -> Value {
    let done = lockproof(arguments).assert();
    let mut document: Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    document["totals"]["millis"].take();
    // Indexing would add it to a list, which has none.
    document.as_object_mut().and_then(|fields| fields.remove("began"));
    for case in document["cases"].as_array_mut().into_iter().flatten() {
        case["millis"].take();
        // Which of several accepted outcomes it was may be a matter of time.
        if case["verdict"] == "pass" {
            case["detail"].take();
        }
    }
    document
}

fn ids(document: &Value) -> BTreeSet<&str> {
    document["cases"].as_array().unwrap().iter().map(|case| case["id"].as_str().unwrap()).collect()
}

fn deliveries(document: &Value) -> BTreeSet<&str> {
    document["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| case["delivery"].as_str().unwrap())
        .collect()
}

fn not_passed(document: &Value) -> Vec<&Value> {
    let cases = document["cases"].as_array().unwrap().iter();
    cases.filter(|case| case["verdict"] != "pass").collect()
}

#[test]
fn verdicts_do_not_depend_on_the_number_of_jobs() {
    let run = |jobs| {
        json(&["check", "--seed", "7", "--delivery", "whole", "--jobs", jobs, "--format", "json"])
    };
    let (one, eight) = (run("1"), run("8"));
    for document in [&one, &eight] {
        assert_eq!(not_passed(document), Vec::<&Value>::new());
    }
    assert_eq!(one["outcome"], "conforms");
    assert_eq!(one["totals"]["pass"], one["totals"]["cases"]);
    assert!(one["totals"]["cases"].as_u64() > Some(500));
    assert_eq!(one, eight);
}

#[test]
fn list_is_what_runs() {
    let selection = ["--case", "locker/*", "--case", "echo/bytes/*", "--level", "must"];
    let run = [&["check", "--format", "json", "--delivery", "whole"], &selection[..]].concat();
    let list = [&["check", "--list", "--format", "json"], &selection[..]].concat();
    let (run, list) = (json(&run), json(&list));
    assert_eq!(list["schema"], "lockproof.cases/1");
    assert!(ids(&list).len() > 50);
    assert_eq!(ids(&run), ids(&list));
}

#[test]
fn list_for_people_names_the_same_cases() {
    let list = json(&["check", "--list", "--format", "json"]);
    let done = lockproof(&["check", "--list"]).assert().success().stderr_eq("");
    let text = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    let listed: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(listed, ids(&list));
}

/// Nobody listens there: a list asks no server.
#[test]
fn list_needs_no_server() {
    let list = json(&["check", "--list", "--format", "json", "netmem://127.0.0.1:1"]);
    assert!(ids(&list).iter().all(|id| id.starts_with("netmem/")));
}

#[test]
fn each_delivery_runs_alone() {
    for delivery in ["whole", "bytes", "fields", "coalesced"] {
        let case = ["--case", "netmem/read/*", "--delivery", delivery];
        let document = json(&[&["check", "--format", "json"], &case[..]].concat());
        assert_eq!(document["outcome"], "conforms");
        assert_eq!(deliveries(&document), BTreeSet::from([delivery]));
    }
}

#[test]
fn all_deliveries_run_by_default() {
    let document = json(&["check", "--format", "json", "--case", "echo/bytes/*"]);
    assert_eq!(deliveries(&document), BTreeSet::from(["whole", "bytes", "fields", "coalesced"]));
    let once = ids(&document).len() as u64;
    assert_eq!(document["totals"]["cases"].as_u64(), Some(4 * once));
}

#[test]
fn seed_is_reported_and_differs_when_none_is_given() {
    let case =
        ["check", "--format", "json", "--delivery", "whole", "--case", "echo/bytes/embedded-nuls"];
    assert_eq!(json(&[&case[..], &["--seed", "4711"]].concat())["seed"], 4711);
    assert_ne!(json(&case)["seed"], json(&case)["seed"]);
}
