//! NetMem: pages of bytes with a version each, a lock each, and a queue of those who wait for it.
//!
//! Left out: framing, payload limits of the wire, and what a session does while it waits (nothing:
//! the connection executes its next request only when the reply is there).

mod page;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use bytes::Bytes;
use lockproof_protocol::netmem::{PageReply, Reply, Request, WriteReply};

pub use self::page::{Since, Taken};

use self::page::{Page, Want};
use crate::{Effect, Now, SessionId};

/// The version of the NetMem API that is spoken here, major and minor (NM-VER-01).
pub const API_VERSION: (u8, u8) = (0, 2);

/// The version of this server, major and minor.
pub const SERVER_VERSION: (u8, u8) = (0, 1);

/// Sessions that may wait for one page, unless something else is said: as many as are served.
pub const WAITERS_MAX: usize = 10_000;

/// The size of the shared memory. It is fixed for the life of a server.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
pub struct Config {
    /// How many pages there are. Each costs about 100 bytes, and its data once it was written.
    pub pages: u32,
    /// Bytes per page.
    pub page_len: u32,
    /// Sessions that may wait for one page at the same time.
    pub waiters_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { pages: 1024, page_len: 4096, waiters_max: WAITERS_MAX }
    }
}

/// Whether a request was answered.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
#[must_use]
pub enum Progress {
    /// The session's reply is among the effects.
    Done,
    /// No reply yet: another session holds the page. The session's next request must not be applied
    /// before an effect for it has come out of some later call.
    Waiting,
    /// No reply, now or later: too many wait for the page already, and no reply of the protocol says so. The session
    /// must end.
    TooMany,
}

/// All pages of a server.
///
/// ```
/// use lockproof_protocol::netmem::{Reply, Request};
/// use lockproof_state_machine::{Now, SessionId, pages::{Config, Pages, Progress}};
///
/// let mut pages = Pages::new(Config { pages: 1, page_len: 4, ..Config::default() });
/// let mut effects = Vec::new();
/// let lock = Request::Lock { page: 0, version: 0 };
/// assert_eq!(pages.apply(Now::ZERO, SessionId(1), lock.clone(), &mut effects), Progress::Done);
/// assert_eq!(pages.apply(Now::ZERO, SessionId(2), lock, &mut effects), Progress::Waiting);
///
/// effects.clear();
/// pages.end_session(Now::ZERO, SessionId(1), &mut effects);
/// assert_eq!(effects[0].to, SessionId(2));
/// assert!(matches!(effects[0].reply, Reply::Page { page: 0, version: 1, .. }));
/// ```
#[derive(Debug)]
pub struct Pages {
    page_len: u32,
    waiters_max: usize,
    all: Vec<Page>,
    /// The pages that a session has ever held or waited for, so that its end need not look at all of them.
    touched: BTreeMap<SessionId, BTreeSet<u32>>,
}

impl Pages {
    /// Zeroed pages of version 1 (NM-READ-06, NM-READ-07) that nobody holds.
    pub fn new(config: Config) -> Self {
        let zeroes = Bytes::from(alloc::vec![0; size(config.page_len)]);
        let all = (0..config.pages).map(|_| Page::new(zeroes.clone())).collect();
        let Config { page_len, waiters_max, .. } = config;
        Self { page_len, waiters_max, all, touched: BTreeMap::new() }
    }

    /// Answers what changes nothing: `GetVersion`, `GetParams`, `Read`. A read never waits
    /// (NM-READ-04).
    ///
    /// The other requests need [`apply`](Self::apply); here they do nothing and are refused with
    /// [`Reply::NotLocked`].
    pub fn read(&self, request: &Request) -> Reply {
        match *request {
            Request::GetVersion => Reply::Version {
                api_major: API_VERSION.0,
                api_minor: API_VERSION.1,
                server_major: SERVER_VERSION.0,
                server_minor: SERVER_VERSION.1,
            },
            Request::GetParams => {
                let pages = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
                Reply::Params { pages, page_len: self.page_len }
            }
            Request::Read { page, version } => {
                self.all.get(size(page)).map_or(Reply::NoSuchPage { page }, |found| {
                    found.shown(PageReply::Read, page, version)
                })
            }
            Request::Lock { page, .. }
            | Request::Unlock { page, .. }
            | Request::Update { page, .. } => Reply::NotLocked { page },
        }
    }

