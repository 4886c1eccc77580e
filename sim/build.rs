//! Notes what the program is made of: commit, compiler, flags. A seed says something about these sources only.
//!
//! Without git or outside of a checkout the commit is `unknown`.

use std::env;
use std::process::Command;

/// Sources that a simulated run depends on.
const SOURCES: [&str; 8] = [
    "../Cargo.lock",
    "../client/src",
    "../conformance/src",
    "../protocol/src",
    "../reference_server/src",
    "../rwlock/src",
    "../sim/src",
    "../state_machine/src",
];

fn main() {
    let commit = git(&["rev-parse", "HEAD"]);
    let status = [&["status", "--porcelain", "--"], &SOURCES[..]].concat();
    let changed = commit.is_some() && git(&status).is_some();
    let compiler = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let unknown = || "unknown".to_owned();
    note("COMMIT", &commit.unwrap_or_else(unknown));
    note("CHANGED", if changed { "yes" } else { "no" });
    note("RUSTC", &said(&compiler, &["--version"]).unwrap_or_else(unknown));
    note("PROFILE", &env::var("PROFILE").unwrap_or_else(|_| unknown()));
    println!("cargo::rerun-if-changed=build.rs");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    // It grows with every commit and every checkout; what is not there would run this anew each time.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"]);
    if let Some(log) = log.filter(|log| std::path::Path::new(log).exists()) {
        println!("cargo::rerun-if-changed={log}");
    }
}

fn note(name: &str, value: &str) {
    println!("cargo::rustc-env=LOCKPROOF_{name}={value}");
}

/// What git says, which is asked to change nothing, and to trust a tree that belongs to somebody else.
fn git(arguments: &[&str]) -> Option<String> {
    let quietly = ["--no-optional-locks", "-c", "safe.directory=*"];
    said("git", &[&quietly, arguments].concat())
}

/// What a program prints, if it succeeds and prints anything.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let done = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(done.stdout).ok()?.trim().to_owned();
    (done.status.success() && !text.is_empty()).then_some(text)
}
