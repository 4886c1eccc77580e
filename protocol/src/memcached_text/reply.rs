//! Replies: the lines of what the state machine answered. It leaves out when a reply is withheld: that is `noreply`'s.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Ask, Refusal};
use crate::decimal;
use crate::memcached::Command;
use crate::memcached_binary::{Reply, Status};

/// Appends a line of that text.
pub fn put_line(text: &str, out: &mut BytesMut) {
    out.put_slice(text.as_bytes());
    out.put_slice(b"\r\n");
}

/// Appends `VALUE <key> <flags> <bytes>[ <cas>]`, which the value and CR LF follow (MCT-GET-01, MCT-GET-03).
pub fn put_value_line(key: &[u8], flags: u32, len: usize, cas: Option<u64>, out: &mut BytesMut) {
    out.put_slice(b"VALUE ");
    out.put_slice(key);
    out.put_u8(b' ');
    decimal::put(flags.into(), out);
    out.put_u8(b' ');
    decimal::put(len as u64, out);
    if let Some(cas) = cas {
        out.put_u8(b' ');
        decimal::put(cas, out);
    }
    out.put_slice(b"\r\n");
}

/// Appends the statistics, and `END` (MCT-STT-01).
pub fn put_stats(pairs: &[(Bytes, Bytes)], out: &mut BytesMut) {
    for (name, value) in pairs {
        out.put_slice(b"STAT ");
        out.put_slice(name);
        out.put_u8(b' ');
        out.put_slice(value);
        out.put_slice(b"\r\n");
    }
    put_line("END", out);
}

/// Appends the line that answers what was asked about an item, or a flush.
pub fn put_reply(ask: &Ask, reply: &Reply, out: &mut BytesMut) {
    if let Reply::Counter { value, .. } = reply {
        decimal::put(*value, out);
        out.put_slice(b"\r\n");
        return;
    }
    put_line(text(ask, reply), out);
}

fn text(ask: &Ask, reply: &Reply) -> &'static str {
    let is_plain_store = matches!(ask.command, Command::Store { .. }) && ask.cas.is_none();
    match reply {
        Reply::Stored { .. } => "STORED",
        Reply::Touched { .. } => "TOUCHED",
        Reply::Done if matches!(ask.command, Command::Delete { .. }) => "DELETED",
        Reply::Failed { status } | Reply::FailedWith { status, .. } => match *status {
            // ADD of what is there, REPLACE of what is not (MCT-SET-02, MCT-SET-03).
            Status::KEY_EXISTS | Status::KEY_NOT_FOUND if is_plain_store => "NOT_STORED",
            Status::NOT_STORED => "NOT_STORED",
            Status::KEY_NOT_FOUND => "NOT_FOUND",
            Status::KEY_EXISTS => "EXISTS",
            status => refusal(status).text(),
        },
        _ => "OK",
    }
}

/// What text and meta say of a request that could not be executed as such.
pub(crate) const fn refusal(status: Status) -> Refusal {
    match status {
        Status::TOO_LARGE => Refusal::TOO_LARGE,
        Status::OUT_OF_MEMORY => Refusal::NO_MEMORY,
        Status::NON_NUMERIC => Refusal::NON_NUMERIC,
        Status::AUTH_ERROR => Refusal::NO_FLUSH,
        Status::INVALID_ARGUMENTS => Refusal::FORMAT,
        _ => Refusal::UNKNOWN,
    }
}
