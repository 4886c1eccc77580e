//! Whether a session's words are the protocol's, where it plays the client. [`super::serving`] has its own checks.

use super::{Protocol, locker, memcached, memcached_reply, memcached_text, netmem};
use crate::session::{Message, Pattern, Value};
use memcached::opcode;

/// Whether a session may send this; else what is wrong with it.
pub(crate) fn check_request(protocol: Protocol, message: &Message<Value>) -> Result<(), String> {
    let (words, args, fields) = match message {
        Message::Raw(_) => return Ok(()),
        Message::Line(line) => return memcached_text::check(line),
        Message::Named { words, args, fields, .. } => (words, args, fields),
    };
    let known: &[&str] = match protocol {
        Protocol::Memcached => memcached::REQUEST_FIELDS,
        Protocol::NetMem => netmem::REQUEST_FIELDS,
        Protocol::Locker => locker::REQUEST_FIELDS,
        Protocol::Echo | Protocol::Text | Protocol::Meta => &[],
    };
    check_fields(fields, known)?;
    match (protocol, words.as_slice(), args.as_slice()) {
        (Protocol::Echo, [], [_]) => Ok(()),
        (Protocol::Echo, ..) => Err("an echo message is one value: `A> \"hello\\0\"`".to_owned()),
        (Protocol::Memcached, [name], []) => opcode(name).map(|_| ()).ok_or_else(|| {
            format!("`{name}` is no memcached opcode: a name such as get or setq, or a number such as 0x50")
        }),
        (Protocol::NetMem, [name], []) => netmem::code(name)
            .map(|_| ())
            .ok_or_else(|| format!("`{name}` is no NetMem type: version, params, read, lock, unlock, update or a number")),
        (Protocol::Locker, [name], _) => locker::code(name)
            .map(|_| ())
            .ok_or_else(|| format!("`{name}` is no locker command: get, release, query, batch_…, or a number such as 0x80")),
        _ => Err("a request is a name and its fields".to_owned()),
    }
}

/// Whether a session may expect this; else what is wrong with it.
pub(crate) fn check_reply(protocol: Protocol, message: &Message<Pattern>) -> Result<(), String> {
    let Message::Named { words, args, fields, .. } = message else { return Ok(()) };
    match protocol {
        Protocol::Memcached | Protocol::NetMem | Protocol::Locker if !args.is_empty() => {
            Err("a reply is words and fields; every value has a name".to_owned())
        }
        Protocol::Memcached => memcached_reply::check(words, fields),
        // All that has a name in a reply of lines is a statistic.
        Protocol::Text | Protocol::Meta => Ok(()),
        Protocol::NetMem => netmem::check_reply(words, fields),
        Protocol::Locker => locker::check_reply(words, fields),
        Protocol::Echo if words.is_empty() && args.len() == 1 && fields.is_empty() => Ok(()),
        Protocol::Echo => Err("an echo reply is one value: `A< \"hello\\0\"`".to_owned()),
    }
}

/// Whether every field is a known one.
pub(super) fn check_fields<T>(fields: &[(String, T)], known: &[&str]) -> Result<(), String> {
    match fields.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Err(format!("`{name}=` is unknown here; known: {}", known.join(" "))),
        None => Ok(()),
    }
}
