//! The suite's own rules: every file is canonical, every id is where it belongs, every citation exists.

use std::collections::BTreeSet;
use std::sync::Arc;

use lockproof_conformance::bless::BLESSED;
use lockproof_conformance::expectations::Expectations;
use lockproof_conformance::session::Side;
use lockproof_conformance::suite::Case;
use lockproof_conformance::wire::Protocol;
use lockproof_conformance::{requirements, suite};

const CAPABILITIES: [&str; 6] = ["flush", "sasl", "evicts", "refuses", "fresh", "cas"];

/// Cases for servers and for clients.
fn everything() -> Vec<Arc<Case>> {
    let mut cases = suite::all().expect("every session parses");
    cases.extend(suite::for_clients().expect("every session parses"));
    cases
}

#[test]
fn every_session_is_canonical() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (directory, cases) in
        [("sessions", suite::all()), ("client_sessions", suite::for_clients())]
    {
        for case in cases.expect("every session parses") {
            let path = here.join(directory).join(&case.path);
            let text = std::fs::read_to_string(&path).expect("the file is there");
            assert_eq!(
                case.session.to_string(),
                text,
                "{} is not in canonical form",
                path.display()
            );
        }
    }
}

#[test]
fn every_case_is_where_its_id_says() {
    for case in everything() {
        assert_eq!(format!("{}.session", case.id()), case.path);
    }
}

#[test]
fn every_case_has_a_title_and_cites_requirements_that_exist() {
    let requirements = requirements::all();
    for case in everything() {
        let header = &case.session.header;
        assert!(header.title.is_some(), "{}: no title", case.id());
        assert!(!header.spec.is_empty(), "{}: no requirement", case.id());
        for id in &header.spec {
            assert!(
                requirements.contains_key(id.as_str()),
                "{}: {id} stands in no document",
                case.id()
            );
        }
    }
}

#[test]
fn every_need_and_dependency_is_known() {
    let all = suite::all().expect("every session parses");
    let ids: BTreeSet<&str> = all.iter().map(|case| case.id()).collect();
    for case in &all {
        let header = &case.session.header;
        for need in &header.needs {
            assert!(
                CAPABILITIES.contains(&need.as_str()),
                "{}: need `{need}` is unknown",
                case.id()
            );
        }
        if let Some(after) = &header.after {
            assert!(ids.contains(after.as_str()), "{}: `after {after}` names no case", case.id());
        }
    }
}

#[test]
fn each_protocol_has_its_cases() {
    let all = suite::all().expect("every session parses");
    for (protocol, least) in [
        (Protocol::Memcached, 100),
        (Protocol::Text, 80),
        (Protocol::Meta, 60),
        (Protocol::NetMem, 40),
        (Protocol::Locker, 50),
        (Protocol::Echo, 12),
    ] {
        let count = all.iter().filter(|case| case.protocol() == protocol).count();
        assert!(count >= least, "{}: {count} cases", protocol.name());
    }
}

#[test]
fn each_protocol_has_its_cases_for_clients() {
    let all = suite::for_clients().expect("every session parses");
    for protocol in Protocol::SERVERS {
        let count = all.iter().filter(|case| case.protocol() == protocol).count();
        assert!(count >= 12, "{}: {count} cases", protocol.name());
    }
    for case in &all {
        let header = &case.session.header;
        assert_eq!(header.plays, Side::Server, "{}", case.id());
        assert!(!header.calls.is_empty(), "{}: nobody knows what to ask the client", case.id());
    }
}

#[test]
fn an_id_names_one_case() {
    let cases = everything();
    let ids: BTreeSet<&str> = cases.iter().map(|case| case.id()).collect();
    assert_eq!(ids.len(), cases.len());
}

#[test]
fn bundled_expectations_match_cases_and_give_reasons() {
    let all = suite::all().expect("every session parses");
    for file in Expectations::bundled().expect("every file parses") {
        assert_eq!(file.unused(&all).len(), 0, "{}: {:?}", file.implementation, file.unused(&all));
        for line in &file.lines {
            let written = line.reason.len() > 20 && !line.reason.starts_with(BLESSED);
            assert!(written, "targets/{}.toml:{}: a reason is a sentence", file.name, line.line);
        }
    }
}
