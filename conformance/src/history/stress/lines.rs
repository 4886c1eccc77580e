//! What clients that speak in lines have in common: keys, the bytes of a request, the words of a reply.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::{Draw, Options, Stream};
use crate::exchange::{Exchange, line};
use crate::history::items::{Action, Life, Mode, Reply, Request};
use crate::session::{Message, Value};
use crate::wire;

/// The last CAS that was seen of each key.
pub(super) type Seen = BTreeMap<Vec<u8>, u64>;

/// A life that is longer than a run, and not for ever.
const ENDS: u32 = 10_000;

/// Far above every life.
pub(super) const RECACHE: u32 = 100_000;

/// The keys of a run; nothing is there.
pub(super) async fn keys<S: Stream>(
    exchange: &mut Exchange<S>,
    options: &Options,
) -> io::Result<Vec<Vec<u8>>> {
    let key = |number| format!("lp:stress:{}:{number}", options.seed).into_bytes();
    let keys: Vec<Vec<u8>> = (0..options.keys).map(key).collect();
    tidy(exchange, &keys).await?;
    Ok(keys)
}

pub(super) async fn tidy<S: Stream>(
    exchange: &mut Exchange<S>,
    keys: &[Vec<u8>],
) -> io::Result<()> {
    for key in keys {
        exchange.ask(&line([&b"delete"[..], key])).await?;
    }
    Ok(())
}

/// No number begins with a zero, and so none gets shorter when it is counted.
pub(super) fn value(draw: &mut Draw) -> Arc<[u8]> {
    (100 + draw.below(900)).to_string().into_bytes().into()
}

/// Whether a store is sent without asking for a reply, which the value decides; the line behind it is answered instead.
pub(super) fn is_quiet(action: &Action) -> bool {
    match action {
        Action::Store { mode: Mode::Set, value, cas: 0, .. } => {
            value.last().is_some_and(|digit| digit.is_ascii_digit() && *digit < b'3')
        }
        _ => false,
    }
}

/// The seconds of a life.
pub(super) const fn seconds(life: Life) -> u32 {
    match life {
        Life::Ends => ENDS,
        Life::ForEver => 0,
    }
}

/// Lines as bytes: `%` stands for the key.
pub(super) fn message(request: &Request, text: &str) -> Message<Value> {
    let parts: Vec<&[u8]> = text.as_bytes().split(|byte| *byte == b'%').collect();
    Message::Raw(parts.join(&request.key[..]))
}

/// A value in a line of its own. All that clients store are digits.
pub(super) fn block(value: &[u8]) -> String {
    format!("{}\r\n", String::from_utf8_lossy(value))
}

/// A word of a reply as text.
pub(super) fn word(reply: &wire::Reply, place: usize) -> Option<&str> {
    std::str::from_utf8(reply.tokens.get(place)?).ok()
}

/// What text says of GET: a value or its absence.
pub(super) fn hit_or_miss(reply: &wire::Reply) -> Option<Reply> {
    match (word(reply, 0)?, reply.tokens.len()) {
        ("END", 1) => Some(Reply::Missing),
        ("VALUE", 5) => Some(Reply::Hit {
            value: reply.bytes("block").into(),
            flags: word(reply, 2)?.parse().ok()?,
            cas: Some(word(reply, 4)?.parse().ok()?),
        }),
        _ => None,
    }
}

/// A value has END behind it.
pub(super) fn has_an_end(reply: &wire::Reply) -> bool {
    word(reply, 0) == Some("VALUE")
}

/// The client learns of a CAS.
pub(super) fn learn(seen: &mut Seen, input: &Request, output: &Reply) {
    if let Reply::Hit { cas: Some(cas), .. }
    | Reply::Fetched { cas: Some(cas), .. }
    | Reply::Stored { cas: Some(cas) }
    | Reply::Counted { cas: Some(cas), .. } = output
    {
        seen.insert(input.key.clone(), *cas);
    }
}
