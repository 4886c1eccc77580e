//! NetMem: pages in shards, and waiters that other sessions set free.
//!
//! Page `p` lives in shard `p mod n` under the number `p div n`, so that work on one page delays
//! few others (NM-LOCK-05); numbers are translated on the way in and back on the way out. Each
//! page is wholly inside one shard, so each stays linearizable (NM-LIN-01).

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;

use bytes::BytesMut;
use lockproof_protocol::netmem::{PAYLOAD_BYTES_MAX, Reply, Request, RequestDecoder};
use lockproof_rwlock::RwLock;
use lockproof_state_machine::pages::{self, API_VERSION, Pages, Progress};
use lockproof_state_machine::{Effect, Now, SessionId};

use super::netmem_holdings::Holdings;
use crate::mailbox::{Mailbox, Mailboxes};
use crate::{Clock, Counters, Mark, Output, Peer, Protocol, Session, Step};

/// The version of this server that `GET_VERSION` reports, major and minor (NM-VER-01).
pub const SERVER_VERSION: (u8, u8) = (0, 2);

/// Shards at most. More than the threads that a machine runs at once gain nothing.
const SHARDS_MAX: u32 = 16;

/// What a NetMem listener is started with.
#[derive(Clone, Copy, Debug)]
pub struct NetMemConfig {
    /// Number of pages.
    pub pages: u32,
    /// Bytes per page.
    pub page_len: u32,
    /// Payload bytes that are consumed at most; more ends the connection (NM-SIZE-03).
    pub payload_max: u32,
    /// Sessions that may wait for one page; one more is closed.
    pub waiters_max: usize,
}

impl Default for NetMemConfig {
    fn default() -> Self {
        let pages::Config { pages, page_len, waiters_max } = pages::Config::default();
        Self { pages, page_len, payload_max: PAYLOAD_BYTES_MAX, waiters_max }
    }
}

/// The NetMem protocol and its pages.
#[derive(Debug)]
pub struct NetMem {
    config: NetMemConfig,
    clock: Clock,
    shards: Vec<RwLock<Pages>>,
    shard_count: u32,
    next_session: AtomicU64,
    mailboxes: Mailboxes<Reply>,
    counters: Arc<Counters>,
}

/// One NetMem client. Dropping it releases its locks and its place in a queue (NM-DISC-01).
#[derive(Debug)]
pub struct NetMemSession {
    id: SessionId,
    netmem: Arc<NetMem>,
    mailbox: Arc<Mailbox<Reply>>,
    decoder: RequestDecoder,
    /// Whether there can be anything to release.
    has_locked: bool,
}

impl NetMem {
    /// Zeroed pages of version 1.
    pub fn new(config: NetMemConfig) -> Self {
        let count = config.pages.clamp(1, SHARDS_MAX);
        let shard = |index| {
            let pages = config.pages / count + u32::from(index < config.pages % count);
            let NetMemConfig { page_len, waiters_max, .. } = config;
            RwLock::new(Pages::new(pages::Config { pages, page_len, waiters_max }))
        };
        Self {
            config,
            clock: Clock::start(),
            shards: (0..count).map(shard).collect(),
            shard_count: count,
            next_session: AtomicU64::new(1),
            mailboxes: Mailboxes::new(),
            counters: Arc::default(),
        }
    }

    /// What every session holds and waits for.
    pub(crate) fn holdings(&self) -> Holdings {
        let now = self.clock.now();
        let mut holdings = Holdings::default();
        for (index, shard) in (0..).zip(&self.shards) {
            let place = Place { shard: index, shards: self.shard_count };
            shard.read(|pages| {
                pages.taken().for_each(|taken| {
                    holdings.add(now, place.page(taken.page), &taken);
                });
            });
        }
        holdings
    }

    /// What needs no page: these two look at nothing that changes.
    fn facts(&self, request: &Request) -> Option<Reply> {
        match request {
            Request::GetVersion => Some(Reply::Version {
                api_major: API_VERSION.0,
                api_minor: API_VERSION.1,
                server_major: SERVER_VERSION.0,
                server_minor: SERVER_VERSION.1,
            }),
            Request::GetParams => {
                let NetMemConfig { pages, page_len, .. } = self.config;
                Some(Reply::Params { pages, page_len })
            }
            _ => None,
        }
    }

    /// The shard of a page, and the page's number inside it. A number at or above `config.pages`
    /// is above the shard's pages too.
    fn place(&self, page: u32) -> (Place, u32) {
        let shards = self.shard_count;
        (Place { shard: page % shards, shards }, page / shards)
    }

    /// Sends replies to their sessions; call it without any lock. What belongs to `own` is
    /// returned.
    fn deliver(
        &self,
        own: SessionId,
        place: Place,
        effects: impl IntoIterator<Item = Effect<Reply>>,
    ) -> Option<Reply> {
        let mut own_reply = None;
        for Effect { to, reply } in effects {
            let reply = place.global(reply);
            if to == own {
                own_reply = Some(reply);
            } else {
                self.mailboxes.post(to, reply);
            }
        }
        own_reply
    }
}

