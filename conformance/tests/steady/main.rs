//! Nothing is flaky: quick cases of every protocol, in different company on one live server, get the same verdicts. The
//! example `steady` does it with all of them on a busy machine.

mod ways;

use std::sync::Arc;
use std::time::Duration;

use lockproof_conformance::replay::Delivery;
use lockproof_conformance::report::Verdict;
use lockproof_conformance::session::Step;
use lockproof_conformance::suite::{self, Case};
use ways::{Trip, Verdicts, Way, differing, reference_server};

/// One case of so many is taken.
const EVERY: usize = 5;

/// Whether a case works from its first step to its last; most others wait for an expiry.
fn is_quick(case: &Case) -> bool {
    let waits = |step: &&Step| matches!(step, Step::Advance(_) | Step::Quiet { for_: Some(_), .. });
    !case.session.steps().iter().any(waits)
}

#[tokio::test]
async fn verdicts_do_not_depend_on_company() {
    let (server, targets) = reference_server().await.expect("a server");
    let all = suite::all().expect("every session parses");
    let quick = all.into_iter().filter(|case| is_quick(case));
    let cases: Vec<Arc<Case>> = quick.step_by(EVERY).collect();
    assert!(cases.len() > 50, "{} cases are no sample", cases.len());
    let deliveries = vec![Delivery::Whole];
    let timeout = Duration::from_secs(20);
    let trip = Trip { targets, cases, deliveries, timeout, seed: 7 };
    let mut ways = Vec::new();
    for way in [Way::Alone, Way::Again, Way::Reversed, Way::Together(20)] {
        ways.push(trip.verdicts(way).await.expect("a server that answers"));
    }
    server.stop().await;
    assert_eq!(differing(&ways), []);
    let passed = ways[0].values().filter(|verdict| **verdict == Verdict::Pass).count();
    assert!(passed > 50, "{passed} of {} cases were played: {:?}", ways[0].len(), ways[0]);
}

#[test]
fn a_verdict_that_changes_is_found() {
    let key = |case: &str| (case.to_owned(), Delivery::Whole);
    let first = Verdicts::from([(key("a"), Verdict::Pass), (key("b"), Verdict::Pass)]);
    let second = Verdicts::from([(key("a"), Verdict::Pass), (key("b"), Verdict::Fail)]);
    let third = Verdicts::from([(key("a"), Verdict::Pass)]);
    assert_eq!(differing(&[first.clone(), first.clone()]), []);
    let verdicts = vec![Some(Verdict::Pass), Some(Verdict::Fail), None];
    let found = ("b".to_owned(), Delivery::Whole, verdicts);
    assert_eq!(differing(&[first, second, third]), [found]);
}
