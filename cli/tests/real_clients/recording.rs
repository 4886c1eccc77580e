//! Real clients in front of `lockproof record` and a real memcached: what was recorded passes as it stands, against
//! memcached and against the reference server.

use std::path::Path;

use crate::processes::{Memcached, Recorder, run, tool};

#[test]
fn python_binary_memcached_is_recorded_and_played_again() {
    recorded_and_played("python_binary_memcached.py", 1_000);
}

#[test]
fn pylibmc_is_recorded_and_played_again() {
    recorded_and_played("pylibmc_binary.py", 1_000);
}

/// Records a script of `tests/clients/`, and plays the session, which has so many lines at least.
fn recorded_and_played(script: &str, least: usize) {
    let directory = tempfile::tempdir().expect("a directory");
    let session = directory.path().join("live.session");
    let upstream = Memcached::start();
    let recorder = Recorder::start(&format!("memcached://{}", upstream.address), &session);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../ci/venv/bin/python");
    let mut client = tool(&python.to_string_lossy());
    client.arg(root.join("tests/clients").join(script)).args([&recorder.address, "repeatable"]);
    let said = run(&mut client).success();
    assert!(said.ends_with("flush_all\n"), "the last step is missing:\n{said}");
    recorder.stop();

    let text = std::fs::read_to_string(&session).expect("the recorder wrote it");
    assert!(text.lines().count() > least, "{} lines", text.lines().count());
    // Nothing is left of the first run in this one.
    let fresh = Memcached::start();
    let play = || {
        let mut command = tool(env!("CARGO_BIN_EXE_lockproof"));
        command.arg("replay").arg(&session);
        command
    };
    let against = format!("memcached://{}", fresh.address);
    run(play().arg(&against)).success();
    run(&mut play()).success();

    // The same session with another answer: a replay that accepts everything would prove nothing.
    let hit = text.lines().find(|line| line.contains("< ok get") && line.contains("\"one\""));
    let hit = hit.expect("the client read what it wrote");
    let wrong = text.replace(hit, &hit.replace("\"one\"", "\"two\""));
    std::fs::write(&session, wrong).expect("a file");
    assert_eq!(run(&mut play()).code, Some(1));
}
