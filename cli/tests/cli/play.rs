//! `lockproof play`: a session file as the server.

use std::io::{Read, Write};

use crate::support::served::Served;
use crate::support::{connect, file, lockproof};

/// `get "k"` with opaque 7.
const GET: &[u8] = b"\x80\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x07\0\0\0\0\0\0\0\0k";

const SESSION: &str =
    "case memcached/a/b\nplays server\nlevel must\nconn A\n\nA> get key=$k\nA< ok value=\"v\"\n";

/// Sends `bytes`, reads `replies` bytes, leaves.
fn ask(play: &Served, bytes: &[u8], replies: usize) -> Vec<u8> {
    let mut stream = connect(play.address("memcached"));
    stream.write_all(bytes).unwrap();
    let mut came = vec![0; replies];
    stream.read_exact(&mut came).unwrap();
    came
}

#[test]
fn a_client_that_does_as_the_session_says_passes() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "a.session", SESSION);
    let mut play = Served::spawn(&["play", path.to_str().unwrap(), "--connections", "2"]);
    for _ in 0..2 {
        let reply = ask(&play, GET, 29);
        assert_eq!(&reply[..16], b"\x81\0\0\0\x04\0\0\0\0\0\0\x05\0\0\0\x07");
        assert_eq!(&reply[24..], b"\0\0\0\0v");
    }
    assert_eq!(play.exit_status().code(), Some(0));
}

#[test]
fn what_a_client_does_wrong_is_shown_and_fails() {
    let mut play = Served::spawn(&["play", "memcached/client/wrong-opaque"]);
    // It takes somebody else's value, and asks again.
    let reply = ask(&play, &[GET, GET].concat(), 44);
    assert_eq!(&reply[28..], b"of somebody else");
    assert_eq!(play.exit_status().code(), Some(1));
    let report = play.rest_of_stdout();
    for words in [
        "FAIL  memcached/client/wrong-opaque",
        "MCB-HDR-06 MUST: A reply carries the opaque of its request",
        "client_sessions/memcached/client/wrong-opaque.session, line 11:  A> closed",
        "instead of closing the client sent: get key=\"k\" opaque=0x00000007",
        "A -> 50 bytes",
        "A <- 44 bytes",
    ] {
        assert!(report.contains(words), "no `{words}` in:\n{report}");
    }
}

#[test]
fn every_bundled_client_case_is_listed_with_its_calls() {
    let list = lockproof(&["play", "--list", "--format", "json"]).assert().success();
    let list: serde_json::Value = serde_json::from_slice(&list.get_output().stdout).unwrap();
    let cases = list["cases"].as_array().unwrap();
    assert!(cases.len() >= 48, "{} cases", cases.len());
    let case = cases.iter().find(|case| case["id"] == "memcached/client/empty-value").unwrap();
    assert_eq!(
        case["calls"][0],
        serde_json::json!({ "name": "get", "arguments": ["6b"], "right": ["\"\""] })
    );
}

#[test]
fn a_session_for_the_other_verb_is_a_usage_error() {
    let directory = tempfile::tempdir().unwrap();
    let server = file(&directory, "server.session", SESSION);
    let output =
        lockproof(&["replay", server.to_str().unwrap()]).assert().code(2).get_output().clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("plays the server: `lockproof play` plays it to a client"), "{stderr}");
    let client = file(&directory, "client.session", &SESSION.replace("plays server\n", ""));
    lockproof(&["play", client.to_str().unwrap()]).assert().code(2).stdout_eq("");
    lockproof(&["play", "memcached/client/none"]).assert().code(2).stdout_eq("");
    lockproof(&["play"]).assert().code(2).stdout_eq("");
}
