//! Sessions out of traffic: live, by a proxy in front of a server, or from recordings that exist.
//!
//! In reading order: [`Event`] is what was seen on the wire; [`transcribe()`] makes the session; [`record`] collects events
//! from live traffic; [`import`] reads them from JSON lines; [`deviations`] turns the places where a recorded original
//! departs from its documentation into named alternatives.

pub mod deviations;
mod digest;
mod draft;
mod endings;
mod event;
pub mod import;
mod memcached;
mod netmem;
mod proxy;
mod scribe;
mod stats;
mod stream;
#[cfg(test)]
mod tests;
mod transcribe;

pub use event::{Ending, Event, What};
pub use proxy::{RECORDED_BYTES_MAX, record};
pub use transcribe::{Source, transcribe};

use crate::session::ParseError;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The listener failed.
    #[error("the recorder cannot accept connections: {0}")]
    Listener(#[from] std::io::Error),
    /// The recorder wrote something that is no session: a defect of the recorder.
    #[error("the recorder wrote a session that does not parse: {0}")]
    NotASession(#[from] ParseError),
}
