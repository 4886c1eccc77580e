//! The client cases of the conformance suite, played to our clients: what a server may do wrong, and what must come of it.
//!
//! Each case says which calls to make and which outcomes are right. `drivers` makes the calls; here it is seen that the
//! outcomes are right ones, and that the client said and left unsaid on the wire what the session wants.

#[path = "played/blocking.rs"]
mod blocking;
#[cfg(feature = "tls")]
#[path = "tls/certificates.rs"]
#[allow(dead_code, reason = "the tests of TLS use more of it")]
mod certificates;
#[path = "played/drivers.rs"]
mod drivers;
#[cfg(feature = "tls")]
#[path = "played/front.rs"]
mod front;

use std::time::Duration;

use blocking::Caller;
use lockproof_client::blocking::{go_on, open};
use lockproof_client::{Address, Endpoint, connect};
use lockproof_conformance::replay::{Delivery, Options, Played};
use lockproof_conformance::serve_session::serve_session;
use lockproof_conformance::session::Call;
use lockproof_conformance::suite::{self, Case};
use lockproof_conformance::wire::Protocol;
use tokio::net::TcpListener;

/// Long enough never to be reached where it is not meant to be.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client's limit where the case is about it.
const SHORT: Duration = Duration::from_millis(200);

/// Which of our clients makes the calls.
#[derive(Copy, Clone, Debug)]
enum Shell {
    Async,
    Blocking,
}

/// Where to connect, to come to that listener.
trait Way {
    async fn to(&self, listener: &TcpListener) -> Endpoint;
}

/// Straight there.
struct Plain;

impl Way for Plain {
    async fn to(&self, listener: &TcpListener) -> Endpoint {
        let address = listener.local_addr().expect("an address");
        Address::Tcp { host: address.ip().to_string(), port: address.port() }.into()
    }
}

/// Every case of a protocol, under every way in which replies are cut; and once more by TLS, which cuts in its own way.
async fn every_outcome_is_right(protocol: Protocol) {
    for shell in [Shell::Async, Shell::Blocking] {
        every_outcome_of(shell, protocol, &Plain).await;
        #[cfg(feature = "tls")]
        every_outcome_of(shell, protocol, &front::Front::new()).await;
    }
}

async fn every_outcome_of(shell: Shell, protocol: Protocol, way: &impl Way) {
    let cases = suite::for_clients().expect("every session parses");
    let mut faults = Vec::new();
    for case in cases.iter().filter(|case| case.protocol() == protocol) {
        for delivery in [Delivery::Whole, Delivery::Bytes, Delivery::Fields] {
            let (outcomes, played) = play(shell, case, delivery, way).await;
            let name = format!("{} [{}, {shell:?}]", case.id(), delivery.name());
            faults.extend(
                faults_of(case, &outcomes, &played).map(|fault| format!("{name}: {fault}")),
            );
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Plays one case: the client's outcomes, in a driver's words, and what the server saw.
async fn play(
    shell: Shell,
    case: &Case,
    delivery: Delivery,
    way: &impl Way,
) -> (Vec<String>, Played) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let endpoint = way.to(&listener).await;
    let times_out = case
        .session
        .header
        .calls
        .iter()
        .any(|call| call.right.iter().any(|right| right.ends_with("timeout")));
    let client = async {
        let timeout = if times_out { SHORT } else { PATIENCE };
        let (protocol, calls) = (case.protocol(), case.session.header.calls.clone());
        match shell {
            Shell::Async => {
                let stream = connect(&endpoint, PATIENCE).await.expect("the listener is there");
                drivers::outcomes(protocol, &calls, stream, timeout).await
            }
            Shell::Blocking => {
                let opened = tokio::task::spawn_blocking(move || open(&endpoint, PATIENCE, go_on));
                let stream = opened.await.expect("no panic").expect("the listener is there");
                blocking_outcomes(calls, Caller::new(protocol, stream, timeout)).await
            }
        }
    };
    let options = Options { delivery, timeout: PATIENCE, seed: 1 };
    let server = serve_session(&case.session, &listener, options);
    let (outcomes, played) = tokio::join!(client, server);
    (outcomes, played.expect("it plays the server"))
}

async fn blocking_outcomes(calls: Vec<Call>, mut caller: Caller) -> Vec<String> {
    let mut outcomes = Vec::new();
    for call in calls {
        let made = tokio::task::spawn_blocking(move || caller.call(&call)).await;
        let (after, outcome) = made.expect("a call does not panic");
        caller = after;
        outcomes.extend(outcome);
    }
    outcomes
}

/// Where a case leaves the kind of error open, our client knows that the server broke the protocol, or that an earlier
/// call has closed the connection for that reason.
fn is_right(call: &Call, outcome: &str) -> bool {
    let named = call.right.iter().any(|right| right == outcome);
    named || (call.allows(outcome) && matches!(outcome, "error broken" | "error gone"))
}

fn faults_of<'a>(
    case: &'a Case,
    outcomes: &'a [String],
    played: &'a Played,
) -> impl Iterator<Item = String> + 'a {
    let calls = case.session.header.calls.iter().zip(outcomes);
    let wrong = calls.filter(|(call, outcome)| !is_right(call, outcome));
    let wrong = wrong.map(|(call, outcome)| format!("`{call}`, and the outcome was {outcome}"));
    let failed = played.failure.iter().map(|failure| {
        format!(
            "line {}: {}: {} {:?}",
            failure.line, failure.step, failure.problem, failure.differences
        )
    });
    wrong.chain(failed)
}

#[tokio::test]
async fn memcached_outcomes_are_right() {
    every_outcome_is_right(Protocol::Memcached).await;
}

#[tokio::test]
async fn netmem_outcomes_are_right() {
    every_outcome_is_right(Protocol::NetMem).await;
}

#[tokio::test]
async fn locker_outcomes_are_right() {
    every_outcome_is_right(Protocol::Locker).await;
}

#[tokio::test]
async fn echo_outcomes_are_right() {
    every_outcome_is_right(Protocol::Echo).await;
}
