//! Replies: a code, and the flags that were asked for, in the order of the request (MCM-GEN-02, MCM-GEN-03).
//! It leaves out when a reply is withheld.

use bytes::{BufMut, BytesMut};

use super::Request;
use super::key::{breaks_line, put_encoded};
use crate::decimal;
use crate::memcached_binary::{Reply, Status};
use crate::memcached_text::Tokens as Words;
use crate::memcached_text::refusal;

/// What there is to tell, as far as it is asked for. What is `None` does not come back.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Facts {
    /// `c`
    pub cas: Option<u64>,
    /// `f`
    pub flags: Option<u32>,
    /// `s`: the length of the value.
    pub size: Option<u64>,
    /// `t` behind a `T`: the seconds that are left, or −1 (MCM-GET-06).
    pub ttl: Option<i64>,
    /// `t` before a `T`: the same as it was (MCM-GET-12).
    pub ttl_before: Option<i64>,
    /// `h`: whether the item was read before.
    pub was_read: Option<bool>,
    /// `l`: seconds since the last access.
    pub idle: Option<u64>,
    /// The item was stored with a key in base64, and tells it so; for a hit of `mg` (MCM-KEY-05).
    pub key_is_binary: Option<bool>,
}

/// What stands behind all flags, in memcached's order (MCM-STA-10).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tokens {
    /// `Z`: somebody else was told to store the item anew.
    pub is_taken: bool,
    /// `X`: the item is stale.
    pub is_stale: bool,
    /// `W`: this client shall store the item anew.
    pub is_won: bool,
}

/// Appends `EN`, with key and opaque (MCM-GET-10).
pub fn put_miss(request: &Request, out: &mut BytesMut) {
    put(request, "EN", &Facts::default(), Tokens::default(), out);
}

/// Appends `VA <len> …` or, where the value is not asked for, `HD …`. In the first case value and CR LF follow
/// (MCM-GET-01).
pub fn put_value_head(
    request: &Request,
    len: usize,
    facts: &Facts,
    tokens: Tokens,
    out: &mut BytesMut,
) {
    if !request.wants_value {
        return put(request, "HD", facts, tokens, out);
    }
    out.put_slice(b"VA ");
    decimal::put(len as u64, out);
    put_flags(request, facts, tokens, out);
}

/// Appends what came of `ms`, `md` and `ma`, unless it is what `q` withholds (MCM-QT-02 to MCM-QT-06). `facts` go out with
/// success alone, but for the CAS of `ms`.
pub fn put_outcome(request: &Request, reply: &Reply, facts: &Facts, out: &mut BytesMut) {
    let code = match reply {
        Reply::Failed { status } | Reply::FailedWith { status, .. } => *status,
        _ if request.is_quiet => return,
        Reply::Counter { value, .. } => {
            let mut digits = itoa::Buffer::new();
            let digits = digits.format(*value).as_bytes();
            put_value_head(request, digits.len(), facts, Tokens::default(), out);
            if request.wants_value {
                out.put_slice(digits);
                out.put_slice(b"\r\n");
            }
            return;
        }
        _ => return put(request, "HD", facts, Tokens::default(), out),
    };
    let code = match (code, request.is_plain_store()) {
        // ADD of what is there, REPLACE of what is not (MCM-SET-03, MCM-SET-05).
        (Status::KEY_EXISTS | Status::KEY_NOT_FOUND, true) | (Status::NOT_STORED, _) => "NS",
        (Status::KEY_EXISTS, false) => "EX",
        (Status::KEY_NOT_FOUND, false) => "NF",
        (status, _) => {
            // Neither key nor opaque (MCM-OPQ-04).
            return crate::memcached_text::put_line(refusal(status).text(), out);
        }
    };
    // MCM-SET-07
    let cas = request.is_store().then_some(0);
    put(request, code, &Facts { cas, ..Facts::default() }, Tokens::default(), out);
}

/// Appends what is known of an item (MCM-DBG-01).
pub fn put_debug(request: &Request, facts: &Facts, item_size: usize, out: &mut BytesMut) {
    out.put_slice(b"ME ");
    put_key(&request.key, facts.key_is_binary.unwrap_or(request.key_is_binary), out);
    out.put_slice(b" exp=");
    put_signed(facts.ttl.unwrap_or(-1), out);
    out.put_slice(b" la=");
    decimal::put(facts.idle.unwrap_or_default(), out);
    out.put_slice(b" cas=");
    decimal::put(facts.cas.unwrap_or_default(), out);
    let fetch: &[u8] = if facts.was_read == Some(true) { b"yes" } else { b"no" };
    out.put_slice(b" fetch=");
    out.put_slice(fetch);
    out.put_slice(b" cls=1 size=");
    decimal::put(item_size as u64, out);
    out.put_slice(b"\r\n");
}

fn put(request: &Request, code: &str, facts: &Facts, tokens: Tokens, out: &mut BytesMut) {
    out.put_slice(code.as_bytes());
    put_flags(request, facts, tokens, out);
}

/// The flags that were asked for and can be told, and the end of the line.
fn put_flags(request: &Request, facts: &Facts, tokens: Tokens, out: &mut BytesMut) {
    let mut is_touched = false;
    for word in Words::new(&request.flags) {
        let Some((letter, _)) = word.split_first() else { continue };
        match letter {
            b'O' => {
                out.put_u8(b' ');
                out.put_slice(word);
            }
            b'k' => put_key_flag(request, facts, out),
            b'T' => is_touched = true,
            b'c' => put_number(b'c', facts.cas, out),
            b'f' => put_number(b'f', facts.flags.map(u64::from), out),
            b's' => put_number(b's', facts.size, out),
            b'h' => put_number(b'h', facts.was_read.map(u64::from), out),
            b'l' => put_number(b'l', facts.idle, out),
            b't' => {
                let ttl = if is_touched { facts.ttl } else { facts.ttl_before };
                if let Some(ttl) = ttl {
                    out.put_slice(b" t");
                    put_signed(ttl, out);
                }
            }
            _ => {}
        }
    }
    for (is_there, token) in
        [(tokens.is_taken, b" Z"), (tokens.is_stale, b" X"), (tokens.is_won, b" W")]
    {
        if is_there {
            out.put_slice(token);
        }
    }
    out.put_slice(b"\r\n");
}

/// The key, and `b` behind it if it is in base64 (MCM-KEY-03).
fn put_key_flag(request: &Request, facts: &Facts, out: &mut BytesMut) {
    out.put_slice(b" k");
    if put_key(&request.key, facts.key_is_binary.unwrap_or(request.key_is_binary), out) {
        out.put_slice(b" b");
    }
}

/// Tells whether it is in base64.
fn put_key(key: &[u8], is_binary: bool, out: &mut BytesMut) -> bool {
    let is_encoded = is_binary || breaks_line(key);
    if is_encoded {
        put_encoded(key, out);
    } else {
        out.put_slice(key);
    }
    is_encoded
}

fn put_number(letter: u8, number: Option<u64>, out: &mut BytesMut) {
    if let Some(number) = number {
        out.put_slice(&[b' ', letter]);
        decimal::put(number, out);
    }
}

fn put_signed(number: i64, out: &mut BytesMut) {
    out.put_slice(itoa::Buffer::new().format(number).as_bytes());
}
