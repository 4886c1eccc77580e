//! What cannot be asked for: exit code 2, and a message that says what would be right.

use snapbox::str;

use crate::support::{file, lockproof, naming};

/// The program refuses with code 2, and says `expected`; `[DIRECTORY]` is where the files are.
#[track_caller]
fn refuses(arguments: &[&str], expected: impl snapbox::data::IntoData) {
    lockproof(arguments).assert().code(2).stdout_eq("").stderr_eq(expected);
}

#[test]
fn target_that_is_no_url() {
    refuses(&["check", "127.0.0.1:11211"], str![]);
}

#[test]
fn target_of_an_unknown_protocol() {
    refuses(&["check", "redis://127.0.0.1:6379"], str![]);
}

#[test]
fn target_with_an_unknown_option() {
    refuses(&["check", "memcached://127.0.0.1:1?tls=yes"], str![]);
}

#[test]
fn target_with_a_path() {
    refuses(&["check", "memcached://127.0.0.1:1/some/path"], str![]);
}

#[test]
fn target_with_a_range_of_pages_backwards() {
    refuses(&["check", "netmem://127.0.0.1:1?pages=7..4"], str![]);
}

#[test]
fn unknown_option() {
    refuses(&["check", "--fast"], str![]);
}

#[test]
fn unknown_subcommand() {
    refuses(&["chekc"], str![]);
}

#[test]
fn time_of_zero() {
    refuses(&["check", "--timeout", "0s"], str![]);
}

#[test]
fn time_in_an_unknown_unit() {
    refuses(&["check", "--timeout", "3h"], str![]);
}

#[test]
fn unknown_case_with_a_hint() {
    refuses(&["check", "--case", "memcached/cas/honours-cas"], str![]);
}

#[test]
fn glob_that_matches_nothing() {
    refuses(&["check", "--case", "redis/*"], str![]);
}

#[test]
fn broken_glob() {
    refuses(&["check", "--case", "memcached/["], str![]);
}

#[test]
fn one_unknown_case_beside_a_known_one() {
    refuses(&["check", "--case", "echo/bytes/embedded-nuls", "--case", "echo/nothing"], str![]);
}

#[test]
fn empty_selection_by_level() {
    refuses(&["check", "--case", "echo/bytes/*", "--level", "info"], str![]);
}

/// The selection is judged before the server is looked at: nobody listens there.
#[test]
fn empty_selection_by_protocol() {
    refuses(&["check", "echo://127.0.0.1:1", "--case", "memcached/cas/*"], str![]);
}

#[test]
fn empty_selection_of_a_list() {
    refuses(&["check", "--list", "--case", "echo/*", "--level", "info"], str![]);
}

/// Plays a session file of that text.
#[track_caller]
fn refuses_session(text: &str, target: &[&str], expected: impl snapbox::data::IntoData) {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "a.session", text);
    let arguments = [&["replay", path.to_str().unwrap()], target].concat();
    lockproof(&arguments)
        .with_assert(naming(&[("[DIRECTORY]", directory.path().display().to_string())]))
        .assert()
        .code(2)
        .stdout_eq("")
        .stderr_eq(expected);
}

const HEADER: &str = "case   echo/a/b\nlevel  must\nconn   A\n\n";

#[test]
fn session_with_a_broken_step() {
    refuses_session(&format!("{HEADER}A> \"x\\0\"\nA< hello\n"), &[], str![]);
}

#[test]
fn session_with_an_unknown_connection() {
    refuses_session(&format!("{HEADER}B> \"x\\0\"\n"), &[], str![]);
}

#[test]
fn session_with_an_open_block() {
    refuses_session(&format!("{HEADER}repeat 3 {{\n  A> \"x\\0\"\n  A< \"x\\0\"\n"), &[], str![]);
}

#[test]
fn session_with_an_unknown_level() {
    refuses_session("case   echo/a/b\nlevel  maybe\nconn   A\n\nA> \"x\\0\"\n", &[], str![]);
}

#[test]
fn empty_session() {
    refuses_session("", &[], str![]);
}

#[test]
fn session_that_is_not_there() {
    refuses(&["replay", "/nowhere/a.session"], str![]);
}

#[test]
fn session_of_another_protocol_than_the_target() {
    refuses_session(&format!("{HEADER}A> \"x\\0\"\nA< \"x\\0\"\n"), &["netmem://127.0.0.1:1"], str![]);
}

/// Checks with an expectations file of that text.
#[track_caller]
fn refuses_expectations(text: &str, expected: impl snapbox::data::IntoData) {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "known.toml", text);
    lockproof(&["check", "--case", "echo/bytes/*", "--expectations", path.to_str().unwrap()])
        .with_assert(naming(&[("[DIRECTORY]", directory.path().display().to_string())]))
        .assert()
        .code(2)
        .stdout_eq("")
        .stderr_eq(expected);
}

const LINE: &str = "[[expect]]\ncase = \"echo/bytes/embedded-nuls\"\nverdict = \"fail\"\nreason = \"known\"\n";

#[test]
fn expectations_that_are_not_there() {
    refuses(&["check", "--expectations", "/nowhere/known.toml"], str![]);
}

#[test]
fn expectations_that_are_no_toml() {
    refuses_expectations("implementation = \"a\"\nversions = \"*\"\nbroken", str![]);
}

#[test]
fn expectations_with_an_unknown_verdict() {
    let line = LINE.replace("\"fail\"", "\"skip\"");
    refuses_expectations(&format!("implementation = \"a\"\nversions = \"*\"\n{line}"), str![]);
}

#[test]
fn expectations_with_a_line_twice() {
    refuses_expectations(&format!("implementation = \"a\"\nversions = \"*\"\n{LINE}{LINE}"), str![]);
}

/// A misspelt delivery would never apply, and nobody would be told.
#[test]
fn expectations_with_an_unknown_delivery() {
    let line = format!("{LINE}deliveries = [\"byte\"]\n");
    refuses_expectations(&format!("implementation = \"a\"\nversions = \"*\"\n{line}"), str![]);
}