/// Which shard, of how many.
#[derive(Clone, Copy, Debug)]
struct Place {
    shard: u32,
    shards: u32,
}

impl Place {
    /// A shard's page as clients know it.
    fn page(self, inner: u32) -> u32 {
        inner * self.shards + self.shard
    }

    /// A shard's reply with the page's number as clients know it.
    fn global(self, mut reply: Reply) -> Reply {
        match &mut reply {
            Reply::Page { page, .. }
            | Reply::Written { page, .. }
            | Reply::NoSuchPage { page }
            | Reply::NotLocked { page } => *page = self.page(*page),
            Reply::Version { .. } | Reply::Params { .. } => {}
        }
        reply
    }
}

impl Protocol for NetMem {
    type Session = NetMemSession;

    const NAME: &'static str = "netmem";

    fn open(self: &Arc<Self>, _: Peer) -> NetMemSession {
        let id = SessionId(self.next_session.fetch_add(1, Relaxed));
        NetMemSession {
            id,
            mailbox: self.mailboxes.open(id),
            decoder: RequestDecoder::new(self.config.payload_max)
                .with_page_len(self.config.page_len),
            netmem: Arc::clone(self),
            has_locked: false,
        }
    }

    fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }
}

impl Session for NetMemSession {
    fn id(&self) -> Option<SessionId> {
        Some(self.id)
    }

    fn execute(&mut self, input: &mut BytesMut, output: &mut Output) -> Step {
        let now = self.netmem.clock.now();
        while !output.is_full() {
            match self.decoder.decode(input) {
                Ok(None) => return Step::Drained,
                Ok(Some(request)) => {
                    output.count_frame();
                    match self.run(now, request) {
                        Ok(reply) => reply.encode(output.buffer()),
                        Err(step) => return step,
                    }
                }
                // NM-FRAME-07: whether a payload follows is unknown, so the next frame is lost.
                Err(error) => {
                    tracing::debug!(%error, "framing lost");
                    return Step::Close;
                }
            }
        }
        Step::Full
    }

    async fn granted(&mut self, output: &mut Output) {
        self.mailbox.take().await.encode(output.buffer());
    }
}

impl NetMemSession {
    /// Runs a request, and says what happens instead when there is no reply yet, or none at all.
    fn run(&mut self, now: Now, mut request: Request) -> Result<Reply, Step> {
        if let Some(reply) = self.netmem.facts(&request) {
            return Ok(reply);
        }
        let page = page_of(&mut request).ok_or(Step::Close)?;
        let (place, inner) = self.netmem.place(*page);
        *page = inner;
        let shard = self.netmem.shards.get(place.shard as usize).ok_or(Step::Close)?;
        if let Request::Read { .. } = request {
            return Ok(place.global(shard.read(|pages| pages.read(&request))));
        }
        self.has_locked = true;
        let mut effects = Vec::new();
        let progress = shard.write(|pages| pages.apply(now, self.id, request, &mut effects));
        match progress {
            Progress::Done => {}
            Progress::Waiting => Mark::LockWaits.hit(),
            Progress::TooMany => {
                tracing::warn!(session = self.id.0, "too many wait for the page, closed");
                return Err(Step::Close);
            }
        }
        if effects.iter().any(|effect| effect.to != self.id) {
            Mark::GrantsAnother.hit();
        }
        let reply = self.netmem.deliver(self.id, place, effects);
        debug_assert_eq!(reply.is_some(), progress == Progress::Done, "a reply, or a wait");
        reply.ok_or(Step::Waiting)
    }

    fn release_all(&self) {
        let now = self.netmem.clock.now();
        for (index, shard) in (0..).zip(&self.netmem.shards) {
            let mut effects = Vec::new();
            shard.write(|pages| pages.end_session(now, self.id, &mut effects));
            if !effects.is_empty() {
                Mark::EndGrantsAnother.hit();
            }
            let place = Place { shard: index, shards: self.netmem.shard_count };
            self.netmem.deliver(self.id, place, effects);
        }
    }
}

impl Drop for NetMemSession {
    /// A grant that came too late to be sent lies in the state, not in the mailbox, so it passes
    /// on to the next waiter here like any other lock (NM-DISC-02).
    fn drop(&mut self) {
        self.netmem.mailboxes.close(self.id);
        if self.mailbox.is_full() {
            Mark::GrantTooLate.hit();
        }
        if self.has_locked {
            self.release_all();
        }
    }
}

fn page_of(request: &mut Request) -> Option<&mut u32> {
    match request {
        Request::Read { page, .. }
        | Request::Lock { page, .. }
        | Request::Unlock { page, .. }
        | Request::Update { page, .. } => Some(page),
        Request::GetVersion | Request::GetParams => None,
    }
}
