//! What a classic line means as the answer to one request, and whether it may be one at all. Leaves out multi-gets.

use bytes::Bytes;
use lockproof_protocol::memcached_binary::Status;
use lockproof_protocol::memcached_text::Answer;

use super::{Ask, not_stored};
use crate::Violation;
use crate::memcached::Outcome;

pub(super) const OTHER_KIND: Violation =
    Violation::Shape("a reply of another kind than the request's");

/// The outcome, unless more lines belong to the answer. What text does not tell is 0: the CAS of a store, touch or counter.
pub(super) fn read(ask: &mut Ask, answer: Answer<'_>) -> Result<Option<Outcome>, Violation> {
    Ok(Some(match (ask, answer) {
        // An unknown group, in the binary protocol's words (MCT-STT-06).
        (Ask::Stat(_), Answer::Error(Status::UNKNOWN_COMMAND))
        | (Ask::Store(_) | Ask::Delete | Ask::Touch | Ask::Count, Answer::NotFound) => {
            Outcome::Refused(Status::KEY_NOT_FOUND)
        }
        (_, Answer::Error(status)) => Outcome::Refused(status),
        (Ask::Stat(stats), Answer::Stat { name, value }) => {
            stats.push((Bytes::copy_from_slice(name), Bytes::copy_from_slice(value)));
            return Ok(None);
        }
        (Ask::Stat(stats), Answer::End | Answer::Reset | Answer::Ok) => {
            Outcome::Stats(std::mem::take(stats))
        }
        (Ask::Store(_) | Ask::Concat, Answer::Stored) => Outcome::Stored { cas: 0 },
        (Ask::Store(mode), Answer::NotStored) => Outcome::Refused(not_stored(*mode)),
        (Ask::Concat, Answer::NotStored) => Outcome::Refused(Status::NOT_STORED),
        (Ask::Store(_), Answer::Exists) => Outcome::Refused(Status::KEY_EXISTS),
        (Ask::Delete, Answer::Deleted)
        | (Ask::Flush, Answer::Ok)
        | (Ask::Nop, Answer::Version(_)) => Outcome::Done,
        (Ask::Touch, Answer::Touched) => Outcome::Touched { cas: 0 },
        (Ask::Count, Answer::Counter(value)) => Outcome::Counter { value, cas: 0 },
        (Ask::Version, Answer::Version(text)) => Outcome::Text(Bytes::copy_from_slice(text)),
        (Ask::Login, Answer::Stored) => Outcome::Text(Bytes::from_static(b"Authenticated")),
        _ => return Err(OTHER_KIND),
    }))
}
