//! What both shells make of an answer.

use lockproof_protocol::locker::Outcome;

use crate::run::Run;
use crate::{Error, Violation};

/// The outcome, or an error where it is none that a client is asked about.
pub(super) fn result(run: Run<Outcome>) -> Result<Outcome, Error> {
    match run.all()?.pop() {
        Some(outcome @ (Outcome::Ok | Outcome::Busy | Outcome::NotHeld | Outcome::SelfHeld)) => {
            Ok(outcome)
        }
        Some(outcome) => Err(Error::refused(outcome)),
        None => Err(UNMATCHED),
    }
}

/// Stands where the core's own bookkeeping makes it unreachable.
const UNMATCHED: Error = Error::Protocol {
    violation: Violation::Shape("a request without an answer"),
    maybe_applied: true,
};
