//! The pages in a real browser: what they show, and what they do when somebody uses them. The steps stand in
//! `tests/browser/report.py` and `tests/browser/timeline.py`.

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

    let said = steps("report.py", &[path("hostile.html"), path("matrix.html")]);
    assert!(
        said.ends_with("dark, 400 pixels: nothing sticks out\n"),
        "the last step is missing:\n{said}"
    );
}

#[test]
fn timelines_are_at_home_in_chromium() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("timeline.html").to_str().unwrap().to_owned();
    let scenario = ["sim", "memcached/client-stops-reading", "--seed", "5", "--server", "K01"];
    lockproof(&[&scenario[..], &["--timeline", &page]].concat()).assert().code(1);
    let said = steps("timeline.py", &[page]);
    assert!(
        said.ends_with("without scripts the failure is told\n"),
        "the last step is missing:\n{said}"
    );
}

/// What a script of `tests/browser` says, all of whose steps must hold.
fn steps(script: &str, pages: &[String]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new(root.join("../ci/venv/bin/python"));
    let done = python.arg(root.join("tests/browser").join(script)).args(pages).output();
    let done = done.expect("Python of ci/venv: run ci/setup");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}{error}");
    said
}
