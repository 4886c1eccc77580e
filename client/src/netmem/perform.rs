//! What both shells do around an operation: the handshake, and answers as results.

use super::{API, Answer, Core, PageCache};
use crate::{Error, Violation};

/// NM-CLI-01. Both requests go out in one write; the answers come in order.
pub(super) fn handshake() -> Core {
    let mut core = Core::for_handshake();
    core.get_params();
    core.get_version();
    core
}

/// Number and length of the pages, as the handshake's answers tell.
pub(super) fn parameters(answers: &[Answer]) -> Result<(u32, u32), Error> {
    match answers {
        [Answer::Params { pages, page_bytes }, Answer::Version { api, .. }] => {
            if *api == API {
                return Ok((*pages, *page_bytes));
            }
            Err(Error::Incompatible { client: API, server: *api })
        }
        _ => Err(UNMATCHED),
    }
}

/// A cache can be shared only among clients of servers with the same pages.
pub(super) fn check_parameters(cache: &PageCache, found: (u32, u32)) -> Result<(), Error> {
    Violation::check("number of pages", cache.pages(), found.0)
        .and_then(|()| Violation::check("page length", cache.page_bytes(), found.1))
        .map_err(|violation| Error::Protocol { violation, maybe_applied: false })
}

/// Stands where the core's own bookkeeping makes it unreachable.
pub(super) const UNMATCHED: Error = Error::Protocol {
    violation: Violation::Shape("an answer of another kind than the request's"),
    maybe_applied: true,
};

pub(super) fn unexpected(answer: &Answer) -> Error {
    match answer {
        Answer::Refused(refusal) => Error::refused(*refusal),
        _ => UNMATCHED,
    }
}
