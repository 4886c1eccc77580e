//! NetMem's pages, each alone: version, data, and who holds its lock.
//!
//! A call that must wait has no reply until the lock is granted, and so cannot have happened before: waiting needs no rule of
//! its own. The end of a session frees what it holds, whenever the server gets to know of it. Left out: who of those that
//! wait is next (a SHOULD), pages that do not exist, and payloads that are too long.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::brief::brief;
use super::{About, Model};

/// NetMem.
#[derive(Clone, Debug)]
pub struct Pages {
    /// What each page, by its index, has before the first call; version 1 and zeros for those that are not here.
    pub before: BTreeMap<u32, (i32, Arc<[u8]>)>,
    /// Bytes of a page.
    pub length: usize,
}

/// A request about one page, or the end of its session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// `READ_PAGE`, with the version that the client has.
    Read(u32, i32),
    /// `LOCK_PAGE`, with the version that the client has.
    Lock(u32, i32),
    /// `UNLOCK_PAGE`, with what is stored at the page's start.
    Unlock(u32, Arc<[u8]>),
    /// `UPDATE_PAGE`, with the page's new version (negative: the next one).
    Update(u32, i32, Arc<[u8]>),
    /// The connection ends.
    End,
}

/// What came of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// Of `READ_PAGE` and `LOCK_PAGE`: the page's version, and its data unless the client's version is the same.
    Page(i32, Option<Arc<[u8]>>),
    /// Of `UNLOCK_PAGE` and `UPDATE_PAGE`: the page's new version.
    Written(i32),
    /// 101.
    NotLocked,
}

/// A page.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Page {
    version: i32,
    data: Arc<[u8]>,
    holder: Option<u64>,
}

/// A page's index.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Index(pub u32);

impl Model for Pages {
    type Key = Index;
    type State = Page;
    type Input = Request;
    type Output = Reply;

    fn about(&self, input: &Request) -> About<Index> {
        match input {
            Request::Read(page, _)
            | Request::Lock(page, _)
            | Request::Unlock(page, _)
            | Request::Update(page, ..) => About::Keys(vec![Index(*page)]),
            Request::End => About::Session,
        }
    }

    fn start(&self, keys: &BTreeSet<Index>) -> Page {
        let before = keys.first().and_then(|page| self.before.get(&page.0)).cloned();
        let (version, data) = before.unwrap_or_else(|| (1, vec![0; self.length].into()));
        Page { version, data, holder: None }
    }

    fn step(
        &self,
        state: &Page,
        session: u64,
        input: &Request,
        output: Option<&Reply>,
    ) -> Option<Page> {
        match input {
            Request::Read(_, has) => state.shows(*has, output).then(|| state.clone()),
            Request::Lock(_, has) => (state.lets(session) && state.shows(*has, output))
                .then(|| Page { holder: Some(session), ..state.clone() }),
            Request::Unlock(_, data) if state.holder == Some(session) => {
                state.written(data, state.next_version(), output)
            }
            Request::Unlock(..) => (output == Some(&Reply::NotLocked)).then(|| state.clone()),
            Request::Update(_, version, data) if state.lets(session) => {
                let version = if *version < 0 { state.next_version() } else { *version };
                state.written(data, version, output)
            }
            Request::Update(..) => None,
            Request::End => {
                (state.holder == Some(session)).then(|| Page { holder: None, ..state.clone() })
            }
        }
    }

    fn only_looks(&self, input: &Request) -> bool {
        matches!(input, Request::Read(..))
    }
}

impl Page {
    /// Whether that session need not wait.
    fn lets(&self, session: u64) -> bool {
        self.holder.is_none_or(|holder| holder == session)
    }

    /// Whether a client that has that version may be shown this (NM-READ-01, NM-READ-02).
    fn shows(&self, has: i32, output: Option<&Reply>) -> bool {
        match output {
            None => true,
            Some(Reply::Page(version, data)) => {
                let expected = (has != self.version).then_some(&self.data);
                *version == self.version && data.as_ref() == expected
            }
            Some(_) => false,
        }
    }

    /// NM-UPD-07.
    fn next_version(&self) -> i32 {
        self.version.checked_add(1).unwrap_or(1)
    }

    /// The page with that at its start, and free.
    fn written(&self, start: &[u8], version: i32, output: Option<&Reply>) -> Option<Self> {
        if output.is_some_and(|output| *output != Reply::Written(version)) {
            return None;
        }
        let rest = self.data.get(start.len()..)?;
        Some(Self { version, data: [start, rest].concat().into(), holder: None })
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}", self.0)
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(page, has) => write!(f, "read page={page} version={has}"),
            Self::Lock(page, has) => write!(f, "lock page={page} version={has}"),
            Self::Unlock(page, data) => write!(f, "unlock page={page} data={}", brief(data)),
            Self::Update(page, version, data) => {
                write!(f, "update page={page} version={version} data={}", brief(data))
            }
            Self::End => f.write_str("end"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page(version, Some(data)) => write!(f, "version={version} data={}", brief(data)),
            Self::Page(version, None) | Self::Written(version) => write!(f, "version={version}"),
            Self::NotLocked => f.write_str("not locked"),
        }
    }
}
