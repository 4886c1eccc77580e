//! Pages and their locks, right until a flaw is switched on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use bytes::{Bytes, BytesMut};
use lockproof_protocol::netmem::{PageReply, Reply, Request, WriteReply};

use super::Flaw;

/// One page.
#[derive(Debug)]
struct Page {
    version: i32,
    data: Bytes,
    owner: Option<u64>,
    /// Who waits for the lock, with the version that it has.
    waiting: VecDeque<(u64, i32)>,
}

/// A reply, and whose it is.
pub(super) type Due = (u64, Reply);

/// All pages.
#[derive(Debug)]
pub(super) struct Table {
    flaw: Flaw,
    len: usize,
    pages: Vec<Page>,
    /// Where a session came from.
    peers: BTreeMap<u64, IpAddr>,
    /// Every page that a session was ever granted, for P04.
    ever: BTreeMap<u64, BTreeSet<u32>>,
}

impl Table {
    pub(super) fn new(flaw: Flaw, pages: u32, len: u32) -> Self {
        let len = usize::try_from(len).unwrap_or_default();
        let data = Bytes::from(vec![0; len]);
        let page =
            || Page { version: 1, data: data.clone(), owner: None, waiting: VecDeque::new() };
        Self {
            flaw,
            len,
            pages: (0..pages).map(|_| page()).collect(),
            ever: BTreeMap::new(),
            peers: BTreeMap::new(),
        }
    }

    pub(super) fn open(&mut self, session: u64, peer: IpAddr) {
        self.peers.insert(session, peer);
    }

    /// Whether two sessions are one: P10 takes for one what has one address.
    fn is_same(&self, one: u64, other: u64) -> bool {
        let same_peer = self.peers.get(&one) == self.peers.get(&other);
        one == other || (self.flaw == Flaw::P10 && same_peer)
    }

    /// Whether the page is the session's own.
    fn owns(&self, session: u64, page: u32) -> bool {
        let page = self.pages.get(usize::try_from(page).unwrap_or_default());
        let owner = page.and_then(|page| page.owner);
        owner.is_some_and(|owner| self.is_same(owner, session))
    }

    /// Replies that are due; none of its own for a session that has to wait.
    pub(super) fn apply(&mut self, session: u64, request: &Request) -> Vec<Due> {
        let own = |reply| vec![(session, reply)];
        match request {
            Request::GetVersion => {
                let (api_major, api_minor, server_major, server_minor) = (0, 2, 0, 1);
                own(Reply::Version { api_major, api_minor, server_major, server_minor })
            }
            Request::GetParams => {
                let number = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
                own(Reply::Params { pages: number(self.pages.len()), page_len: number(self.len) })
            }
            Request::Read { page, version } => own(self.show(PageReply::Read, *page, *version)),
            Request::Lock { page, version } => self.lock(session, *page, *version),
            Request::Unlock { page, data, .. } => self.unlock(session, *page, data),
            // Nobody here updates a page that another has locked.
            Request::Update { page, data, .. } => {
                let version = self.write(*page, data);
                own(Reply::Written { kind: WriteReply::Update, page: *page, version })
            }
        }
    }

    fn page(&mut self, page: u32) -> &mut Page {
        &mut self.pages[usize::try_from(page).unwrap_or_default()]
    }

    fn show(&mut self, kind: PageReply, page: u32, known: i32) -> Reply {
        let Page { version, data, .. } = self.page(page);
        let data = (*version != known).then(|| data.clone());
        Reply::Page { kind, page, version: *version, data }
    }

    fn write(&mut self, page: u32, data: &[u8]) -> i32 {
        let found = self.page(page);
        let mut whole = BytesMut::from(&found.data[..]);
        whole[..data.len()].copy_from_slice(data);
        found.data = whole.freeze();
        found.version += 1;
        found.version
    }

    fn lock(&mut self, session: u64, page: u32, version: i32) -> Vec<Due> {
        if self.page(page).owner.is_some() && !self.owns(session, page) {
            self.page(page).waiting.push_back((session, version));
            return Vec::new();
        }
        vec![self.grant(session, page, version)]
    }

    fn grant(&mut self, session: u64, page: u32, version: i32) -> Due {
        self.page(page).owner = Some(session);
        self.ever.entry(session).or_default().insert(page);
        (session, self.show(PageReply::Lock, page, version))
    }

    fn unlock(&mut self, session: u64, page: u32, data: &[u8]) -> Vec<Due> {
        let anybody = self.flaw == Flaw::P06 && self.page(page).owner.is_some();
        if !anybody && !self.owns(session, page) {
            return vec![(session, Reply::NotLocked { page })];
        }
        let version = self.write(page, data);
        let mut due = vec![(session, Reply::Written { kind: WriteReply::Unlock, page, version })];
        if self.flaw != Flaw::P07 {
            due.extend(self.free(page));
        }
        due
    }

    /// Frees a page, and grants it to whoever waits.
    fn free(&mut self, page: u32) -> Vec<Due> {
        self.page(page).owner = None;
        let mut granted = Vec::new();
        while let Some((next, version)) = self.page(page).waiting.pop_front() {
            granted.push(self.grant(next, page, version));
            if self.flaw != Flaw::P08 {
                break;
            }
        }
        granted
    }

    /// Forgets a session, and frees what it holds.
    pub(super) fn end(&mut self, session: u64) -> Vec<Due> {
        let ever = self.ever.remove(&session).unwrap_or_default();
        if self.flaw != Flaw::P05 {
            for page in &mut self.pages {
                page.waiting.retain(|(waiter, _)| *waiter != session);
            }
        }
        let mut granted = Vec::new();
        for page in ever {
            let whoever = self.flaw == Flaw::P04 && self.page(page).owner.is_some();
            if whoever || self.owns(session, page) {
                granted.extend(self.free(page));
            }
        }
        granted
    }
}
