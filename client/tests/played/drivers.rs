//! Makes a case's calls with our clients, and says what came of each in the words of `call` lines.

use std::time::Duration;

use lockproof_client::{Error, Stream, echo, locker, memcached, netmem};
use lockproof_conformance::session::{Call, escape};
use lockproof_conformance::wire::Protocol;
use lockproof_protocol::locker::Outcome;

/// What each call came to. The connection is closed at the end.
pub(crate) async fn outcomes(
    protocol: Protocol,
    calls: &[Call],
    stream: Stream,
    timeout: Duration,
) -> Vec<String> {
    match protocol {
        Protocol::Memcached | Protocol::Text | Protocol::Meta => {
            let mut client = memcached::Client::new(stream, timeout);
            let mut outcomes = Vec::new();
            for call in calls {
                outcomes.push(said(memcached_call(&mut client, call).await));
            }
            outcomes
        }
        Protocol::NetMem => netmem_calls(stream, timeout, calls).await,
        Protocol::Locker => {
            let mut client = locker::Client::new(stream, timeout);
            let mut outcomes = Vec::new();
            for call in calls {
                outcomes.push(said(locker_call(&mut client, call).await));
            }
            outcomes
        }
        Protocol::Echo => {
            let mut client = echo::Client::new(stream, timeout);
            let mut outcomes = Vec::new();
            for call in calls {
                assert_eq!(call.name, "send", "an echo client can do no more");
                let echoed = client.send_bytes(&call.arguments[0]).await;
                outcomes.push(said(echoed.map(|bytes| escape(&bytes))));
            }
            outcomes
        }
    }
}

pub(crate) fn said(outcome: Result<String, Error>) -> String {
    outcome.unwrap_or_else(|error| format!("error {}", kind(&error)))
}

/// Whose fault it is, in the words of `call` lines.
fn kind(error: &Error) -> &'static str {
    match error {
        Error::Transport { .. } => "closed",
        Error::Timeout { .. } => "timeout",
        Error::Refused { .. } => "refused",
        Error::Protocol { .. } => "broken",
        Error::Incompatible { .. } => "incompatible",
        Error::Closed { .. } => "gone",
        _ => "invalid",
    }
}

async fn memcached_call(
    client: &mut memcached::Client<Stream>,
    call: &Call,
) -> Result<String, Error> {
    let arguments: Vec<&[u8]> = call.arguments.iter().map(Vec::as_slice).collect();
    match (call.name.as_str(), arguments.as_slice()) {
        ("get", [key]) => Ok(client.get(key).await?.map_or_else(miss, |value| escape(&value))),
        ("get_many", keys) => {
            let found = client.get_many(keys).await?;
            let said = keys
                .iter()
                .map(|key| found.get(*key).map_or_else(miss, |item| escape(&item.value)));
            Ok(said.collect::<Vec<_>>().join(" "))
        }
        ("set", [key, value]) => {
            client.set(key, value, memcached::Meta::default()).await.map(|_| "done".to_owned())
        }
        ("incr", [key, delta]) => {
            let count = client.incr(key, number(delta), None).await?;
            Ok(count.map_or_else(miss, |count| count.to_string()))
        }
        ("touch", [key, expiry]) => {
            let touched = client.touch(key, number(expiry)).await?;
            Ok(if touched { "done".to_owned() } else { miss() })
        }
        ("stats", []) => {
            let stats = client.stats(b"").await?.into_iter();
            let said = stats.flat_map(|(name, value)| [escape(&name), escape(&value)]);
            Ok(said.collect::<Vec<_>>().join(" "))
        }
        _ => panic!("no such call: {call}"),
    }
}

pub(crate) fn miss() -> String {
    "miss".to_owned()
}

pub(crate) fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(digits: &[u8]) -> T {
    std::str::from_utf8(digits).expect("digits").parse().expect("a number")
}

/// The first call connects; without a connection the others are not made.
async fn netmem_calls(stream: Stream, timeout: Duration, calls: &[Call]) -> Vec<String> {
    assert_eq!(calls[0].name, "connect", "a NetMem client connects first");
    let mut client = match netmem::Client::connect(stream, timeout).await {
        Ok(client) => client,
        Err(error) => return vec![said(Err(error))],
    };
    let mut outcomes = vec!["done".to_owned()];
    for call in &calls[1..] {
        outcomes.push(said(netmem_call(&mut client, call).await));
    }
    outcomes
}

async fn netmem_call(client: &mut netmem::Client<Stream>, call: &Call) -> Result<String, Error> {
    let page = number(&call.arguments[0]);
    match (call.name.as_str(), &call.arguments[1..]) {
        ("read", []) => client.read(page).await.map(|page| escape(&page.data)),
        ("lock", []) => client.lock(page).await.map(|page| escape(&page.data)),
        ("unlock", [data]) => client.unlock(page, data).await.map(|version| version.to_string()),
        ("update", [data]) => {
            client.update(page, data, None).await.map(|version| version.to_string())
        }
        _ => panic!("no such call: {call}"),
    }
}

async fn locker_call(client: &mut locker::Client<Stream>, call: &Call) -> Result<String, Error> {
    let keys: Vec<&[u8]> = call.arguments.iter().map(Vec::as_slice).collect();
    let outcome = match (call.name.as_str(), keys.as_slice()) {
        ("get", [key]) => client.get(key).await?,
        ("release", [key]) => client.release(key).await?,
        ("get_batch", keys) => client.get_batch(keys).await?,
        _ => panic!("no such call: {call}"),
    };
    Ok(match outcome {
        Outcome::Ok => "ok",
        Outcome::Busy => "busy",
        Outcome::NotHeld => "not_held",
        Outcome::SelfHeld => "self_held",
        other => panic!("{other:?} is an error of this client"),
    }
    .to_owned())
}
