//! The same calls as `drivers`, made with the blocking clients.

use std::time::Duration;

use lockproof_client::blocking::{Stream, go_on};
use lockproof_client::{Error, echo, locker, memcached, netmem};
use lockproof_conformance::session::{Call, escape};
use lockproof_conformance::wire::Protocol;
use lockproof_protocol::locker::Outcome;

use super::drivers::{miss, number, said};

/// A client on its connection. One call at a time is lent to it, so that the server is always ahead: what it does
/// behind an answer is done when the next call is made.
pub(crate) enum Caller {
    Memcached(memcached::blocking::Client),
    /// The first call connects.
    NetMemBefore(Stream, Duration),
    NetMem(netmem::blocking::Client),
    /// Connecting failed, and no other call can be made.
    NetMemNever,
    Locker(locker::blocking::Client),
    Echo(echo::blocking::Client),
}

impl Caller {
    pub(crate) fn new(protocol: Protocol, stream: Stream, timeout: Duration) -> Self {
        match protocol {
            Protocol::Memcached | Protocol::Text | Protocol::Meta => {
                Self::Memcached(memcached::blocking::Client::new(stream, timeout))
            }
            Protocol::NetMem => Self::NetMemBefore(stream, timeout),
            Protocol::Locker => Self::Locker(locker::blocking::Client::new(stream, timeout)),
            Protocol::Echo => Self::Echo(echo::blocking::Client::new(stream, timeout)),
        }
    }

    /// The client afterwards, and what the call came to, if it could be made.
    pub(crate) fn call(self, call: &Call) -> (Self, Option<String>) {
        match self {
            Self::Memcached(mut client) => {
                let outcome = said(memcached_call(&mut client, call));
                (Self::Memcached(client), Some(outcome))
            }
            Self::NetMemBefore(stream, timeout) => {
                assert_eq!(call.name, "connect", "a NetMem client connects first");
                match netmem::blocking::Client::connect(stream, timeout, go_on) {
                    Ok(client) => (Self::NetMem(client), Some("done".to_owned())),
                    Err(error) => (Self::NetMemNever, Some(said(Err(error)))),
                }
            }
            Self::NetMem(mut client) => {
                let outcome = said(netmem_call(&mut client, call));
                (Self::NetMem(client), Some(outcome))
            }
            Self::NetMemNever => (self, None),
            Self::Locker(mut client) => {
                let outcome = said(locker_call(&mut client, call));
                (Self::Locker(client), Some(outcome))
            }
            Self::Echo(mut client) => {
                assert_eq!(call.name, "send", "an echo client can do no more");
                let echoed = client.send_bytes(&call.arguments[0]).map(|bytes| escape(&bytes));
                (Self::Echo(client), Some(said(echoed)))
            }
        }
    }
}

fn memcached_call(client: &mut memcached::blocking::Client, call: &Call) -> Result<String, Error> {
    let arguments: Vec<&[u8]> = call.arguments.iter().map(Vec::as_slice).collect();
    match (call.name.as_str(), arguments.as_slice()) {
        ("get", [key]) => Ok(client.get(key)?.map_or_else(miss, |value| escape(&value))),
        ("get_many", keys) => {
            let found = client.get_many(keys)?;
            let said = keys
                .iter()
                .map(|key| found.get(*key).map_or_else(miss, |item| escape(&item.value)));
            Ok(said.collect::<Vec<_>>().join(" "))
        }
        ("set", [key, value]) => {
            client.set(key, value, memcached::Meta::default()).map(|_| "done".to_owned())
        }
        ("incr", [key, delta]) => {
            let count = client.incr(key, number(delta), None)?;
            Ok(count.map_or_else(miss, |count| count.to_string()))
        }
        ("touch", [key, expiry]) => {
            let touched = client.touch(key, number(expiry))?;
            Ok(if touched { "done".to_owned() } else { miss() })
        }
        ("stats", []) => {
            let stats = client.stats(b"")?.into_iter();
            let said = stats.flat_map(|(name, value)| [escape(&name), escape(&value)]);
            Ok(said.collect::<Vec<_>>().join(" "))
        }
        _ => panic!("no such call: {call}"),
    }
}

fn netmem_call(client: &mut netmem::blocking::Client, call: &Call) -> Result<String, Error> {
    let page = number(&call.arguments[0]);
    match (call.name.as_str(), &call.arguments[1..]) {
        ("read", []) => client.read(page).map(|page| escape(&page.data)),
        ("lock", []) => client.lock(page).map(|page| escape(&page.data)),
        ("unlock", [data]) => client.unlock(page, data).map(|version| version.to_string()),
        ("update", [data]) => client.update(page, data, None).map(|version| version.to_string()),
        _ => panic!("no such call: {call}"),
    }
}

fn locker_call(client: &mut locker::blocking::Client, call: &Call) -> Result<String, Error> {
    let keys: Vec<&[u8]> = call.arguments.iter().map(Vec::as_slice).collect();
    let outcome = match (call.name.as_str(), keys.as_slice()) {
        ("get", [key]) => client.get(key)?,
        ("release", [key]) => client.release(key)?,
        ("get_batch", keys) => client.get_batch(keys)?,
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
