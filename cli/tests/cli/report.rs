//! The report, as somebody reads it who never saw the project, and as a program reads it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::served::Served;
use crate::support::{bend, hostile, lockproof};

/// Times and ports differ from run to run.
fn comparable(text: &str) -> String {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(r" +\d+\.\d ms", "    [TIME]");
    settings.add_filter(r"in \d+\.\d s", "in [TIME]");
    settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]");
    settings.bind_to_scope().into_text(text)
}

fn stdout(arguments: &[&str]) -> String {
    let done = lockproof(arguments).assert().stderr_eq("");
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}
