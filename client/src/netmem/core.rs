//! The sans-IO core: requests out, replies matched by order in, and the cache kept right.
//!
//! Leaves out the handshake's order and what an answer is turned into (shell).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use lockproof_protocol::netmem::{PageReply, Reply, ReplyDecoder, Request, WriteReply};

use super::cache::{Page, PageCache, Snapshot};
use crate::{Conversation, Error, Refusal, Violation};

/// The largest page that this client takes, in bytes: what the protocol's own limit on a payload
/// allows (NM-SIZE-03).
const PAGE_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// A version that no page has (NM-UPD-07), so a read with it is always answered with data.
const NO_VERSION: i32 = -1;

/// The version that says "I have nothing" (NM-READ-06).
const EMPTY_VERSION: i32 = 0;

/// What one netmem request came to.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// Versions of the server: API, then program; major and minor each.
    Version {
        /// API major and minor.
        api: (u8, u8),
        /// Program major and minor.
        server: (u8, u8),
    },
    /// What the server has.
    Params {
        /// Number of pages.
        pages: u32,
        /// Bytes in each.
        page_bytes: u32,
    },
    /// The page, from the reply or from the cache.
    Page(Page),
    /// The request is done, and the page's data is not known for certain: it has version 0, which
    /// can't be told from an empty cache (NM-UPD-08), or a clone wrote it while this connection
    /// waited for its lock. Ask with [`Core::read_anew`].
    Uncached,
    /// An unlock or update was made.
    Written {
        /// The page's version from now on.
        version: i32,
    },
    /// The server said no.
    Refused(Refusal),
}

/// One connection's pending requests, and its part in the shared cache.
#[derive(Debug)]
pub struct Core {
    cache: Arc<PageCache>,
    pending: VecDeque<Pending>,
    /// Pages that this connection holds, with the version at the grant.
    locked: BTreeMap<u32, i32>,
    output: BytesMut,
    decoder: ReplyDecoder,
}

#[derive(Debug)]
enum Pending {
    Version,
    Params,
    Page { kind: PageReply, number: u32, asked: i32, snapshot: Snapshot },
    Write { kind: WriteReply, number: u32, asked: i32, data: Bytes, since: Snapshot },
}

impl Core {
    /// A core for a connection's handshake: it can ask for version and parameters only, for want of
    /// a cache.
    pub fn for_handshake() -> Self {
        Self::new(Arc::new(PageCache::new(0, 0)))
    }

    /// A core that shares `cache` with others.
    pub fn new(cache: Arc<PageCache>) -> Self {
        let decoder = ReplyDecoder::new(cache.page_bytes());
        let (pending, locked, output) = (VecDeque::new(), BTreeMap::new(), BytesMut::new());
        Self { cache, pending, locked, output, decoder }
    }

    /// The shared cache.
    pub fn cache(&self) -> &Arc<PageCache> {
        &self.cache
    }

