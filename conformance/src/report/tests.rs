//! Every form of a report in which everything that a server or a user can say is an attack.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use quick_xml::Reader;
use quick_xml::events::Event as Xml;

use super::{CaseReport, Evidence, Form, Report, Verdict};
use crate::replay::{Delivery, Direction, Event, Failure, Transcript};
use crate::session::Level;
use crate::wire::{Codec, Difference, Protocol};

/// Ends whatever it stands in, and begins what a browser would run, a forge would show or a reader would take for a line.
const EVIL: &str = "</title></style></script>\"'><script>alert(1)</script><img src=x onerror=alert(1)>\
    ]]>`````|\n```\n# TODO\nok 9 - \u{1b}[31m\0\u{1}\u{ffff}&amp;";

fn evil_evidence() -> Evidence {
    let say = || EVIL.to_owned();
    let difference = Difference { field: say(), expected: say(), got: say() };
    let failure = Failure { line: 3, step: say(), problem: say(), differences: vec![difference] };
    let event = Event {
        at: Duration::from_millis(1),
        conn: say(),
        direction: Direction::Received,
        bytes: EVIL.as_bytes().to_vec(),
        length: EVIL.len(),
        note: None,
    };
    let transcript = Transcript { events: vec![event], dropped: 0 };
    Evidence { failure, transcript, codec: Codec::new(Protocol::Echo) }
}

fn evil_case(verdict: Verdict, level: Level) -> CaseReport {
    let failed = matches!(verdict, Verdict::Fail | Verdict::ExpectedFail);
    CaseReport {
        id: format!("echo/{EVIL}/x"),
        title: Some(EVIL.to_owned()),
        protocol: Protocol::Echo,
        level,
        spec: vec!["EC-ECHO-04".to_owned(), EVIL.to_owned()],
        delivery: Delivery::Whole,
        verdict,
        millis: 1,
        detail: Some(EVIL.to_owned()),
        target: EVIL.to_owned(),
        evidence: failed.then(evil_evidence),
    }
}

fn evil() -> Report {
    let mut cases: Vec<CaseReport> =
        Verdict::ALL.into_iter().map(|verdict| evil_case(verdict, Level::Must)).collect();
    cases.push(evil_case(Verdict::Fail, Level::Info));
    Report {
        target: EVIL.to_owned(),
        implementation: EVIL.to_owned(),
        speaks: BTreeSet::new(),
        seed: 7,
        strict: false,
        began: UNIX_EPOCH,
        millis: 8,
        cases,
        file: Some(EVIL.to_owned()),
        options: vec![EVIL.to_owned()],
        unused_expectations: vec![EVIL.to_owned()],
    }
}

#[test]
fn page_shows_a_servers_words_as_words() {
    let page = evil().html();
    let (mut scripts, mut elements) = (0, page.as_str());
    while let Some((_, rest)) = elements.split_once("<script") {
        (scripts, elements) = (scripts + 1, rest);
    }
    assert_eq!(scripts, 1, "the page's own script and no other");
    assert!(!page.contains("<img") && !page.contains("onerror=alert(1)>"));
    assert_eq!(page.matches("</title>").count(), 1);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "it is there, as text");
}

/// Names of elements and their attributes, in order; a text that is no XML ends the test.
fn elements(text: &str) -> Vec<String> {
    let mut reader = Reader::from_str(text);
    let mut found = Vec::new();
    loop {
        match reader.read_event().expect("well-formed XML") {
            Xml::Start(element) | Xml::Empty(element) => {
                let attributes = element.attributes().map(|one| one.expect("an attribute"));
                assert!(attributes.count() > 0 || element.name().as_ref() != "testcase");
                found.push(element.name().as_ref().to_owned());
            }
            Xml::Eof => return found,
            _ => {}
        }
    }
}

