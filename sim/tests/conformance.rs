//! The suite in virtual time: every session, expiry waits included, and one seed gives one trace.

use lockproof_conformance::replay::Delivery;
use lockproof_conformance::session::Session;
use lockproof_conformance::suite;
use lockproof_sim::conformance::judge;

const SEED: u64 = 7;

fn failures(delivery: Delivery) -> Vec<String> {
    let cases = suite::all().expect("the suite can be read");
    let (mut failures, mut played) = (Vec::new(), 0);
    for case in &cases {
        let failure = match judge(&case.session, delivery, SEED) {
            Ok(judged) => judged.failure,
            Err(error) => Some(error.to_string()),
        };
        failures.extend(failure.map(|failure| format!("{}: {failure}", case.id())));
        played += 1;
    }
    assert!(played > 600, "{played}");
    failures
}

#[test]
fn every_session_passes_whole() {
    assert_eq!(failures(Delivery::Whole), [""; 0]);
}

#[test]
fn every_session_passes_byte_by_byte() {
    assert_eq!(failures(Delivery::Bytes), [""; 0]);
}

#[test]
fn one_seed_gives_one_trace() {
    for case in suite::all().expect("the suite can be read").iter().step_by(7) {
        let trace = || judge(&case.session, Delivery::Fields, SEED).expect("it is played").trace;
        assert_eq!(trace().text(), trace().text(), "{}", case.id());
    }
}

#[test]
fn a_session_that_the_server_does_not_fulfil_fails_here_too() {
    let text = include_str!("../../conformance/sessions/memcached/exp/seconds-from-now.session");
    let wrong = text.replacen("A< ok set", "A< key_exists set", 1);
    assert_ne!(wrong, text);
    let wrong = Session::parse(&wrong).expect("it parses");
    assert!(judge(&wrong, Delivery::Whole, SEED).expect("it is played").failure.is_some());
}
