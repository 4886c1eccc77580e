//! `lockproof record`: what is recorded in front of a server plays again, without edits, against another one.

use std::path::Path;

use crate::support::lockproof;
use crate::support::served::Served;

const SESSIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/sessions");

/// Records `case` on its way to a server, then plays the recording.
fn records_and_plays(protocol: &str, case: &str) {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("live.session");
    let served = Served::start(&[]);
    let mut recorder = recorder(&served.url(protocol), &output);
    let original = format!("{SESSIONS}/{protocol}/{case}.session");
    lockproof(&["replay", &original, &recorder.url(protocol)]).assert().success();
    recorder.signal("TERM");
    assert_eq!(recorder.exit_status().code(), Some(0));
    let text = std::fs::read_to_string(&output).unwrap();
    assert!(text.starts_with(&format!("case   {protocol}/recorded/live\n")), "{text}");
    let another = Served::start(&[]);
    lockproof(&["replay", output.to_str().unwrap(), &another.url(protocol)]).assert().success();
}

fn recorder(upstream: &str, output: &Path) -> Served {
    let output = output.to_str().unwrap();
    Served::spawn(&[
        "record",
        "--listen",
        "127.0.0.1:0",
        "--upstream",
        upstream,
        "--output",
        output,
    ])
}

#[test]
fn memcached_traffic() {
    records_and_plays("memcached", "cas/any-mutation-invalidates-a-token");
}

#[test]
fn netmem_traffic() {
    records_and_plays("netmem", "lock/first-come-first-served");
}

#[test]
fn locker_traffic() {
    records_and_plays("locker", "session/key-that-changed-hands");
}

#[test]
fn echo_traffic() {
    records_and_plays("echo", "strings/one-after-another");
}

#[test]
fn an_output_that_cannot_be_written_is_said_at_once() {
    let arguments = [
        "record",
        "--listen",
        "127.0.0.1:0",
        "--upstream",
        "echo://127.0.0.1:9",
        "--output",
        "/nowhere/a.session",
    ];
    let output = lockproof(&arguments).assert().code(2).get_output().clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("cannot write /nowhere/a.session"), "{stderr}");
}
