//! What a meta line means as the answer to one request, and whether it may be one at all.

use bytes::Bytes;
use lockproof_protocol::memcached_binary::Status;
use lockproof_protocol::memcached_meta::{Answer, Code};

use super::text::OTHER_KIND;
use super::{Ask, not_stored};
use crate::Violation;
use crate::memcached::{Found, Item, Outcome};

pub(super) fn read(ask: &Ask, answer: &Answer, value: Option<Bytes>) -> Result<Outcome, Violation> {
    Ok(match (ask, answer.code) {
        (Ask::Get, Code::Value) => Outcome::Item(item(answer, value)?),
        (Ask::Lookup, Code::Value) => Outcome::Found(Found {
            item: item(answer, value)?,
            is_won: answer.tokens.is_won,
            is_taken: answer.tokens.is_taken,
            is_stale: answer.tokens.is_stale,
        }),
        (Ask::Get | Ask::Lookup | Ask::Touch, Code::Miss)
        | (Ask::Store(_) | Ask::Concat | Ask::Delete | Ask::Count, Code::NotFound) => {
            Outcome::Refused(Status::KEY_NOT_FOUND)
        }
        (Ask::Store(_) | Ask::Concat | Ask::Delete | Ask::Count, Code::Exists) => {
            Outcome::Refused(Status::KEY_EXISTS)
        }
        (Ask::Store(mode), Code::NotStored) => Outcome::Refused(not_stored(*mode)),
        (Ask::Concat, Code::NotStored) => Outcome::Refused(Status::NOT_STORED),
        (Ask::Store(_) | Ask::Concat, Code::Done) => Outcome::Stored { cas: cas(answer)? },
        (Ask::Touch, Code::Done) => Outcome::Touched { cas: cas(answer)? },
        (Ask::Delete, Code::Done) | (Ask::Nop | Ask::Probe, Code::Nop) => Outcome::Done,
        (Ask::Count, Code::Value) => {
            Outcome::Counter { value: count(value.as_deref())?, cas: cas(answer)? }
        }
        _ => return Err(OTHER_KIND),
    })
}

fn item(answer: &Answer, value: Option<Bytes>) -> Result<Item, Violation> {
    let flags = answer.flags.ok_or(Violation::Shape("a hit without flags"))?;
    let value = value.ok_or(OTHER_KIND)?;
    Ok(Item { value, flags, cas: cas(answer)? })
}

fn cas(answer: &Answer) -> Result<u64, Violation> {
    answer.cas.ok_or(Violation::Shape("a reply without the CAS"))
}

/// MCM-ARI-01: digits, which older servers pad with spaces where the number has become shorter.
fn count(value: Option<&[u8]>) -> Result<u64, Violation> {
    let text = value.and_then(|value| std::str::from_utf8(value).ok()).map(str::trim_end);
    let digits = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let count = digits.and_then(|digits| digits.parse().ok());
    count.ok_or(Violation::Shape("a counter that is no number"))
}
