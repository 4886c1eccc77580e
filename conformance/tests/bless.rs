//! Blessing changes the lines that are no longer true, and not a byte of the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use lockproof_conformance::bless::{BlessError, Blessed, bless, new_file};
use lockproof_conformance::replay::Delivery;
use lockproof_conformance::report::{CaseReport, Report, Verdict};
use lockproof_conformance::session::Level;
use lockproof_conformance::suite::{self, Case};
use lockproof_conformance::wire::Protocol;

const A: &str = "echo/strings/empty";
const B: &str = "echo/strings/one";
const C: &str = "echo/strings/any-text";

/// Hand-written, in a style of its own: nothing of that may change.
const FILE: &str = r#"# What it does otherwise.
implementation = "an echo server"   # its name
versions = ">=1, <2"

# About strings

# it forgets
[[expect]]
case = "echo/strings/empty"
verdict = 'fail'
reason = "an empty string is taken for the end (EC-ECHO-01)"  # seen twice

[[expect]]
reason = "it loses one now and then (EC-ECHO-01)"
case   = "echo/strings/one"
verdict = "flaky"
# the end
"#;

fn report(verdicts: &[(&str, &[Delivery], Verdict)]) -> Report {
    let line = |id: &str, delivery, verdict| CaseReport {
        id: id.to_owned(),
        title: None,
        protocol: Protocol::Echo,
        level: Level::Must,
        spec: vec!["EC-ECHO-01".to_owned()],
        delivery,
        verdict,
        millis: 1,
        detail: (verdict == Verdict::Fail).then(|| "it was \"a\"".to_owned()),
        target: "echo://there".to_owned(),
        evidence: None,
    };
    let cases = verdicts.iter().flat_map(|(id, deliveries, verdict)| {
        deliveries.iter().map(move |delivery| line(id, *delivery, *verdict))
    });
    Report {
        target: "echo://there".to_owned(),
        implementation: "an echo server 1.0".to_owned(),
        speaks: BTreeSet::new(),
        began: std::time::SystemTime::UNIX_EPOCH,
        seed: 1,
        strict: false,
        millis: 1,
        cases: cases.collect(),
        file: None,
        options: Vec::new(),
        unused_expectations: Vec::new(),
    }
}

fn cases() -> Vec<Arc<Case>> {
    suite::all().expect("every session parses")
}

fn blessed(text: &str, verdicts: &[(&str, &[Delivery], Verdict)]) -> Blessed {
    bless("a.toml", text, &report(verdicts), &cases(), "2026-01-31").expect("a run to bless")
}

#[test]
fn a_run_as_expected_changes_no_byte() {
    let as_expected: [(&str, &[Delivery], Verdict); 3] = [
        (A, &Delivery::ALL, Verdict::ExpectedFail),
        (B, &Delivery::ALL, Verdict::Pass),
        (C, &Delivery::ALL, Verdict::Pass),
    ];
    let found = blessed(FILE, &as_expected);
    assert_eq!(found, Blessed { text: FILE.to_owned(), ..Blessed::default() });
    assert_eq!(blessed(FILE, &[]).text, FILE, "a run of other cases");
}

#[test]
fn what_fails_gets_a_line_that_asks_for_a_reason() {
    let found = blessed(FILE, &[(C, &Delivery::ALL, Verdict::Fail)]);
    assert_eq!(found.added, [C]);
    let added = r#"
[[expect]]
case = "echo/strings/any-text"
verdict = "fail"
reason = 'blessed on 2026-01-31 with an echo server 1.0: it was "a"; say why, with a reference (EC-ECHO-01)'
"#;
    // A comment at the very end stays at the end.
    let (lines, end) = FILE.split_at(FILE.find("# the end").expect("it is there"));
    assert_eq!(found.text, format!("{lines}{added}{end}"));
    let again = blessed(&found.text, &[(C, &Delivery::ALL, Verdict::ExpectedFail)]);
    assert_eq!(again.text, found.text);
}

#[test]
fn a_failure_in_some_deliveries_is_expected_in_those() {
    let some = [Delivery::Bytes, Delivery::Fields];
    let found = blessed(FILE, &[(C, &some, Verdict::Fail), (C, &[Delivery::Whole], Verdict::Pass)]);
    assert!(found.text.contains("deliveries = [\"bytes\", \"fields\"]\n"), "{}", found.text);
}

