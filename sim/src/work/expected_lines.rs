//! Requests for the big value in lines, and what must come of each.
//!
//! Meta's replies bear a number. Text's do not, so that one request of three asks for the CAS as well, and one is a
//! multi-get: a reply in another's place is not what is expected there.

use bytes::{Buf, BytesMut};
use lockproof_conformance::wire::{Codec, Protocol as Wire, Reply, Taken};

use crate::config::Protocol;

/// What a text request asks for, by its number: the words behind `VALUE`, and how often.
const TEXT: [(&str, usize, usize); 3] =
    [("get big\r\n", 4, 1), ("gets big\r\n", 5, 1), ("get big nobodys big\r\n", 4, 2)];

fn text(number: u32) -> (&'static str, usize, usize) {
    TEXT[number as usize % TEXT.len()]
}

pub(super) fn ask(protocol: Protocol, number: u32, out: &mut BytesMut) {
    if protocol == Protocol::Meta {
        out.extend_from_slice(format!("mg big v O{number}\r\n").as_bytes());
    } else {
        out.extend_from_slice(text(number).0.as_bytes());
    }
}

/// Takes the reply to the request of that number; false if it is not whole.
pub(super) fn take(
    protocol: Protocol,
    number: u32,
    big: &[u8],
    input: &mut BytesMut,
) -> Result<bool, String> {
    let mut rest = &input[..];
    let is_whole = if protocol == Protocol::Meta {
        next(&mut rest, &format!("VA {} O{number}", big.len()), big, number)?
    } else {
        values(&mut rest, number, big)?
    };
    if is_whole {
        let taken = input.len() - rest.len();
        input.advance(taken);
    }
    Ok(is_whole)
}

fn values(rest: &mut &[u8], number: u32, big: &[u8]) -> Result<bool, String> {
    let (_, words, times) = text(number);
    for _ in 0..times {
        let Some(reply) = reply(rest, number)? else { return Ok(false) };
        let start = format!("VALUE big 0 {}", big.len());
        if reply.tokens.len() != words || !line(&reply).starts_with(&start) {
            return Err(format!("reply {number} is {}", line(&reply)));
        }
        whole(&reply, rest, big, number)?;
    }
    next(rest, "END", b"", number)
}

/// A line that has to come next, and its block.
fn next(rest: &mut &[u8], expected: &str, block: &[u8], number: u32) -> Result<bool, String> {
    let Some(reply) = reply(rest, number)? else { return Ok(false) };
    if line(&reply) != expected {
        return Err(format!("reply {number} is {} and not {expected}", line(&reply)));
    }
    whole(&reply, rest, block, number)?;
    Ok(true)
}

fn reply(rest: &[u8], number: u32) -> Result<Option<Reply>, String> {
    match Codec::new(Wire::Text).take(rest) {
        Taken::Whole(reply) => Ok(Some(reply)),
        Taken::Incomplete(_) => Ok(None),
        Taken::Broken(why) => Err(format!("reply {number}: {why}")),
    }
}

/// Takes it off, if its block is that one.
fn whole(reply: &Reply, rest: &mut &[u8], block: &[u8], number: u32) -> Result<(), String> {
    let end = reply.length;
    // A line alone has no block, and its own end is not one.
    let start = end.saturating_sub(block.len() + 2);
    let is_same = block.is_empty() || rest.get(start..end - 2) == Some(block);
    if !is_same {
        return Err(format!("reply {number} has other bytes than were stored"));
    }
    *rest = rest.get(end..).unwrap_or_default();
    Ok(())
}

/// The words of a line.
fn line(reply: &Reply) -> String {
    let words: Vec<_> = reply.tokens.iter().map(|word| String::from_utf8_lossy(word)).collect();
    words.join(" ")
}
