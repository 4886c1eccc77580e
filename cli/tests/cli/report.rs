//! The report, as somebody reads it who never saw the project, and as a program reads it.

use std::collections::BTreeSet;

use serde_json::Value;
use snapbox::cmd::cargo_bin;

use crate::support::served::Served;
use crate::support::{PATIENCE, bend, file, hostile, lockproof};

/// Compares a report with the one that is kept, but for times and ports.
fn report_is(name: &str, report: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r"(?m)^ +\d+\.\d ms", "     [TIME] ms");
    settings.add_filter(r"in \d+\.\d s", "in [TIME] s");
    settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]");
    settings.bind(|| insta::assert_snapshot!(name, report));
}

/// What the program prints; nothing may stand on standard error.
fn stdout(arguments: &[&str]) -> String {
    let done = lockproof(arguments).assert().stderr_eq("");
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

/// A memcached server that hands out no CAS with SET, and what keeps it alive.
fn faulty() -> (Served, String) {
    let served = Served::start(&["--only", "memcached"]);
    let url =
        format!("memcached://{}", bend::start(served.address("memcached"), bend::set_without_cas));
    (served, url)
}

#[test]
fn report_of_a_conforming_server() {
    let report =
        stdout(&["check", "--seed", "7", "--case", "echo/bytes/*", "--case", "netmem/read/*"]);
    report_is("report-conforms", &report);
}

#[test]
fn report_of_a_fault() {
    let (_served, url) = faulty();
    let case = ["--case", "memcached/set/stores-and-overwrites", "--delivery", "whole"];
    report_is("report-fault", &stdout(&[&["check", &url, "--seed", "7"], &case[..]].concat()));
}

#[test]
fn sessions_of_failing_cases_are_saved_and_play_alone() {
    let (_served, url) = faulty();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("failed");
    let case = ["--case", "memcached/set/stores-and-overwrites", "--delivery", "whole"];
    let save = ["--save", path.to_str().unwrap()];
    lockproof(&[&["check", &url], &case[..], &save].concat()).assert().code(1);
    let saved = path.join("memcached-set-stores-and-overwrites.session");
    lockproof(&["replay", saved.to_str().unwrap(), &url]).assert().code(1);
    lockproof(&["replay", saved.to_str().unwrap()]).assert().success();
}

#[test]
fn report_of_what_was_not_asked() {
    let (_served, url) = faulty();
    let report = stdout(&[
        "check",
        &url,
        "--seed",
        "7",
        "--case",
        "memcached/cas/*",
        "--case",
        "memcached/sas/*",
    ]);
    let (_, not_asked) = report.split_once("not asked").unwrap();
    report_is("report-not-asked", not_asked);
}

#[test]
fn report_of_an_unexpected_pass() {
    let directory = tempfile::tempdir().unwrap();
    let line = "[[expect]]\ncase = \"echo/bytes/embedded-nuls\"\nverdict = \"fail\"\nreason = \"it stops at a NUL\"\n";
    let unused = line.replace("embedded-nuls", "gone");
    let known = format!("implementation = \"an echo server\"\nversions = \"*\"\n{line}{unused}");
    let known = file(&directory, "known.toml", &known);
    let case =
        ["check", "--seed", "7", "--delivery", "whole", "--case", "echo/bytes/embedded-nuls"];
    let report = stdout(&[&case[..], &["--expectations", known.to_str().unwrap()]].concat());
    report_is(
        "report-unexpected-pass",
        &report.replace(directory.path().to_str().unwrap(), "[DIRECTORY]"),
    );
}

/// The last line of a failure is a command for the shell; this runs it as somebody would who copied it.
fn run_again(report: &str) -> std::process::Output {
    let command = report.lines().find_map(|line| line.trim().strip_prefix("again:  ")).unwrap();
    let program = cargo_bin!("lockproof");
    let path =
        format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    std::process::Command::new("sh").args(["-c", command]).env("PATH", path).output().unwrap()
}

#[track_caller]
fn runs_again_the_same(arguments: &[&str]) {
    let first = stdout(arguments);
    let again = run_again(&first);
    let stdout = String::from_utf8_lossy(&again.stdout);
    let stderr = String::from_utf8_lossy(&again.stderr);
    assert_eq!(again.status.code(), Some(1), "{stdout}{stderr}");
    let verdict = |report: &str| report.lines().next().map(str::to_owned);
    assert_eq!(verdict(&stdout), verdict(&first));
}

#[test]
fn copied_command_of_check_fails_again() {
    let (_served, url) = faulty();
    let case = ["--case", "memcached/set/stores-and-overwrites", "--delivery", "bytes"];
    runs_again_the_same(&[&["check", &url], &case[..]].concat());
}

/// The target has a `&`, which the shell would take for itself.
#[test]
fn copied_command_quotes_the_target() {
    let (_served, url) = faulty();
    let url = format!("{url}?fresh=yes&max-value=1000000");
    runs_again_the_same(&[
        "check",
        &url,
        "--case",
        "memcached/set/stores-and-overwrites",
        "--delivery",
        "whole",
    ]);
}

#[test]
fn copied_command_of_replay_fails_again() {
    let directory = tempfile::tempdir().unwrap();
    let session = "case   echo/a/b\nlevel  must\nconn   A\n\nA> \"x\\0\"\nA< \"y\\0\"\n";
    let path = file(&directory, "with a space.session", session);
    runs_again_the_same(&["replay", path.to_str().unwrap()]);
}

#[test]
fn copied_command_of_a_strict_run_fails_again() {
    let url = format!("echo://{}", hostile::start(hostile::tired_echo));
    let case = ["--case", "echo/bytes/of-100000", "--delivery", "whole"];
    runs_again_the_same(&[&["check", &url, "--strict"], &case[..]].concat());
}

#[test]
fn copied_command_of_a_run_with_flushes_fails_again() {
    let (_served, url) = faulty();
    let case = ["--case", "memcached/flu/empties-the-server-at-once", "--delivery", "whole"];
    runs_again_the_same(&[&["check", &url, "--allow-flush"], &case[..]].concat());
}

#[test]
fn no_escape_codes_where_nobody_wants_them() {
    let case = ["check", "--delivery", "whole", "--case", "echo/bytes/*"];
    let escapes = |name: &str, value: &str| {
        let done = lockproof(&case).env(name, value).assert().success();
        done.get_output().stdout.contains(&0x1b)
    };
    assert!(escapes("CLICOLOR_FORCE", "1"), "there are styles to be stripped");
    assert!(!escapes("NO_COLOR", "1"));
    assert!(!escapes("TERM", "xterm-256color"), "not a terminal, no styles");
    let refused = lockproof(&["check", "--case", "nothing"]).assert().code(2);
    assert!(!refused.get_output().stderr.contains(&0x1b));
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(&[arguments, &["--format", "json"]].concat())).unwrap()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

const DOCUMENT: [&str; 11] = [
    "began",
    "cases",
    "implementation",
    "outcome",
    "schema",
    "seed",
    "speaks",
    "strict",
    "target",
    "totals",
    "unused_expectations",
];
const CASE: [&str; 11] = [
    "counts", "delivery", "detail", "id", "level", "millis", "protocol", "spec", "target", "title",
    "verdict",
];
const TOTALS: [&str; 10] = [
    "blocked",
    "cases",
    "error",
    "expected-fail",
    "fail",
    "millis",
    "not-played",
    "pass",
    "unexpected-pass",
    "unsupported",
];

#[test]
fn json_report_has_the_fields_of_its_schema() {
    let report = json(&[
        "check",
        "--seed",
        "7",
        "--case",
        "echo/bytes/embedded-nuls",
        "--delivery",
        "fields",
    ]);
    assert_eq!(keys(&report), BTreeSet::from(DOCUMENT));
    assert_eq!(keys(&report["totals"]), BTreeSet::from(TOTALS));
    let case = &report["cases"][0];
    assert_eq!(keys(case), BTreeSet::from(CASE));
    assert_eq!(case["target"], "embedded");
    assert_eq!(report["schema"], "lockproof.report/1");
    assert_eq!((&report["target"], &report["seed"]), (&"embedded".into(), &7.into()));
    assert_eq!(
        report["implementation"],
        concat!("lockproof reference server ", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!((&case["protocol"], &case["level"]), (&"echo".into(), &"should".into()));
    assert_eq!((&case["verdict"], &case["delivery"]), (&"pass".into(), &"fields".into()));
    assert_eq!(case["spec"][0], "EC-ECHO-04");
    assert!(case["detail"].is_null() && case["millis"].is_u64());
}

#[test]
fn json_report_of_a_fault_says_what_differs() {
    let (_served, url) = faulty();
    let report = json(&[
        "check",
        &url,
        "--case",
        "memcached/set/stores-and-overwrites",
        "--delivery",
        "whole",
    ]);
    let case = &report["cases"][0];
    let more = ["replay", "place", "step", "problem", "differences", "exchange"];
    assert_eq!(keys(case), CASE.into_iter().chain(more).collect());
    assert_eq!((&report["outcome"], &case["verdict"]), (&"failed".into(), &"fail".into()));
    assert!(case["step"].as_str().unwrap().starts_with("A< ok set"));
    assert!(case["differences"][0].as_str().unwrap().contains("cas"));
    assert!(case["replay"].as_str().unwrap().starts_with("lockproof check --case memcached/set/"));
    let [sent, received] = [1, 2].map(|index| &case["exchange"][index]);
    assert_eq!((&sent["direction"], &sent["length"]), (&"sent".into(), &67.into()));
    assert!(sent["messages"][0].as_str().unwrap().starts_with("set key="));
    assert!(received["bytes"].as_str().unwrap().starts_with("8101"));
    assert_eq!((&case["counts"], &report["totals"]["fail"]), (&true.into(), &1.into()));
}

#[test]
fn json_report_comes_with_the_exit_code_of_the_other() {
    let (served, url) = faulty();
    let sas = ["--case", "memcached/sas/opaque-on-refusals"];
    let set = ["--case", "memcached/set/*", "--delivery", "whole"];
    let sound = served.url("memcached");
    for (url, selection, code) in [
        (&url, &sas[..], 4),
        (&url, &set[..], 1),
        (&sound, &set[..], 0),
        (&sound, &["--case", "no"], 2),
    ] {
        let human = [&["check", url.as_str()], selection].concat();
        lockproof(&human).timeout(PATIENCE).assert().code(code);
        lockproof(&[&human[..], &["--format", "json"]].concat()).assert().code(code);
    }
}

/// Two servers of one protocol in one report: every line says which of them it is about.
#[test]
fn json_report_of_two_servers_tells_them_apart() {
    let (_served, faulty) = faulty();
    let served = Served::start(&["--only", "memcached"]);
    let sound = served.url("memcached");
    let case = ["--case", "memcached/set/stores-and-overwrites", "--delivery", "whole"];
    let report = json(&[&["check", &sound, &faulty], &case[..]].concat());
    let verdicts: BTreeSet<(&str, &str)> = report["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| (case["target"].as_str().unwrap_or("?"), case["verdict"].as_str().unwrap()))
        .collect();
    assert_eq!(verdicts, BTreeSet::from([(sound.as_str(), "pass"), (faulty.as_str(), "fail")]));
}
