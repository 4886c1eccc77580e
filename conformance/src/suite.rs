//! All cases: the session files below `sessions/`, which judge servers, and below `client_sessions/`, which judge
//! clients. The binary carries them.

use std::sync::Arc;

use include_dir::{Dir, include_dir};

use crate::aliases::{Alias, Aliases};
use crate::replay::Delivery;
use crate::session::{Level, ParseError, Session};
use crate::wire::Protocol;

static SESSIONS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/sessions");
static CLIENT_SESSIONS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/client_sessions");

/// One case of the suite.
#[derive(Debug)]
pub struct Case {
    /// The parsed file.
    pub session: Session,
    /// Its path below `sessions/` or `client_sessions/`, or the user's file.
    pub path: String,
}

impl Case {
    /// `PROTOCOL/GROUP/NAME`.
    pub fn id(&self) -> &str {
        &self.session.header.case
    }

    /// The protocol.
    pub fn protocol(&self) -> Protocol {
        self.session.header.protocol()
    }

    /// How binding it is.
    pub const fn level(&self) -> Level {
        self.session.header.level
    }

    /// Whether the case asks for `capability`.
    pub fn needs(&self, capability: &str) -> bool {
        self.session.header.needs.iter().any(|need| need == capability)
    }
}

/// A session file of the suite that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}")]
pub struct BrokenCase {
    path: String,
    error: ParseError,
}

/// Every case for servers, by id.
///
/// # Errors
///
/// A session file that does not parse: a fault of this build, found by its tests.
pub fn all() -> Result<Vec<Arc<Case>>, BrokenCase> {
    parsed(&SESSIONS)
}

/// Every case for clients, by id.
///
/// # Errors
///
/// As [`all`].
pub fn for_clients() -> Result<Vec<Arc<Case>>, BrokenCase> {
    parsed(&CLIENT_SESSIONS)
}

fn parsed(dir: &'static Dir<'static>) -> Result<Vec<Arc<Case>>, BrokenCase> {
    let mut files = Vec::new();
    collect(dir, &mut files);
    let mut cases = Vec::with_capacity(files.len());
    for (path, text) in files {
        let session =
            Session::parse(text).map_err(|error| BrokenCase { path: path.clone(), error })?;
        cases.push(Arc::new(Case { session, path }));
    }
    cases.sort_by(|a, b| a.id().cmp(b.id()));
    Ok(cases)
}

fn collect(dir: &'static Dir<'static>, into: &mut Vec<(String, &'static str)>) {
    for file in dir.files() {
        let is_session = file.path().extension().is_some_and(|extension| extension == "session");
        if let (true, Some(text)) = (is_session, file.contents_utf8()) {
            into.push((file.path().to_string_lossy().into_owned(), text));
        }
    }
    dir.dirs().for_each(|dir| collect(dir, into));
}

/// Which cases are wanted.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Ids or globs; empty means all.
    pub cases: Vec<String>,
    /// Levels; empty means all.
    pub levels: Vec<Level>,
    /// Kinds of servers, named by [`Protocol::server`]; empty means all. Those of memcached speak three protocols.
    pub servers: Vec<Protocol>,
    /// Protocols; empty means all.
    pub protocols: Vec<Protocol>,
}

/// A selection that selects nothing, or asks for what is not there.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum SelectionError {
    /// A name without a case.
    #[error("no case matches `{0}`{1}; `lockproof check --list` shows all")]
    UnknownCase(String, String),
    /// Not a glob.
    #[error("`{0}` is not a glob: {1}")]
    BadGlob(String, String),
    /// Every name has a case, but none has the level and protocol asked for.
    #[error("no case is left: none of this protocol and level matches")]
    Empty,
}

impl Selection {
    /// The selected cases of `all`.
    ///
    /// # Errors
    ///
    /// A glob that matches no case, or an empty selection: a run of nothing proves nothing.
    pub fn of(&self, all: &[Arc<Case>]) -> Result<Vec<Arc<Case>>, SelectionError> {
        let aliases = Aliases::bundled();
        let mut globs = Vec::new();
        for text in &self.cases {
            let glob = glob::Pattern::new(text)
                .map_err(|error| SelectionError::BadGlob(text.clone(), error.msg.to_owned()))?;
            if !all.iter().any(|case| aliases.matches(&glob, case.id())) {
                return Err(SelectionError::UnknownCase(text.clone(), nearest(text, all)));
            }
            globs.push(glob);
        }
        let selected: Vec<_> = all
            .iter()
            .filter(|case| {
                globs.is_empty() || globs.iter().any(|glob| aliases.matches(glob, case.id()))
            })
            .filter(|case| self.levels.is_empty() || self.levels.contains(&case.level()))
            .filter(|case| is_in(&self.servers, case.protocol().server()))
            .filter(|case| is_in(&self.protocols, case.protocol()))
            .cloned()
            .collect();
        if selected.is_empty() { Err(SelectionError::Empty) } else { Ok(selected) }
    }

    /// The cases that are asked for by an id that they had before.
    pub fn renamed(&self) -> Vec<&'static Alias> {
        let globs = self.cases.iter().filter_map(|text| glob::Pattern::new(text).ok());
        globs
            .flat_map(|glob| Aliases::bundled().only_by_old_id(&glob).collect::<Vec<_>>())
            .collect()
    }
}

/// An empty list has everything in it.
fn is_in(wanted: &[Protocol], protocol: Protocol) -> bool {
    wanted.is_empty() || wanted.contains(&protocol)
}

/// A hint: cases that contain the last part of what was asked for.
fn nearest(text: &str, all: &[Arc<Case>]) -> String {
    let word = text.rsplit('/').next().unwrap_or(text);
    let found: Vec<&str> = all
        .iter()
        .map(|case| case.id())
        .filter(|id| !word.is_empty() && id.contains(word))
        .take(3)
        .collect();
    if found.is_empty() { String::new() } else { format!(" (did you mean {}?)", found.join(", ")) }
}

/// The deliveries that a word of the command line stands for.
pub fn deliveries(word: &str) -> Option<Vec<Delivery>> {
    if word == "all" {
        Some(Delivery::ALL.to_vec())
    } else {
        Delivery::from_name(word).map(|one| vec![one])
    }
}