#[test]
fn what_passes_loses_its_line_and_no_comment() {
    let found = blessed(FILE, &[(A, &Delivery::ALL, Verdict::UnexpectedPass)]);
    assert_eq!(found.removed, [A]);
    let begin = FILE.find("[[expect]]").expect("a line");
    let end = FILE.find("\n[[expect]]\nreason").expect("the next");
    assert_eq!(found.text, format!("{}{}", &FILE[..begin], &FILE[end..]));
}

#[test]
fn comments_above_the_last_line_outlive_it() {
    let text = "implementation = \"a\"\n\n# strings\n[[expect]]\ncase = \"echo/strings/one\"\nverdict = \"fail\"\nreason = \"r\"\n# end\n";
    let found = blessed(text, &[(B, &Delivery::ALL, Verdict::UnexpectedPass)]);
    assert_eq!(found.text, "implementation = \"a\"\n\n# strings\n# end\n");
}

#[test]
fn what_passed_in_some_deliveries_is_expected_in_the_others() {
    let others = [Delivery::Bytes, Delivery::Fields, Delivery::Coalesced];
    let whole: (&str, &[Delivery], Verdict) = (A, &[Delivery::Whole], Verdict::UnexpectedPass);
    let narrowed = "deliveries = [\"bytes\", \"fields\", \"coalesced\"]\n";
    for verdicts in [&[whole][..], &[whole, (A, &others, Verdict::ExpectedFail)]] {
        let found = blessed(FILE, verdicts);
        assert_eq!(found.narrowed, [A]);
        let at = FILE.find("\n[[expect]]\nreason").expect("the next");
        assert_eq!(found.text, format!("{}{narrowed}{}", &FILE[..at], &FILE[at..]));
    }
}

#[test]
fn a_flaky_line_stays_whatever_the_case_does() {
    for verdict in [Verdict::Pass, Verdict::ExpectedFail] {
        assert_eq!(blessed(FILE, &[(B, &Delivery::ALL, verdict)]).text, FILE);
    }
}

#[test]
fn a_glob_goes_when_all_its_cases_pass_and_is_told_otherwise() {
    let text = FILE.replace("\"echo/strings/empty\"", "\"echo/strings/*e*\"");
    let all = cases();
    let glob = glob::Pattern::new("echo/strings/*e*").expect("a glob");
    let named: Vec<&str> = all.iter().map(|case| case.id()).filter(|id| glob.matches(id)).collect();
    assert!(named.len() > 2, "{named:?}");
    let passes = |ids: &[&'static str]| {
        ids.iter().map(|id| (*id, &Delivery::ALL[..], Verdict::UnexpectedPass)).collect::<Vec<_>>()
    };
    let named: Vec<&'static str> = named.into_iter().map(|id| &*id.to_owned().leak()).collect();
    assert_eq!(blessed(&text, &passes(&named)).removed, ["echo/strings/*e*"]);
    let found = blessed(&text, &passes(&named[1..]));
    assert_eq!(found.text, text);
    assert!(found.left[0].starts_with("a.toml:9: of the "), "{:?}", found.left);
}

#[test]
fn a_run_that_went_wrong_is_no_basis() {
    let broken = report(&[
        (A, &Delivery::ALL, Verdict::UnexpectedPass),
        (B, &[Delivery::Whole], Verdict::Error),
    ]);
    let error = bless("a.toml", FILE, &broken, &cases(), "2026-01-31");
    assert!(matches!(error, Err(BlessError::Harness(id)) if id == B));
}

#[test]
fn lines_that_are_no_tables_are_refused() {
    let text = "implementation = \"a\"\nexpect = [{ case = \"echo/strings/one\", verdict = \"fail\", reason = \"r\" }]\n";
    let error = bless("a.toml", text, &report(&[]), &cases(), "2026-01-31");
    assert!(matches!(error, Err(BlessError::Inline(_))), "{error:?}");
}

#[test]
fn a_new_file_can_be_blessed() {
    let text = new_file("an \"echo\" server");
    let found = blessed(&text, &[(A, &Delivery::ALL, Verdict::Fail)]);
    assert_eq!(found.added, [A]);
    let again = blessed(&found.text, &[(A, &Delivery::ALL, Verdict::ExpectedFail)]);
    assert_eq!(again.text, found.text);
}
