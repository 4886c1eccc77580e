//! The fault that the suite was first written for: a server that sends while it holds a lock stops for everybody as soon
//! as one client does not read.
//!
//! Two small servers, a thread for each connection, with a switch between right and wrong. They know as much of their
//! protocols as the cases ask for. The right ones pass; the wrong ones fail, and in the step where a second client writes.

mod lock_and_send;

use std::time::Duration;

use lock_and_send::{Sends, memcached, netmem, start};
use lockproof_conformance::replay::{Delivery, Failure, Options};
use lockproof_conformance::stage::Stage;
use lockproof_conformance::suite;
use lockproof_conformance::target::Target;

const MEMCACHED: &str = "memcached/robustness/stalled-reader-does-not-block-writers";
const NETMEM: &str = "netmem/robustness/stalled-reader-does-not-block-writers";

/// Plays one case against the server at that URL.
async fn played(case: &str, url: &str, delivery: Delivery, timeout: Duration) -> Option<Failure> {
    let all = suite::all().expect("the suite");
    let case = all.iter().find(|other| other.id() == case).expect("the case");
    let stage = Stage::new(Target::parse(url).expect("a target"), timeout).await.expect("a server");
    stage.play(&case.session, Options { delivery, timeout, seed: 7 }).await.failure
}

/// The server that sends inside its lock fails; the same one passes once it sends outside.
async fn told_apart(case: &str, url: impl Fn(Sends) -> String, writing: &str) {
    for delivery in Delivery::ALL {
        let right = played(case, &url(Sends::Outside), delivery, Duration::from_secs(20)).await;
        assert!(right.is_none(), "{delivery:?}: {right:?}");
    }
    let wrong = played(case, &url(Sends::Inside), Delivery::Whole, Duration::from_secs(5)).await;
    let wrong = wrong.expect("a failure");
    assert!(wrong.step.starts_with(writing), "{wrong:?}");
    assert!(wrong.problem.contains("nothing came within"), "{wrong:?}");
}

#[tokio::test]
async fn memcached_server_that_sends_inside_its_lock_fails() {
    let url = |sends| format!("memcached://{}", start(sends, memcached::serve));
    told_apart(MEMCACHED, url, "B< ok set").await;
}

#[tokio::test]
async fn netmem_server_that_sends_inside_its_lock_fails() {
    let url = |sends| format!("netmem://{}", start(sends, netmem::serve));
    told_apart(NETMEM, url, "B< update").await;
}
