//! All cases of a protocol against one of its servers, with an eye on the wall clock: a server that spins would hold
//! paused time up for ever.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use lockproof_conformance::replay::Delivery;
use lockproof_conformance::suite::Case;
use lockproof_conformance::target::SPECIAL;
use lockproof_defects::Kind;

use super::world::{Outcome, play};

/// What notices before any case does: the server is told off as a whole, and no case is put to it.
pub(crate) const GREETING: &str = "greeting";

/// A case that noticed.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    /// The case's id, or the greeting.
    pub(crate) case: String,
    /// In which delivery.
    pub(crate) delivery: Delivery,
    /// What it saw.
    pub(crate) what: String,
}

/// Who notices the defect, or with `None` whom the correct server does not please; each within `limit` of real time.
///
/// # Errors
///
/// No verdict can be had: the server panicked or spins.
pub(crate) fn noticed(
    kind: Kind,
    defect: Option<&'static str>,
    cases: &[Arc<Case>],
    delivery: Delivery,
    limit: Duration,
) -> Result<Vec<Notice>, String> {
    let outcomes = on_a_thread(kind, defect, cases.to_vec(), delivery);
    let mut notices = Vec::new();
    for case in cases {
        let place = format!("{} ({})", case.id(), delivery.name());
        match outcomes.recv_timeout(limit) {
            Ok(Outcome::Passed) => {}
            Ok(Outcome::Noticed(what)) => {
                notices.push(Notice { case: case.id().to_owned(), delivery, what });
            }
            // A server that is set up for this case greets in its own way.
            Ok(Outcome::Mute(what)) if is_special(case) => {
                notices.push(Notice { case: case.id().to_owned(), delivery, what });
            }
            // The same server, the same greeting: it is the same for every case.
            Ok(Outcome::Mute(what)) => {
                return Ok(vec![Notice { case: GREETING.to_owned(), delivery, what }]);
            }
            Ok(Outcome::Panicked(why)) => {
                return Err(format!("{place}: the server panicked: {why}"));
            }
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("{place}: no verdict within {limit:?} of real time: it spins"));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(format!("{place}: the judge panicked (see above)"));
            }
        }
    }
    Ok(notices)
}

/// Whether the case wants a server that is set up for it.
pub(crate) fn is_special(case: &Case) -> bool {
    SPECIAL.into_iter().any(|need| case.needs(need))
}

/// One outcome a case, in order. The thread is left behind if it spins.
fn on_a_thread(
    kind: Kind,
    defect: Option<&'static str>,
    cases: Vec<Arc<Case>>,
    delivery: Delivery,
) -> Receiver<Outcome> {
    let (tell, told) = channel();
    thread::spawn(move || {
        for case in cases {
            if tell.send(play(&kind, defect, &case, delivery)).is_err() {
                return;
            }
        }
    });
    told
}
