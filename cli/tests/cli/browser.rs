//! The pages in a real browser: what they show, and what they do when somebody uses them. The steps stand in
//! `tests/browser/report.py`.

use std::path::Path;
use std::process::Command;

use crate::support::hostile;
use crate::support::lockproof;
use crate::support::served::Served;

#[test]
fn pages_are_at_home_in_chromium() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let cases = [
        "--delivery",
        "whole",
        "--timeout",
        "1s",
        "--case",
        "memcached/get/*",
        "--case",
        "memcached/nop/*",
    ];
    let check = |url: &str, outputs: &[&str]| {
        let outputs: Vec<String> =
            outputs.iter().map(|name| format!("--output={}", path(name))).collect();
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        lockproof(&[&["check", url], &cases[..], &outputs].concat()).assert()
    };
    let served = Served::start(&["--only", "memcached"]);
    check(&served.url("memcached"), &["sound.json"]).success();
    let hostile = format!("memcached://{}", hostile::start(hostile::markup));
    check(&hostile, &["hostile.json", "hostile.html"]).code(1);
    let (sound, hostile) = (path("sound.json"), path("hostile.json"));
    let matrix = lockproof(&["matrix", &sound, &hostile, "--format", "html"]).assert().success();
    std::fs::write(path("matrix.html"), &matrix.get_output().stdout).unwrap();

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new(root.join("../ci/venv/bin/python"));
    let script = root.join("tests/browser/report.py");
    let done = python.arg(script).args([path("hostile.html"), path("matrix.html")]).output();
    let done = done.expect("Python of ci/venv: run ci/setup");
    let said = String::from_utf8_lossy(&done.stdout);
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}{error}");
    assert!(
        said.ends_with("dark, 400 pixels: nothing sticks out\n"),
        "the last step is missing:\n{said}"
    );
}
