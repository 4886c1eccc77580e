//! Reports in files and in other forms than text and JSON, and the matrix of several.

use snapbox::{Assert, str};

use crate::support::served::Served;
use crate::support::{bend, file, lockproof, naming, snapshot};

const CASES: [&str; 6] = ["--delivery", "whole", "--seed", "7", "--case", "memcached/set/*"];

/// A directory with the reports of a sound server and of one that hands out no CAS with SET, and their ports.
fn reports() -> (tempfile::TempDir, Assert) {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(&["--only", "memcached"]);
    let sound = served.address("memcached");
    let bent = bend::start(sound, bend::set_without_cas);
    for (name, address, code) in [("sound", sound, 0), ("bent", bent, 1)] {
        let output = directory.path().join(name).with_extension("json");
        let (url, output) =
            (format!("memcached://{address}"), format!("--output={}", output.display()));
        lockproof(&[&["check", &url, &output], &CASES[..]].concat()).assert().code(code);
    }
    let ports = [("[SOUND]", sound.port().to_string()), ("[BENT]", bent.port().to_string())];
    (directory, naming(&ports))
}

#[test]
fn outputs_are_written_beside_what_is_printed() {
    let directory = tempfile::tempdir().unwrap();
    let names = ["a.json", "deep/er/a.xml", "a.tap", "a.md", "a.html", "a.txt", "junit=other"];
    let outputs: Vec<String> = names.iter().map(|name| format!("--output={name}")).collect();
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let case = ["check", "--delivery", "whole", "--case", "echo/bytes/*", "--seed", "7"];
    let done = lockproof(&[&case[..], &outputs].concat()).current_dir(directory.path()).assert();
    let printed = String::from_utf8(done.success().get_output().stdout.clone()).unwrap();
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
    assert_eq!(read("a.txt"), printed);
    for (name, begins) in [
        ("a.json", "{\n  \"schema\": \"lockproof.report/1\""),
        (
            "deep/er/a.xml",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"lockproof\" tests=\"9\"",
        ),
        ("other", "<?xml"),
        ("a.tap", "TAP version 14\n1..9\n"),
        ("a.md", "## lockproof reference server"),
        ("a.html", "<!DOCTYPE html>"),
    ] {
        assert!(read(name).starts_with(begins), "{name}: {}", read(name));
    }
}

#[test]
fn format_says_what_is_printed() {
    let case =
        ["check", "--delivery", "whole", "--case", "echo/bytes/*", "--seed", "7", "--format"];
    for (format, begins) in
        [("junit", "<?xml"), ("tap", "TAP version 14"), ("markdown", "## "), ("html", "<!DOCTYPE")]
    {
        let done = lockproof(&[&case[..], &[format]].concat()).assert().success();
        assert!(done.get_output().stdout.starts_with(begins.as_bytes()), "{format}");
    }
}

#[test]
fn output_of_an_unknown_ending_is_refused() {
    lockproof(&["check", "--output", "report.pdf"]).assert().code(2).stderr_eq(str![[r#"
error: invalid value 'report.pdf' for '--output <FILE|FORMAT=FILE>': its ending does not say in which form; known endings: .json, .xml (JUnit), .tap, .md, .html, .txt; FORMAT=FILE takes any name

For more information, try '--help'.

"#]]);
}

/// Known before the run begins, and not after it.
#[test]
fn output_that_cannot_be_written_is_refused_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let taken = file(&directory, "file", "");
    let output = taken.join("report.json");
    let names = naming(&[("[DIRECTORY]", directory.path().display().to_string())]);
    lockproof(&["check", "echo://127.0.0.1:1", "--output", output.to_str().unwrap()])
        .with_assert(names)
        .assert()
        .code(2)
        .stderr_eq(str![[r#"
error: --output [DIRECTORY]/file/report.json: [..]

"#]]);
}

#[test]
fn list_has_two_forms() {
    lockproof(&["check", "--list", "--format", "html"]).assert().code(2).stderr_eq(str![[r#"
error: a list has --format human or json

"#]]);
}

#[test]
fn matrix_for_people() {
    let (directory, ports) = reports();
    let matrix = |arguments: &[&str]| {
        let command = lockproof(&[&["matrix", "sound.json"], arguments].concat());
        command
            .current_dir(directory.path())
            .with_assert(ports.clone())
            .assert()
            .success()
            .stderr_eq("")
    };
    let asked = ["--where", "sound=pass bent=fail", "--case", "*/set/s*"];
    matrix(&["bent.json"]).stdout_eq(snapshot("matrix.txt"));
    matrix(&[&["bent.json"], &asked[..]].concat()).stdout_eq(snapshot("matrix-where.txt"));
    matrix(&["without-cas=bent.json", "--summary", "--format", "markdown"])
        .stdout_eq(snapshot("matrix.md"));
    let json = matrix(&[&["bent.json", "--format", "json"], &asked[..]].concat());
    let document: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    let cases = document["cases"].as_array().unwrap();
    assert!(!cases.is_empty() && cases.iter().all(|case| case["verdicts"]["bent"] == "fail"));
}

#[test]
fn matrix_of_what_is_no_report_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let page = file(&directory, "page.html", "<!DOCTYPE html>");
    let other = file(&directory, "other.json", r#"{ "schema": "lockproof.cases/1" }"#);
    for (argument, wanted) in [
        (page.to_str().unwrap(), "page: no JSON document"),
        (
            other.to_str().unwrap(),
            "other: not a report of this schema: lockproof.report/1 expected",
        ),
        ("missing.json", "missing.json: No such file"),
    ] {
        let done = lockproof(&["matrix", argument]).assert().code(2).stdout_eq("");
        let said = String::from_utf8_lossy(&done.get_output().stderr).into_owned();
        assert!(said.contains(wanted), "{said}");
    }
    let twice = [other.to_str().unwrap(), other.to_str().unwrap()];
    lockproof(&[&["matrix"], &twice[..]].concat()).assert().code(2);
}
