//! Errors of the clients as exceptions: the classes are Python's (`_errors.py`), and so is the choice among them.

use std::io;

use lockproof_client::{Error, Refusal};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Asked when a signal interrupts a wait: runs Python's handlers, and gives up if one of them raises.
#[allow(clippy::redundant_closure_for_method_calls, reason = "the method is not general enough")]
pub(crate) fn on_interrupt() -> io::Result<()> {
    Python::attach(|py| py.check_signals())
        .map_err(|raised| io::Error::new(io::ErrorKind::Interrupted, raised))
}

/// What was raised by a signal handler, or what `lockproof._errors.failure` makes of the rest.
pub(crate) fn raise(py: Python<'_>, error: Error) -> PyErr {
    let maybe_applied = error.maybe_applied();
    let text = error.to_string();
    match error {
        Error::Transport { source, .. } => match source.downcast::<PyErr>() {
            Ok(raised) => raised,
            Err(_) => failure(py, "connection", &text, maybe_applied, None),
        },
        Error::Timeout { .. } => failure(py, "timeout", &text, maybe_applied, None),
        Error::Refused { refusal: Refusal::Memcached(status), .. } => {
            failure(py, "refused", &text, maybe_applied, Some(status.0))
        }
        Error::Refused { refusal: Refusal::NoSuchPage, .. } => {
            failure(py, "no_such_page", &text, false, None)
        }
        Error::Refused { .. } => failure(py, "refused", &text, maybe_applied, None),
        Error::Protocol { .. } | Error::Incompatible { .. } => {
            failure(py, "protocol", &text, maybe_applied, None)
        }
        Error::Closed { .. } => failure(py, "connection", &text, false, None),
        Error::InvalidKeys(_) => failure(py, "key", &text, false, None),
        Error::Invalid { reason } if reason.starts_with("the key") => {
            failure(py, "key", &text, false, None)
        }
        _ => failure(py, "invalid", &text, maybe_applied, None),
    }
}

/// Whether it is what a signal handler raised: not a failure of the operation, but the end of all that was asked.
pub(crate) fn is_raised(error: &Error) -> bool {
    let Error::Transport { source, .. } = error else { return false };
    source.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<PyErr>)
}

/// A connection that could not be made.
pub(crate) fn raise_connect(py: Python<'_>, peer: &str, error: io::Error) -> PyErr {
    let timed_out = error.kind() == io::ErrorKind::TimedOut;
    match error.downcast::<PyErr>() {
        Ok(raised) => raised,
        Err(error) => {
            let kind = if timed_out { "timeout" } else { "connection" };
            failure(py, kind, &format!("no connection to {peer}: {error}"), false, None)
        }
    }
}

/// A failure of a kind that `_errors.failure` knows.
pub(crate) fn failure(
    py: Python<'_>,
    kind: &str,
    text: &str,
    maybe_applied: bool,
    status: Option<u16>,
) -> PyErr {
    static FAILURE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class = FAILURE.import(py, "lockproof._errors", "failure");
    let raised = class.and_then(|make| make.call1((kind, text, maybe_applied, status)));
    raised.map_or_else(|error| error, PyErr::from_value)
}
