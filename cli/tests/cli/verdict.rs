//! Exit codes of runs that took place: what fails a run, what does not, and what proves nothing.

use std::fmt::Write;

use crate::support::served::Served;
use crate::support::{bend, file, hostile, lockproof};

/// An echo server that forgets a hundred thousand bytes fails this SHOULD, and no MUST.
const SHOULD: &str = "echo/bytes/of-100000";
const MUST: &str = "echo/bytes/line-without-a-nul";

fn expectations(cases: &[(&str, &str)]) -> String {
    let mut text = "implementation = \"an echo server\"\nversions = \"*\"\n".to_owned();
    for (case, verdict) in cases {
        let line = "[[expect]]\ncase = \"CASE\"\nverdict = \"VERDICT\"\nreason = \"it tires\"\n";
        let _ = write!(text, "{}", line.replace("CASE", case).replace("VERDICT", verdict));
    }
    text
}

/// The exit code of `check` on the echo server that tires, with known deviations.
#[track_caller]
fn code_on_the_tired_server(cases: &[&str], known: &[(&str, &str)], more: &[&str]) -> i32 {
    let directory = tempfile::tempdir().unwrap();
    let file = file(&directory, "known.toml", &expectations(known));
    let url = format!("echo://{}", hostile::start(hostile::tired_echo));
    let mut arguments = vec!["check", &url, "--delivery", "whole", "--timeout", "2s"];
    arguments.extend(["--expectations", file.to_str().unwrap()]);
    arguments.extend(cases.iter().flat_map(|case| ["--case", case]));
    arguments.extend(more);
    let done = lockproof(&arguments).assert();
    done.get_output().status.code().unwrap()
}

#[test]
fn failed_should_fails_only_a_strict_run() {
    assert_eq!(code_on_the_tired_server(&[SHOULD, MUST], &[], &[]), 0);
    assert_eq!(code_on_the_tired_server(&[SHOULD, MUST], &[], &["--strict"]), 1);
}

/// It was judged, and nothing that counts failed.
#[test]
fn failed_should_alone_is_not_inconclusive() {
    assert_eq!(code_on_the_tired_server(&[SHOULD], &[], &[]), 0);
    assert_eq!(code_on_the_tired_server(&[SHOULD], &[], &["--strict"]), 1);
}

#[test]
fn expected_failure_does_not_fail_the_run() {
    assert_eq!(code_on_the_tired_server(&[SHOULD, MUST], &[(SHOULD, "fail")], &["--strict"]), 0);
}

#[test]
fn nothing_but_expected_failures_is_a_verdict() {
    assert_eq!(code_on_the_tired_server(&[SHOULD], &[(SHOULD, "fail")], &["--strict"]), 0);
}

#[test]
fn expectations_can_be_globs() {
    assert_eq!(
        code_on_the_tired_server(&[SHOULD], &[("echo/bytes/of-*", "fail")], &["--strict"]),
        0
    );
}

#[test]
fn expectations_of_another_delivery_do_not_count() {
    let only_bytes = "fail\"\ndeliveries = [\"bytes\"]\n# \"";
    assert_eq!(code_on_the_tired_server(&[SHOULD], &[(SHOULD, only_bytes)], &["--strict"]), 1);
}

#[test]
fn unexpected_pass_fails_the_run() {
    assert_eq!(code_on_the_tired_server(&[MUST], &[(MUST, "fail")], &[]), 1);
}

#[test]
fn flaky_case_may_pass_or_fail() {
    assert_eq!(code_on_the_tired_server(&[MUST], &[(MUST, "flaky")], &["--strict"]), 0);
    assert_eq!(code_on_the_tired_server(&[SHOULD], &[(SHOULD, "flaky")], &["--strict"]), 0);
}

#[test]
fn line_that_matches_no_case_fails_the_run() {
    assert_eq!(code_on_the_tired_server(&[MUST], &[("echo/bytes/gone", "fail")], &[]), 1);
}

/// A line about a case that is not selected is not unused: the next whole run needs it.
#[test]
fn line_about_a_case_that_is_not_selected_is_used() {
    assert_eq!(code_on_the_tired_server(&[MUST], &[(SHOULD, "fail")], &[]), 0);
}

#[test]
fn no_expectations_at_all_with_none() {
    let url = format!("echo://{}", hostile::start(hostile::tired_echo));
    let case = ["--case", MUST, "--delivery", "whole", "--expectations", "none"];
    lockproof(&[&["check", url.as_str()][..], &case[..]].concat()).assert().code(0);
}

#[test]
fn nothing_but_unsupported_cases_is_inconclusive() {
    let served = Served::start(&["--only", "memcached"]);
    let url = served.url("memcached");
    lockproof(&["check", &url, "--case", "memcached/sas/opaque-on-refusals"]).assert().code(4);
}

#[test]
fn flushes_are_asked_for_only_when_allowed() {
    let served = Served::start(&["--only", "memcached"]);
    let url = served.url("memcached");
    let case = [
        "check",
        &url,
        "--delivery",
        "whole",
        "--case",
        "memcached/flu/empties-the-server-at-once",
    ];
    lockproof(&case).assert().code(4);
    lockproof(&[&case[..], &["--allow-flush"]].concat()).assert().code(0);
}

#[test]
fn failure_fails_the_run_in_both_formats() {
    let served = Served::start(&["--only", "memcached"]);
    let url =
        format!("memcached://{}", bend::start(served.address("memcached"), bend::getq_hits_as_get));
    let case = ["check", &url, "--delivery", "whole", "--case", "memcached/qt/*"];
    lockproof(&case).assert().code(1).stderr_eq("");
    lockproof(&[&case[..], &["--format", "json"]].concat()).assert().code(1).stderr_eq("");
}

#[test]
fn report_that_cannot_be_written_is_no_verdict() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = std::process::Command::new(snapbox::cmd::cargo_bin!("lockproof"))
        .args(["check", "--list"])
        .stdout(full)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(4));
}

#[test]
fn reader_that_has_enough_is_no_failure() {
    let mut child = std::process::Command::new(snapbox::cmd::cargo_bin!("lockproof"))
        .args(["check", "--list", "--format", "json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stderr).as_ref()), (Some(0), ""));
}