#[test]
fn junit_is_well_formed_and_fails_what_counts() {
    let text = evil().junit();
    assert!(
        text.chars().all(|c| c == '\n' || (c >= ' ' && c != '\u{ffff}')),
        "characters of XML 1.0"
    );
    let elements = elements(&text);
    let count = |name: &str| elements.iter().filter(|other| *other == name).count();
    // Fail, unexpected pass, blocked and the unused line; what was not played, and an error of the suite; the known and the lenient failure and what was not asked.
    assert_eq!((count("testcase"), count("failure"), count("error")), (10, 4, 2));
    assert_eq!((count("skipped"), count("script"), count("img")), (3, 0, 0));
    let head = text.lines().nth(1).expect("the first element");
    assert!(head.contains(r#"tests="10" failures="4" errors="2" skipped="3""#), "{head}");
}

#[test]
fn tap_has_a_line_for_each_check_and_no_other() {
    let text = evil().tap();
    let points: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("ok ") || line.starts_with("not ok "))
        .collect();
    assert_eq!(text.lines().nth(1), Some("1..10"));
    assert_eq!(points.len(), 10, "{text}");
    for (index, point) in points.iter().enumerate() {
        let number = point.trim_start_matches("not ").split(' ').nth(1);
        assert_eq!(number, Some((index + 1).to_string().as_str()), "{point}");
    }
    let directives =
        |word: &str| points.iter().filter(|point| point.contains(&format!(" # {word} "))).count();
    assert_eq!((directives("TODO"), directives("SKIP")), (2, 1), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\0'));
}

#[test]
fn markdown_shows_a_servers_words_as_words() {
    let text = evil().markdown();
    let mut fence = None;
    for line in text.lines() {
        let ticks = line.chars().take_while(|c| *c == '`').count();
        match fence {
            None if ticks >= 3 => fence = Some(ticks),
            Some(open) if ticks >= open && line.len() == ticks => fence = None,
            Some(_) => {}
            None => assert!(!line.contains("<script") && !line.contains("<img"), "{line}"),
        }
    }
    assert_eq!(fence, None, "every fence is closed");
}

#[test]
fn json_is_json_whatever_was_said() {
    let document: serde_json::Value = serde_json::from_str(&evil().json()).expect("JSON");
    assert_eq!(document["implementation"], EVIL);
    assert_eq!(document["cases"][1]["exchange"][0]["length"], EVIL.len());
}

#[test]
fn forms_are_known_by_their_files() {
    for form in Form::ALL {
        assert_eq!(Form::from_name(form.name()), Some(form));
        assert!(!evil().written(form).is_empty());
    }
    for (file, form) in [
        ("a.json", Some(Form::Json)),
        ("b/c.XML", Some(Form::Junit)),
        ("a.md", Some(Form::Markdown)),
        ("a.htm", Some(Form::Html)),
        ("json", None),
        ("a.pdf", None),
    ] {
        assert_eq!(Form::of_file(file.as_ref()), form, "{file}");
    }
}

/// One fault fails many cases: the shortest way to it is told first, and what was wrong at the start or the end last.
#[test]
fn what_goes_wrong_soonest_is_told_in_full_first() {
    let case = |id: &str, level: Level, line: usize| {
        let mut case = evil_case(Verdict::Fail, level);
        case.id = format!("echo/{id}/x");
        if let Some(evidence) = &mut case.evidence {
            evidence.failure.line = line;
        }
        case
    };
    let cases = vec![
        case("a", Level::Must, 0),
        case("b", Level::Must, 20),
        case("c", Level::Must, 11),
        case("d", Level::Info, 3),
    ];
    let text = Report { cases, ..evil() }.human();
    // The list goes by name; in full each begins a paragraph.
    let place = |id: &str| text.find(&format!("\n\u{1b}[1mecho/{id}/x")).expect("in full");
    let places = ["c", "b", "a", "d"].map(place);
    assert!(places.is_sorted(), "{places:?} {text}");
}
