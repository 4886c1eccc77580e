//! The road is there: the production server runs under turmoil, in virtual time, and one seed gives one trace.

use lockproof_sim::scenario::{holder_dies, memcached_session};

const EXPIRY: &str =
    include_str!("../../conformance/sessions/memcached/exp/seconds-from-now.session");

#[test]
fn one_seed_gives_one_trace_and_another_seed_another() {
    let first = holder_dies(7).expect("the waiter is granted");
    let second = holder_dies(7).expect("the waiter is granted");
    assert_eq!(first.text(), second.text());
    assert_eq!(first.hash(), second.hash());
    let other = holder_dies(8).expect("the waiter is granted");
    assert_ne!(first.hash(), other.hash(), "the seed has no effect");
}

#[test]
fn a_dead_holder_frees_its_page_on_many_seeds() {
    for seed in 0..50 {
        if let Err(violation) = holder_dies(seed) {
            panic!("seed {seed}: {violation}");
        }
    }
}

/// A case that waits seconds for expiry takes none here.
#[test]
fn a_session_of_the_suite_runs_in_virtual_time() {
    let first = memcached_session(EXPIRY, 3).expect("it passes");
    let second = memcached_session(EXPIRY, 3).expect("it passes");
    assert_eq!(first.hash(), second.hash());
    assert!(first.text().lines().count() > 10, "{}", first.text());
}

#[test]
fn a_session_that_the_server_does_not_fulfil_fails_here_too() {
    let wrong = EXPIRY.replacen("A< ok set", "A< key_exists set", 1);
    assert_ne!(wrong, EXPIRY);
    assert!(memcached_session(&wrong, 3).is_err());
}
