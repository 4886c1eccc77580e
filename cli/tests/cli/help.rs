//! `--help` teaches: the whole text is kept, so that every change of it is read.

use crate::support::{lockproof, snapshot};

#[track_caller]
fn help_is(arguments: &[&str], name: &str) {
    lockproof(arguments).assert().success().stdout_eq(snapshot(name)).stderr_eq("");
}

#[test]
fn help_of_the_program() {
    help_is(&["--help"], "help.txt");
}

#[test]
fn help_in_short() {
    help_is(&["-h"], "help-short.txt");
}

#[test]
fn help_of_check() {
    help_is(&["check", "--help"], "help-check.txt");
}

#[test]
fn help_of_check_in_short() {
    help_is(&["check", "-h"], "help-check-short.txt");
}

#[test]
fn help_of_serve() {
    help_is(&["serve", "--help"], "help-serve.txt");
}

#[test]
fn help_of_top() {
    help_is(&["top", "--help"], "help-top.txt");
}

#[test]
fn help_of_record() {
    help_is(&["record", "--help"], "help-record.txt");
}

#[test]
fn help_of_replay() {
    help_is(&["replay", "--help"], "help-replay.txt");
}

#[test]
fn help_of_play() {
    help_is(&["play", "--help"], "help-play.txt");
}

#[test]
fn help_of_coverage() {
    help_is(&["coverage", "--help"], "help-coverage.txt");
}

#[test]
fn help_of_matrix() {
    help_is(&["matrix", "--help"], "help-matrix.txt");
}

#[test]
fn version_names_the_program() {
    let version = concat!("lockproof ", env!("CARGO_PKG_VERSION"), "\n");
    lockproof(&["--version"]).assert().success().stdout_eq(version);
}

#[test]
fn no_subcommand_is_a_usage_error_with_the_list_of_them() {
    lockproof(&[]).assert().code(2).stdout_eq("").stderr_eq(snapshot("help-short.txt"));
}
