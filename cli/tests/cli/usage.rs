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
    refuses(
        &["check", "127.0.0.1:11211"],
        str![[r#"
error: target `127.0.0.1:11211`: not a URL; write PROTOCOL://HOST:PORT, such as memcached://127.0.0.1:11211

"#]],
    );
}

#[test]
fn target_of_an_unknown_protocol() {
    refuses(
        &["check", "redis://127.0.0.1:6379"],
        str![[r#"
error: target `redis://127.0.0.1:6379`: `redis` is no protocol; memcached, netmem, locker and echo are

"#]],
    );
}

#[test]
fn target_with_an_unknown_option() {
    refuses(
        &["check", "memcached://127.0.0.1:1?tls=yes"],
        str![[r#"
error: target `memcached://127.0.0.1:1?tls=yes`: option `tls=yes` is unknown; known: cafile=FILE, cert=FILE, key=FILE, name=HOST, pages=A..B, sasl=USER:PASSWORD, sasl-port=N, evicts-port=N, refuses-port=N, layout=natural|packed, results=small|errno, fresh=yes, max-value=N, max-page=N, max-body=N, max-keys=N, max-key=N

"#]],
    );
}

#[test]
fn target_with_a_path() {
    refuses(
        &["check", "memcached://127.0.0.1:1/some/path"],
        str![[r#"
error: target `memcached://127.0.0.1:1/some/path`: nothing may follow the port but ?options, not `/some/path`

"#]],
    );
}

#[test]
fn target_with_a_range_of_pages_backwards() {
    refuses(
        &["check", "netmem://127.0.0.1:1?pages=7..4"],
        str![[r#"
error: target `netmem://127.0.0.1:1?pages=7..4`: pages=7..4: a range such as 4..7 expected, both ends included

"#]],
    );
}

#[test]
fn unknown_option() {
    refuses(
        &["check", "--fast"],
        str![[r#"
error: unexpected argument '--fast' found

  tip: to pass '--fast' as a value, use '-- --fast'

Usage: lockproof check [OPTIONS] [TARGET]...

For more information, try '--help'.

"#]],
    );
}

#[test]
fn unknown_subcommand() {
    refuses(
        &["chekc"],
        str![[r#"
error: unrecognized subcommand 'chekc'

  tip: a similar subcommand exists: 'check'

Usage: lockproof <COMMAND>

For more information, try '--help'.

"#]],
    );
}

#[test]
fn time_of_zero() {
    refuses(
        &["check", "--timeout", "0s"],
        str![[r#"
error: invalid value '0s' for '--timeout <TIME>': a time must be above 0

For more information, try '--help'.

"#]],
    );
}

#[test]
fn time_in_an_unknown_unit() {
    refuses(
        &["check", "--timeout", "3h"],
        str![[r#"
error: invalid value '3h' for '--timeout <TIME>': a time is a number with ms, s or m behind it, such as 500ms or 5s

For more information, try '--help'.

"#]],
    );
}

#[test]
fn unknown_case_with_a_hint() {
    refuses(
        &["check", "--case", "memcached/cas/honours-cas"],
        str![[r#"
error: no case matches `memcached/cas/honours-cas` (did you mean memcached/cas/delete-honours-cas?); `lockproof check --list` shows all

"#]],
    );
}

#[test]
fn glob_that_matches_nothing() {
    refuses(
        &["check", "--case", "redis/*"],
        str![[r#"
error: no case matches `redis/*`; `lockproof check --list` shows all

"#]],
    );
}

#[test]
fn broken_glob() {
    refuses(
        &["check", "--case", "memcached/["],
        str![[r#"
error: `memcached/[` is not a glob: invalid range pattern

"#]],
    );
}

#[test]
fn one_unknown_case_beside_a_known_one() {
    refuses(
        &["check", "--case", "echo/bytes/embedded-nuls", "--case", "echo/nothing"],
        str![[r#"
error: no case matches `echo/nothing` (did you mean echo/close/nothing-repeated, echo/close/nothing-sent, locker/batch/query-changes-nothing?); `lockproof check --list` shows all

"#]],
    );
}

#[test]
fn empty_selection_by_level() {
    refuses(
        &["check", "--case", "echo/bytes/*", "--level", "info"],
        str![[r#"
error: no case is left: none of this protocol and level matches

"#]],
    );
}

/// The selection is judged before the server is looked at: nobody listens there.
#[test]
fn empty_selection_by_protocol() {
    refuses(
        &["check", "echo://127.0.0.1:1", "--case", "memcached/cas/*"],
        str![[r#"
error: no case is left: none of this protocol and level matches

"#]],
    );
}

#[test]
fn empty_selection_of_a_list() {
    refuses(
        &["check", "--list", "--case", "echo/*", "--level", "info"],
        str![[r#"
error: no case is left: none of this protocol and level matches

"#]],
    );
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
    refuses_session(
        &format!("{HEADER}A> \"x\\0\"\nA< hello\n"),
        &[],
        str![[r#"
error: [DIRECTORY]/a.session: line 6, column 4: an echo reply is one value: `A< "hello/0"`

"#]],
    );
}

#[test]
fn session_with_an_unknown_connection() {
    refuses_session(
        &format!("{HEADER}B> \"x\\0\"\n"),
        &[],
        str![[r#"
error: [DIRECTORY]/a.session: line 5, column 1: no connection B: list it in the `conn` line, or `open B` first

"#]],
    );
}

#[test]
fn session_with_an_open_block() {
    refuses_session(
        &format!("{HEADER}repeat 3 {{\n  A> \"x\\0\"\n  A< \"x\\0\"\n"),
        &[],
        str![[r#"
error: [DIRECTORY]/a.session: line 5, column 11: a block without its closing `}`

"#]],
    );
}

#[test]
fn session_with_an_unknown_level() {
    refuses_session(
        "case   echo/a/b\nlevel  maybe\nconn   A\n\nA> \"x\\0\"\n",
        &[],
        str![[r#"
error: [DIRECTORY]/a.session: line 2, column 8: a level is must, should, de-facto or info

"#]],
    );
}

#[test]
fn empty_session() {
    refuses_session(
        "",
        &[],
        str![[r#"
error: [DIRECTORY]/a.session: line 1, column 1: the header has no `case` line

"#]],
    );
}

#[test]
fn session_that_is_not_there() {
    refuses(
        &["replay", "/nowhere/a.session"],
        str![[r#"
error: /nowhere/a.session: No such file or directory (os error 2)

"#]],
    );
}

#[test]
fn session_of_another_protocol_than_the_target() {
    refuses_session(
        &format!("{HEADER}A> \"x\\0\"\nA< \"x\\0\"\n"),
        &["netmem://127.0.0.1:1"],
        str![[r#"
error: [DIRECTORY]/a.session is a session for echo; the target speaks netmem

"#]],
    );
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

const LINE: &str =
    "[[expect]]\ncase = \"echo/bytes/embedded-nuls\"\nverdict = \"fail\"\nreason = \"known\"\n";

#[test]
fn expectations_that_are_not_there() {
    refuses(
        &["check", "--expectations", "/nowhere/known.toml"],
        str![[r#"
error: /nowhere/known.toml: there is no such file, and the bundled ones are mbserver, memcached-1.6.18, netmem-original

"#]],
    );
}

#[test]
fn expectations_that_are_no_toml() {
    refuses_expectations(
        "implementation = \"a\"\nversions = \"*\"\nbroken",
        str![[r#"
error: [DIRECTORY]/known.toml: TOML parse error at line 3, column 7
  |
3 | broken
  |       ^
key with no value, expected `=`


"#]],
    );
}

#[test]
fn expectations_with_an_unknown_verdict() {
    let line = LINE.replace("\"fail\"", "\"skip\"");
    refuses_expectations(
        &format!("implementation = \"a\"\nversions = \"*\"\n{line}"),
        str![[r#"
error: [DIRECTORY]/known.toml: TOML parse error at line 5, column 11
  |
5 | verdict = "skip"
  |           ^^^^^^
unknown variant `skip`, expected `fail` or `flaky`


"#]],
    );
}

#[test]
fn expectations_with_a_line_twice() {
    refuses_expectations(
        &format!("implementation = \"a\"\nversions = \"*\"\n{LINE}{LINE}"),
        str![[r#"
error: [DIRECTORY]/known.toml:8: `echo/bytes/embedded-nuls` stands in line 4 already; make one line of them

"#]],
    );
}

/// The second line would never apply.
#[test]
fn expectations_with_a_delivery_twice() {
    let line = LINE.replace("reason", "deliveries = [\"bytes\"]\nreason");
    refuses_expectations(
        &format!("implementation = \"a\"\nversions = \"*\"\n{LINE}{line}"),
        str![[r#"
error: [DIRECTORY]/known.toml:8: `echo/bytes/embedded-nuls` stands in line 4 already; make one line of them

"#]],
    );
}

#[test]
fn expectations_with_a_broken_glob() {
    let line = LINE.replace("echo/bytes/embedded-nuls", "echo/bytes/[");
    refuses_expectations(
        &format!("implementation = \"a\"\nversions = \"*\"\n{line}"),
        str![[r#"
error: [DIRECTORY]/known.toml:4: `echo/bytes/[` is no glob: invalid range pattern

"#]],
    );
}

/// A misspelt delivery would never apply, and nobody would be told.
#[test]
fn expectations_with_an_unknown_delivery() {
    let line = format!("{LINE}deliveries = [\"byte\"]\n");
    refuses_expectations(
        &format!("implementation = \"a\"\nversions = \"*\"\n{line}"),
        str![[r#"
error: [DIRECTORY]/known.toml:4: `byte` is no delivery; whole, bytes, fields and coalesced are

"#]],
    );
}
