//! From events to a session: every message stands where its last byte was seen.
//!
//! What another run cannot repeat is named or masked (CAS values, versions of a server's pages, texts, statistics,
//! pages nobody wrote yet); what a client did with its segments and its connections is kept. Times are kept only where
//! they can matter: a pause becomes `advance` once something stored can expire.

use std::collections::BTreeSet;

use super::RecordError;
use super::draft;
use super::event::Event;
use super::memcached::CasNames;
use super::scribe::Scribe;
use crate::session::Session;
use crate::wire::Codec;

/// Where events come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// `PROTOCOL/recorded/NAME`.
    pub case: String,
    /// One sentence.
    pub title: String,
    /// Lines of explanation above the steps.
    pub comments: Vec<String>,
    /// Protocol and dialect.
    pub codec: Codec,
    /// The server was new when the recording began, so that its versions and sizes are any new server's.
    pub fresh: bool,
    /// NetMem: bytes of a page, if known.
    pub page_length: Option<usize>,
    /// Unix time (seconds) of the first event, if known: expiry times are then written as `now+3`.
    pub unix_start: Option<u64>,
}

/// Makes a session of what happened.
///
/// # Errors
///
/// The session does not parse: a case name that is none, or a defect of the recorder.
pub fn transcribe(source: &Source, events: &[Event]) -> Result<Session, RecordError> {
    let script = Script::of(source, events);
    draft::session(&script.header(&[]), &script.body())
}

/// A session's lines, before deviations are marked.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) source: Source,
    pub(super) needs: BTreeSet<&'static str>,
    pub(super) conn: Vec<String>,
    pub(super) steps: Vec<String>,
}

impl Script {
    pub(super) fn of(source: &Source, events: &[Event]) -> Self {
        // CAS values get a name only if they come up again, so everything is read twice.
        let first = Scribe::new(source, events, CasNames::default()).run();
        Scribe::new(source, events, first.names.noted()).run().script()
    }

    pub(super) fn header(&self, spec: &[String]) -> Vec<String> {
        let mut lines = vec![
            format!("case   {}", self.source.case),
            format!("title  {}", self.source.title),
            "level  info".to_owned(),
        ];
        if !spec.is_empty() {
            lines.push(format!("spec   {}", spec.join(" ")));
        }
        if !self.needs.is_empty() {
            lines.push(format!(
                "needs  {}",
                self.needs.iter().copied().collect::<Vec<_>>().join(" ")
            ));
        }
        lines.push(format!("conn   {}", self.conn.join(" ")));
        lines
    }

    pub(super) fn comments(&self) -> Vec<String> {
        self.source.comments.iter().map(|comment| format!("# {comment}")).collect()
    }

    fn body(&self) -> Vec<String> {
        let mut body = self.comments();
        if !body.is_empty() {
            body.push(String::new());
        }
        body.extend(self.steps.iter().cloned());
        body
    }
}