    /// The pages that this connection holds.
    pub fn locked(&self) -> impl Iterator<Item = u32> + '_ {
        self.locked.keys().copied()
    }

    /// Asks for the versions.
    pub fn get_version(&mut self) {
        self.push(&Request::GetVersion, Pending::Version);
    }

    /// Asks for the number and size of pages.
    pub fn get_params(&mut self) {
        self.push(&Request::GetParams, Pending::Params);
    }

    /// Asks for a page, or for word that the cached one is current.
    pub fn read(&mut self, page: u32) {
        let snapshot = self.cache.snapshot(page);
        let version = snapshot.page.as_ref().map_or(EMPTY_VERSION, |page| page.version);
        self.read_as(page, version, snapshot);
    }

    /// Asks for a page's data, whatever is cached.
    pub fn read_anew(&mut self, page: u32) {
        let snapshot = self.cache.snapshot(page);
        self.read_as(page, NO_VERSION, snapshot);
    }

    fn read_as(&mut self, page: u32, version: i32, snapshot: Snapshot) {
        let kind = PageReply::Read;
        let pending = Pending::Page { kind, number: page, asked: version, snapshot };
        self.push(&Request::Read { page, version }, pending);
    }

    /// Asks for a page's lock. The answer comes when it is granted.
    pub fn lock(&mut self, page: u32) {
        let snapshot = self.cache.snapshot(page);
        let version = snapshot.page.as_ref().map_or(EMPTY_VERSION, |page| page.version);
        let kind = PageReply::Lock;
        let pending = Pending::Page { kind, number: page, asked: version, snapshot };
        self.push(&Request::Lock { page, version }, pending);
    }

    /// Stores `data` at the start of a page and releases its lock.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the data is longer than a page; nothing is added to the output then.
    pub fn unlock(&mut self, page: u32, data: Bytes) -> Result<(), Error> {
        self.check_length(&data)?;
        let asked = self.locked.get(&page).copied().unwrap_or(EMPTY_VERSION);
        let request = Request::Unlock { page, version: asked, data: data.clone() };
        self.write(&request, WriteReply::Unlock, page, asked, data);
        Ok(())
    }

    /// Stores `data` at the start of a page, waiting for its lock. The page's version becomes
    /// `version`, or without one rises by 1.
    ///
    /// Two updates with the same version and different data can't be told apart by anyone who has
    /// cached the first (NM-READ-02): give each its own, or none.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the data is longer than a page, or the version negative; nothing is
    /// added to the output then.
    pub fn update(&mut self, page: u32, data: Bytes, version: Option<i32>) -> Result<(), Error> {
        self.check_length(&data)?;
        if version.is_some_and(i32::is_negative) {
            return Err(Error::invalid("a version is never negative"));
        }
        let version = version.unwrap_or(NO_VERSION);
        let request = Request::Update { page, version, data: data.clone() };
        self.write(&request, WriteReply::Update, page, version, data);
        Ok(())
    }

    fn write(&mut self, request: &Request, kind: WriteReply, number: u32, asked: i32, data: Bytes) {
        let since = self.cache.begin_write(number);
        self.push(request, Pending::Write { kind, number, asked, data, since });
    }

    fn push(&mut self, request: &Request, pending: Pending) {
        request.encode(&mut self.output);
        self.pending.push_back(pending);
    }

    /// NM-SIZE-03: the server would store nothing, and may end the connection.
    fn check_length(&self, data: &[u8]) -> Result<(), Error> {
        match u32::try_from(data.len()) {
            Ok(length) if length <= self.cache.page_bytes() => Ok(()),
            _ => Err(Error::invalid("the data is longer than a page")),
        }
    }

    fn answer(&mut self, pending: Pending, reply: Reply) -> Result<Answer, Violation> {
        match (pending, reply) {
            (
                Pending::Version,
                Reply::Version { api_major, api_minor, server_major, server_minor },
            ) => {
                let (api, server) = ((api_major, api_minor), (server_major, server_minor));
                Ok(Answer::Version { api, server })
            }
            (Pending::Params, Reply::Params { pages, page_len }) => answer_params(pages, page_len),
            (
                Pending::Page { kind, number, asked, snapshot },
                Reply::Page { kind: got, page, version, data },
            ) if kind == got => {
                Violation::check("page", number, page)?;
                let fresh = data.is_some() || self.cache.is_unwritten(number, &snapshot);
                let answer = self.answer_page(number, asked, &snapshot, version, data)?;
                if kind == PageReply::Read {
                    return Ok(answer);
                }
                self.locked.insert(number, version);
                // The page at the grant (NM-LOCK-02) may be another than when the lock was asked
                // for, under a version number that has been used again.
                Ok(if fresh { answer } else { Answer::Uncached })
            }
            (
                Pending::Write { kind, number, asked, data, since },
                Reply::Written { kind: got, page, version },
            ) if kind == got => {
                Violation::check("page", number, page)?;
                self.answer_written(kind, number, asked, version, data, &since);
                Ok(Answer::Written { version })
            }
            (Pending::Page { .. }, Reply::NoSuchPage { .. }) => {
                Ok(Answer::Refused(Refusal::NoSuchPage))
            }
            (Pending::Write { number, since, .. }, Reply::NoSuchPage { .. }) => {
                self.cache.end_write(number, &since, None);
                Ok(Answer::Refused(Refusal::NoSuchPage))
            }
            (
                Pending::Write { kind: WriteReply::Unlock, number, since, .. },
                Reply::NotLocked { .. },
            ) => {
                self.cache.end_write(number, &since, None);
                self.locked.remove(&number);
                Ok(Answer::Refused(Refusal::NotLocked))
            }
            _ => Err(Violation::Shape("a reply of another type than the request's")),
        }
    }

    fn answer_page(
        &self,
        number: u32,
        asked: i32,
        snapshot: &Snapshot,
        version: i32,
        data: Option<Bytes>,
    ) -> Result<Answer, Violation> {
        let Some(data) = data else {
            // NM-READ-02: no data means that the versions are equal, so it must be the one we sent.
            let (asked, version) = (asked.cast_unsigned(), version.cast_unsigned());
            Violation::check("version of a reply without data", asked, version)?;
            return Ok(snapshot.page.clone().map_or(Answer::Uncached, Answer::Page));
        };
        Violation::check("page length", self.cache.page_bytes(), data.len() as u64)?;
        if version < 0 {
            return Err(Violation::Shape("a page with a negative version"));
        }
        // Copied, because a slice would keep the whole input buffer in memory.
        let page = Page { version, data: Bytes::copy_from_slice(&data) };
        self.cache.store(number, snapshot, page.clone());
        Ok(Answer::Page(page))
    }

    /// Puts what was written into the cache, where the reply proves that it is what the server has.
    fn answer_written(
        &mut self,
        kind: WriteReply,
        number: u32,
        asked: i32,
        version: i32,
        data: Bytes,
        since: &Snapshot,
    ) {
        let held = self.locked.remove(&number);
        let expected = match kind {
            // NM-UNLK-01. Some servers answer with the version of another client's later write;
            // that is not this data's.
            WriteReply::Unlock => held.map(|version| version.checked_add(1).unwrap_or(1)),
            // NM-UPD-02. Without a version of our own, the new one is not known to be unique.
            WriteReply::Update => Some(asked).filter(|version| *version > EMPTY_VERSION),
        };
        let whole = data.len() as u64 == u64::from(self.cache.page_bytes());
        let known = whole && expected == Some(version);
        self.cache.end_write(number, since, known.then_some(Page { version, data }));
    }
}

impl Conversation for Core {
    type Answer = Answer;

    fn take_output(&mut self) -> BytesMut {
        self.output.split()
    }

    fn receive(&mut self, input: &mut BytesMut) -> Result<Option<Answer>, Violation> {
        if self.pending.is_empty() {
            return Ok(None);
        }
        let Some(reply) = self.decoder.decode(input)? else {
            return Ok(None);
        };
        let Some(pending) = self.pending.pop_front() else {
            return Err(Violation::Shape("a reply to no pending request"));
        };
        self.answer(pending, reply).map(Some)
    }

    fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }
}

fn answer_params(pages: u32, page_bytes: u32) -> Result<Answer, Violation> {
    if page_bytes > PAGE_BYTES_MAX {
        return Err(Violation::Shape("pages of more than 16 MiB"));
    }
    Ok(Answer::Params { pages, page_bytes })
}
