//! `lockproof check --bless` and the names that expectations and cases go by.

use snapbox::str;

use crate::support::{file, hostile, lockproof};

/// An echo server that forgets a hundred thousand bytes fails this, and passes the other.
const FAILS: &str = "echo/bytes/of-100000";
const PASSES: &str = "echo/bytes/line-without-a-nul";

fn known(case: &str) -> String {
    format!(
        "# known\nimplementation = \"an echo server\"\n\n# why\n[[expect]]\ncase = \"{case}\"\nverdict = \"fail\"\nreason = \"it tires\"\n"
    )
}

/// Blesses a file of that text by a run of both cases; the exit code and the new text.
#[track_caller]
fn blessed(text: Option<&str>) -> (i32, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = text
        .map_or(directory.path().join("known.toml"), |text| file(&directory, "known.toml", text));
    let url = format!("echo://{}", hostile::start(hostile::tired_echo));
    let done = lockproof(&[
        "check",
        &url,
        "--timeout",
        "2s",
        "--strict",
        "--bless",
        path.to_str().unwrap(),
    ])
    .args(["--case", FAILS, "--case", PASSES])
    .assert();
    let text = std::fs::read_to_string(path).unwrap();
    (done.get_output().status.code().unwrap(), text)
}

#[test]
fn a_file_that_is_true_stays_as_it_is() {
    assert_eq!(blessed(Some(&known(FAILS))), (0, known(FAILS)));
}

/// The run is judged by the file as it was; the next one by what it has become.
#[test]
fn a_file_becomes_true_and_stays_so() {
    let (code, text) = blessed(Some(&known(PASSES)));
    assert_eq!(code, 1);
    assert!(text.contains(FAILS) && !text.contains(PASSES), "{text}");
    assert!(
        text.starts_with(
            "# known
implementation = \"an echo server\"
"
        ),
        "{text}"
    );
    assert!(
        text.contains(
            "
# why
"
        ),
        "{text}"
    );
    assert!(
        text.contains("reason = \"blessed on 2") || text.contains("reason = 'blessed on 2"),
        "{text}"
    );
    assert_eq!(blessed(Some(&text)), (0, text.clone()));
}

#[test]
fn a_file_that_is_not_there_is_written() {
    let (code, text) = blessed(None);
    assert_eq!(code, 1);
    assert!(text.starts_with("implementation = \"") && text.contains(FAILS), "{text}");
    assert_eq!(blessed(Some(&text)), (0, text.clone()));
}

#[test]
fn one_target_has_to_be_named() {
    lockproof(&["check", "--bless", "/nowhere/known.toml", "--case", FAILS])
        .assert()
        .code(2)
        .stdout_eq("")
        .stderr_eq(str![[r#"
error: --bless is about one server: name one target

"#]]);
}

#[test]
fn an_old_id_goes_on_working() {
    let old = "memcached/flu/later-stores-are-visible-without-cas";
    let done = lockproof(&["check", "--case", old, "--delivery", "whole"]).assert().code(0);
    let errors = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
    let note = format!(
        "note: {old} is now called memcached/flu/later-stores-are-visible-with-or-without-cas\n"
    );
    assert!(errors.contains(&note), "{errors}");
}

#[test]
fn bundled_expectations_have_names() {
    let url = format!("echo://{}", hostile::start(hostile::tired_echo));
    lockproof(&[
        "check",
        &url,
        "--case",
        PASSES,
        "--delivery",
        "whole",
        "--expectations",
        "mbserver",
    ])
    .assert()
    .code(0);
}