    /// Executes one request of `session`. The session's own reply, if it is [`Progress::Done`],
    /// comes first among the new effects; replies to those who waited follow, in the order in which
    /// they were served.
    pub fn apply(
        &mut self,
        now: Now,
        session: SessionId,
        request: Request,
        effects: &mut Vec<Effect<Reply>>,
    ) -> Progress {
        let who = Since { session, at: now };
        match request {
            Request::Lock { page, version } => {
                self.take(who, page, Want::Lock { version }, effects)
            }
            Request::Update { page, version, data } => {
                self.take(who, page, Want::Update { version, data }, effects)
            }
            Request::Unlock { page, data, .. } => {
                self.unlock(who, page, &data, effects);
                Progress::Done
            }
            Request::GetVersion | Request::GetParams | Request::Read { .. } => {
                effects.push(Effect { to: session, reply: self.read(&request) });
                Progress::Done
            }
        }
    }

    /// Forgets a session, however it ended: its waiting request is dropped (NM-DISC-02,
    /// NM-DISC-04), then its locks are released (NM-DISC-01). Effects are for those who waited.
    pub fn end_session(&mut self, now: Now, session: SessionId, effects: &mut Vec<Effect<Reply>>) {
        for index in self.touched.remove(&session).unwrap_or_default() {
            let Some(page) = self.all.get_mut(size(index)) else { continue };
            page.forget_waiter(session);
            if page.is_held_by(session) {
                self.release(now, index, effects);
            }
        }
    }

    /// Every page that is held, with its holder and those who wait.
    pub fn taken(&self) -> impl Iterator<Item = Taken<'_>> {
        (0..).zip(&self.all).filter_map(|(index, page)| page.taken(index))
    }

    /// A lock or an update: at once when the page is free or the caller's own (NM-LOCK-06,
    /// NM-UPD-05), otherwise in the page's queue.
    fn take(
        &mut self,
        who: Since,
        index: u32,
        want: Want,
        effects: &mut Vec<Effect<Reply>>,
    ) -> Progress {
        let Since { session, at: now } = who;
        let page_len = size(self.page_len);
        let Some(page) = self.all.get_mut(size(index)).filter(|_| want.fits(page_len)) else {
            effects.push(Effect { to: session, reply: Reply::NoSuchPage { page: index } });
            return Progress::Done;
        };
        if page.is_held() && !page.is_held_by(session) {
            if page.waiting() >= self.waiters_max {
                return Progress::TooMany;
            }
            page.wait(who, want);
            self.touched.entry(session).or_default().insert(index);
            return Progress::Waiting;
        }
        let was_held = page.is_held();
        effects.push(Effect { to: session, reply: page.serve(who, index, want) });
        if page.is_held() {
            self.touched.entry(session).or_default().insert(index);
        } else if was_held {
            self.release(now, index, effects);
        }
        Progress::Done
    }

    fn unlock(&mut self, who: Since, index: u32, data: &Bytes, effects: &mut Vec<Effect<Reply>>) {
        let Since { session, at: now } = who;
        let page_len = size(self.page_len);
        let page = self.all.get_mut(size(index)).filter(|_| data.len() <= page_len);
        let reply = match page {
            // NM-UNLK-03, NM-SIZE-03: nothing changes, the lock stays as it is.
            None => Reply::NoSuchPage { page: index },
            Some(page) if !page.is_held_by(session) => Reply::NotLocked { page: index },
            Some(page) => {
                // NM-UNLK-01: one more, whatever version the request carries.
                let version = page.write(data, None);
                Reply::Written { kind: WriteReply::Unlock, page: index, version }
            }
        };
        let is_released = matches!(reply, Reply::Written { .. });
        effects.push(Effect { to: session, reply });
        if is_released {
            self.release(now, index, effects);
        }
    }

    /// Frees a page, and serves the queue: updates, up to the next lock.
    fn release(&mut self, now: Now, index: u32, effects: &mut Vec<Effect<Reply>>) {
        let Some(page) = self.all.get_mut(size(index)) else { return };
        page.free();
        while let Some((session, want)) = page.next_waiter() {
            let reply = page.serve(Since { session, at: now }, index, want);
            effects.push(Effect { to: session, reply });
        }
    }
}

/// A wire number as an index. On a target where it does not fit it is out of every range.
fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
