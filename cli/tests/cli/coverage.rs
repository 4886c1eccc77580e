//! `lockproof coverage`: every requirement with what tests it, in three forms that agree.

use crate::support::lockproof;

/// Standard output of `coverage`, which has to be complete.
#[track_caller]
fn coverage(arguments: &[&str]) -> String {
    let done = lockproof(&[&["coverage"], arguments].concat()).assert().code(0).stderr_eq("");
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&coverage(&[&["--format", "json"], arguments].concat())).unwrap()
}

#[test]
fn every_requirement_is_shown_with_its_cases() {
    let text = coverage(&[]);
    for line in [
        "EC-ECHO-01  MUST  A NUL-terminated string of up to 1,024 bytes, its NUL included, comes back exactly, once.\n",
        "\n  echo/strings/empty\n",
        "\n  not on the wire: a log cannot be seen on the wire\n",
        "\n  reference_server/tests/echo.rs::address_and_port_of_each_client_are_logged\n",
    ] {
        assert!(text.contains(line), "`{line}` is missing:\n{text}");
    }
    assert!(!text.contains("UNCOVERED"), "{text}");
}

#[test]
fn one_protocol_can_be_asked_for() {
    let document = json(&["--protocol", "echo"]);
    assert_eq!(document["schema"], "lockproof.coverage/1");
    assert_eq!(document["complete"], true);
    let ids = document["requirements"].as_array().unwrap().iter();
    assert!(ids.clone().count() > 5);
    assert!(ids.map(|line| line["id"].as_str().unwrap()).all(|id| id.starts_with("EC-")));
    let levels = document["totals"].as_array().unwrap().iter();
    assert_eq!(
        levels.map(|sum| sum["level"].as_str().unwrap()).collect::<Vec<_>>(),
        ["MUST", "SHOULD"]
    );
}

#[test]
fn sums_are_those_of_the_lines() {
    let document = json(&[]);
    for sum in document["totals"].as_array().unwrap() {
        for cover in ["cases", "elsewhere", "optional", "uncovered"] {
            let lines = document["requirements"].as_array().unwrap().iter();
            let same = |name: &str, line: &serde_json::Value| line[name] == sum[name];
            let counted = lines.filter(|line| {
                same("protocol", line) && same("level", line) && line["cover"] == cover
            });
            assert_eq!(sum[cover], counted.count(), "{cover} of {sum}");
        }
    }
}

#[test]
fn uncovered_shows_only_what_nothing_tests() {
    let document = json(&["--uncovered"]);
    let lines = document["requirements"].as_array().unwrap();
    assert!(!lines.is_empty(), "some MAYs are left out");
    assert!(lines.iter().all(|line| line["level"] == "MAY" && line["cover"] == "optional"));
    assert!(!coverage(&["--uncovered"]).contains("EC-ECHO-01"));
}

#[test]
fn markdown_has_a_row_for_each_requirement() {
    let text = coverage(&["--format", "markdown", "--protocol", "echo"]);
    let rows = text.lines().filter(|line| line.starts_with("| EC-")).count();
    assert_eq!(rows, json(&["--protocol", "echo"])["requirements"].as_array().unwrap().len());
    let columns = |line: &str| line.matches(" |").count();
    assert!(text.lines().filter(|line| line.starts_with("| EC-")).all(|line| columns(line) == 3));
    assert!(text.contains("\n| echo | MUST | "), "{text}");
}
