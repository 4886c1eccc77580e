//! memcached's three protocols: `check` says which of them a server speaks, and judges each.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::lockproof;
use crate::support::served::Served;

fn json(arguments: &[&str]) -> Value {
    let done = lockproof(arguments).assert();
    serde_json::from_slice(&done.get_output().stdout).unwrap()
}

/// The report on a server that speaks what `serve` is told, on a case of each protocol.
fn report_on(speaks: &str) -> Value {
    let server = Served::start(&["--protocol", speaks]);
    let url = server.url("memcached");
    let mut run = vec!["check", &url, "--format", "json", "--delivery", "whole"];
    for cases in ["memcached/get/*", "text/get/*", "meta/get/*"] {
        run.extend(["--case", cases]);
    }
    json(&run)
}

/// What became of the cases of each protocol.
fn verdicts(report: &Value) -> BTreeMap<(&str, &str), usize> {
    let mut counted = BTreeMap::new();
    for case in report["cases"].as_array().unwrap() {
        let key = (case["protocol"].as_str().unwrap(), case["verdict"].as_str().unwrap());
        *counted.entry(key).or_default() += 1;
    }
    counted
}

#[test]
fn all_three_are_judged() {
    let report = report_on("auto");
    assert_eq!(report["speaks"], json!(["memcached", "text", "meta"]));
    let verdicts = verdicts(&report);
    let passed: Vec<_> = verdicts.keys().collect();
    assert_eq!(passed, [&("memcached", "pass"), &("meta", "pass"), &("text", "pass")]);
}

#[test]
fn what_is_not_spoken_is_not_asked() {
    let report = report_on("binary");
    assert_eq!(report["speaks"], json!(["memcached"]));
    assert_eq!(report["outcome"], "conforms");
    let asked: Vec<_> = verdicts(&report).into_keys().collect();
    assert_eq!(asked, [("memcached", "pass"), ("meta", "unsupported"), ("text", "unsupported")]);
}

#[test]
fn server_that_speaks_in_lines_alone_is_judged() {
    let report = report_on("ascii");
    assert_eq!(report["speaks"], json!(["text", "meta"]));
    assert_eq!(report["outcome"], "conforms");
    let asked: Vec<_> = verdicts(&report).into_keys().collect();
    assert_eq!(asked, [("memcached", "unsupported"), ("meta", "pass"), ("text", "pass")]);
}

#[test]
fn one_protocol_can_be_asked_for() {
    let server = Served::start(&[]);
    let url = server.url("memcached");
    let asked = |words: &[&str]| {
        let list = ["check", &url, "--list", "--format", "json"];
        let listed = json(&list.iter().chain(words).copied().collect::<Vec<_>>());
        let protocols = listed["cases"].as_array().unwrap().iter();
        let mut protocols: Vec<_> =
            protocols.map(|case| case["protocol"].as_str().unwrap().to_owned()).collect();
        protocols.dedup();
        protocols
    };
    assert_eq!(asked(&[]), ["memcached", "meta", "text"]);
    assert_eq!(asked(&["--protocol", "meta"]), ["meta"]);
    assert_eq!(asked(&["--protocol", "text", "--protocol", "binary"]), ["memcached", "text"]);
}
