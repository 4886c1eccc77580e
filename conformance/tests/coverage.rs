//! Every MUST and SHOULD is tested: by a case if it can be seen on the wire, otherwise by a test that exists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lockproof_conformance::coverage::{Cover, Coverage};
use lockproof_conformance::requirements::Requirement;
use lockproof_conformance::session::Session;
use lockproof_conformance::suite::Case;
use lockproof_conformance::unseen::{self, Mark};
use lockproof_conformance::wire::Protocol;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn suite() -> Coverage {
    Coverage::of_suite().expect("sessions and marks parse")
}

#[test]
fn every_must_and_should_is_tested() {
    let coverage = suite();
    let uncovered: Vec<&str> = coverage.uncovered().map(|line| line.id.as_str()).collect();
    assert!(
        uncovered.is_empty(),
        "no test for {uncovered:?}: write a session, or mark what no session can see in conformance/unseen.toml"
    );
}

#[test]
fn citations_and_marks_are_right() {
    assert_eq!(suite().faults, Vec::<String>::new());
}

#[test]
fn every_test_that_a_mark_names_is_there() {
    let marks = unseen::all().expect("unseen.toml parses");
    assert!(marks.len() > 15, "{} marks", marks.len());
    let gone: Vec<String> = marks
        .iter()
        .flat_map(|mark| mark.covered_by.iter().map(move |test| (&mark.id, test)))
        .filter_map(|(id, test)| Some(format!("{id}: {}", absence(test)?)))
        .collect();
    assert!(gone.is_empty(), "conformance/unseen.toml:\n{}", gone.join("\n"));
}

/// Why `path/of/file.rs::test` is not there, if it is not.
fn absence(test: &str) -> Option<String> {
    let Some((path, name)) = test.split_once("::") else {
        return Some(format!("`{test}` is not of the form path/of/file.rs::test"));
    };
    match std::fs::read_to_string(root().join(path)) {
        Err(error) => Some(format!("{path}: {error}")),
        Ok(source) if has_test(&source, name) => None,
        Ok(_) => Some(format!("{path} has no test `{name}` (or it is ignored)")),
    }
}

/// Whether a source file has a test function of that name that runs.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let found = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with('('))
    };
    let Some(at) = lines.iter().position(|line| found(line)) else { return false };
    let above = lines[..at].iter().rev();
    let attributes: Vec<_> =
        above.take_while(|line| line.starts_with("#[") || line.starts_with("//")).collect();
    let is_test = |line: &&&str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    attributes.iter().any(is_test) && !attributes.iter().any(|line| line.starts_with("#[ignore"))
}

#[test]
fn tests_are_found_in_sources_and_nothing_else_is() {
    let source = "
        #[test]
        fn plain() {}
        /// Waits.
        #[tokio::test(start_paused = true)]
        async fn paused() {}
        #[test]
        #[ignore = \"slow\"]
        fn ignored() {}
        fn helper() {}
        // fn gone() {}
    ";
    for name in ["plain", "paused"] {
        assert!(has_test(source, name), "{name}");
    }
    for name in ["ignored", "helper", "gone", "pla", "plain_"] {
        assert!(!has_test(source, name), "{name}");
    }
    assert!(absence("conformance/tests/coverage.rs::nothing_of_the_kind").is_some());
    assert!(absence("conformance/tests/nothing.rs::test").is_some());
    assert!(absence("no_path").is_some());
}

/// LKR-904.
#[test]
fn documents_say_what_locks_do_not_promise() {
    for path in ["README.md", "docs/protocols/locker.md", "client/src/locker/mod.rs"] {
        let text = std::fs::read_to_string(root().join(path)).expect(path);
        let text = text.replace("//!", "").to_lowercase();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in ["advisory", "single node", "fencing token"] {
            assert!(text.contains(words), "{path} does not say `{words}`");
        }
    }
    for path in ["docs/protocols/locker.md", "client/src/locker/mod.rs"] {
        let text = std::fs::read_to_string(root().join(path)).expect(path);
        let text = text.replace("//!", "").replace("**", "");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("still act after"), "{path}: a paused holder may still act");
    }
}

// What follows plants each fault into a small suite of its own.

fn requirements(lines: &[(&'static str, &str)]) -> BTreeMap<&'static str, Requirement> {
    let requirement = |level: &str| Requirement {
        protocol: Protocol::Echo,
        level: level.to_owned(),
        text: "It echoes.".to_owned(),
    };
    lines.iter().map(|(id, level)| (*id, requirement(level))).collect()
}

fn case(level: &str, spec: &str) -> Vec<Arc<Case>> {
    let text = format!(
        "case   echo/a/b\ntitle  T\nlevel  {level}\nspec   {spec}\nconn   A\n\nA> \"a\\0\"\nA< \"a\\0\"\n"
    );
    let session = Session::parse(&text).expect("a session");
    vec![Arc::new(Case { session, path: "echo/a/b.session".to_owned() })]
}

fn mark(id: &str) -> Mark {
    let covered_by = vec!["a.rs::b".to_owned()];
    Mark { id: id.to_owned(), reason: "it is about a log".to_owned(), covered_by }
}

#[test]
fn each_requirement_is_covered_in_its_way() {
    let wanted =
        requirements(&[("EC-1", "MUST"), ("EC-2", "SHOULD"), ("EC-3", "MAY"), ("EC-4", "MUST")]);
    let coverage = Coverage::of(&wanted, &case("must", "EC-1"), &[mark("EC-2")]);
    let covers: Vec<Cover> =
        coverage.lines.iter().map(lockproof_conformance::coverage::Line::cover).collect();
    assert_eq!(covers, [Cover::Cases, Cover::Elsewhere, Cover::Optional, Cover::Uncovered]);
    assert_eq!(coverage.lines[0].cases, ["echo/a/b"]);
    assert!(coverage.faults.is_empty() && !coverage.is_complete());
    let text = coverage.human(true);
    assert!(
        text.contains("EC-4") && text.contains("UNCOVERED") && !text.contains("EC-1"),
        "{text}"
    );
}

/// A case that can never fail a run tests nothing that is demanded.
#[test]
fn an_info_case_covers_a_may_at_most() {
    let wanted = requirements(&[("EC-1", "SHOULD"), ("EC-2", "MAY")]);
    let coverage = Coverage::of(&wanted, &case("info", "EC-1 EC-2"), &[]);
    let covers: Vec<Cover> =
        coverage.lines.iter().map(lockproof_conformance::coverage::Line::cover).collect();
    assert_eq!(covers, [Cover::Uncovered, Cover::Cases]);
}

#[test]
fn each_fault_is_named() {
    let wanted = requirements(&[("EC-1", "MUST")]);
    let cases = case("must", "EC-1");
    let fault = |cases: &[Arc<Case>], marks: &[Mark]| Coverage::of(&wanted, cases, marks).faults;
    assert_eq!(
        fault(&case("must", "EC-1 EC-9"), &[]),
        ["echo/a/b.session cites EC-9, which stands in no document"]
    );
    assert_eq!(
        fault(&cases, &[mark("EC-1")]),
        ["unseen.toml marks EC-1, and echo/a/b covers it: remove the mark"]
    );
    assert_eq!(
        fault(&cases, &[mark("EC-9")]),
        ["unseen.toml marks EC-9, which stands in no document"]
    );
    assert_eq!(fault(&[], &[mark("EC-1"), mark("EC-1")]), ["unseen.toml marks EC-1 twice"]);
    let nothing = Mark { covered_by: Vec::new(), ..mark("EC-1") };
    assert_eq!(fault(&[], &[nothing]), ["unseen.toml names no test that holds EC-1"]);
}
