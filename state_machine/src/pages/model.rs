//! The pages once more, as simple as they can be, and random traffic to both.
//!
//! Shares no code with the real ones: one list of everybody who waits, searched from the front
//! after every step.

use alloc::vec::Vec;
use alloc::{format, vec};
use bytes::Bytes;
use lockproof_protocol::netmem::{PageReply, Reply, Request, WriteReply};
use proptest::prelude::*;

use super::{Config, Pages, Progress};
use crate::{Effect, Now, SessionId};

const PAGES: u32 = 3;
const PAGE_LEN: u32 = 4;
const WAITERS_MAX: usize = 2;

struct Model {
    data: Vec<[u8; PAGE_LEN as usize]>,
    versions: Vec<i64>,
    holders: Vec<Option<u64>>,
    waiting: Vec<(u64, Request)>,
}

impl Model {
    fn new() -> Self {
        let pages = PAGES as usize;
        Self {
            data: vec![[0; PAGE_LEN as usize]; pages],
            versions: vec![1; pages],
            holders: vec![None; pages],
            waiting: Vec::new(),
        }
    }

    fn ask(&mut self, session: u64, request: Request) -> Vec<(u64, Reply)> {
        let mut replies = Vec::new();
        match self.answer(session, &request) {
            Some(reply) => replies.push((session, reply)),
            None if self.is_crowded(&request) => return replies,
            None => self.waiting.push((session, request)),
        }
        self.serve(&mut replies);
        replies
    }

    /// Whether as many as may wait for the request's page do.
    fn is_crowded(&self, request: &Request) -> bool {
        let page = |request: &Request| match request {
            Request::Lock { page, .. } | Request::Update { page, .. } => *page,
            _ => unreachable!("nothing else waits"),
        };
        let wait = |(_, other): &&(u64, Request)| page(other) == page(request);
        self.waiting.iter().filter(wait).count() >= WAITERS_MAX
    }

    fn end(&mut self, session: u64) -> Vec<(u64, Reply)> {
        self.waiting.retain(|(waiter, _)| *waiter != session);
        for holder in &mut self.holders {
            if *holder == Some(session) {
                *holder = None;
            }
        }
        let mut replies = Vec::new();
        self.serve(&mut replies);
        // The real one goes page by page; between pages no order is promised.
        replies
    }

    fn serve(&mut self, replies: &mut Vec<(u64, Reply)>) {
        let mut at = 0;
        while at < self.waiting.len() {
            let (session, request) = self.waiting[at].clone();
            match self.answer(session, &request) {
                Some(reply) => {
                    self.waiting.remove(at);
                    replies.push((session, reply));
                    at = 0;
                }
                None => at += 1,
            }
        }
    }

    /// The reply, unless the request has to wait.
    fn answer(&mut self, session: u64, request: &Request) -> Option<Reply> {
        let (page, payload) = match request {
            Request::GetVersion => {
                return Some(Reply::Version {
                    api_major: 0,
                    api_minor: 2,
                    server_major: 0,
                    server_minor: 1,
                });
            }
            Request::GetParams => {
                return Some(Reply::Params { pages: PAGES, page_len: PAGE_LEN });
            }
            Request::Read { page, .. } | Request::Lock { page, .. } => (*page, &[][..]),
            Request::Unlock { page, data, .. } | Request::Update { page, data, .. } => {
                (*page, &data[..])
            }
        };
        if page >= PAGES || payload.len() > PAGE_LEN as usize {
            return Some(Reply::NoSuchPage { page });
        }
        let at = page as usize;
        let holder = self.holders[at];
        let is_foreign = holder.is_some() && holder != Some(session);
        Some(match *request {
            Request::Read { version, .. } => self.show(PageReply::Read, page, version),
            Request::Lock { .. } | Request::Update { .. } if is_foreign => return None,
            Request::Lock { version, .. } => {
                self.holders[at] = Some(session);
                self.show(PageReply::Lock, page, version)
            }
            Request::Update { version, .. } => {
                let next = if version < 0 { self.versions[at] + 1 } else { version.into() };
                self.store(WriteReply::Update, page, payload, next)
            }
            _ if holder != Some(session) => Reply::NotLocked { page },
            _ => self.store(WriteReply::Unlock, page, payload, self.versions[at] + 1),
        })
    }

    fn store(&mut self, kind: WriteReply, page: u32, payload: &[u8], version: i64) -> Reply {
        let at = page as usize;
        self.versions[at] = if version > 2_147_483_647 { 1 } else { version };
        for (byte, new) in self.data[at].iter_mut().zip(payload) {
            *byte = *new;
        }
        self.holders[at] = None;
        Reply::Written { kind, page, version: i32::try_from(self.versions[at]).unwrap() }
    }

    fn show(&self, kind: PageReply, page: u32, known: i32) -> Reply {
        let at = page as usize;
        let version = i32::try_from(self.versions[at]).unwrap();
        let data = (version != known).then(|| Bytes::copy_from_slice(&self.data[at]));
        Reply::Page { kind, page, version, data }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Ask(usize, Request),
    End(usize),
}

fn request() -> impl Strategy<Value = Request> {
    let page = || 0..PAGES + 1;
    let version = || prop_oneof![-1..6_i32, Just(i32::MAX), Just(i32::MAX - 1), Just(i32::MIN)];
    let data = || prop::collection::vec(any::<u8>(), 0..6).prop_map(Bytes::from);
    prop_oneof![
        1 => Just(Request::GetVersion),
        1 => Just(Request::GetParams),
        4 => (page(), version()).prop_map(|(page, version)| Request::Read { page, version }),
        9 => (page(), version()).prop_map(|(page, version)| Request::Lock { page, version }),
        9 => (page(), version(), data())
            .prop_map(|(page, version, data)| Request::Unlock { page, version, data }),
        9 => (page(), version(), data())
            .prop_map(|(page, version, data)| Request::Update { page, version, data }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0_usize..5, request()).prop_map(|(client, request)| Step::Ask(client, request)),
        1 => (0_usize..5).prop_map(Step::End),
    ]
}

/// By page and otherwise in order: what may be compared when several pages are released at once.
fn by_page(mut replies: Vec<(u64, Reply)>) -> Vec<(u64, Reply)> {
    replies.sort_by_key(|(_, reply)| match reply {
        Reply::Page { page, .. } | Reply::Written { page, .. } => *page,
        _ => u32::MAX,
    });
    replies
}

fn plain(effects: Vec<Effect<Reply>>) -> Vec<(u64, Reply)> {
    effects.into_iter().map(|effect| (effect.to.0, effect.reply)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn every_effect_is_the_models(steps in prop::collection::vec(step(), 1..80)) {
        let mut pages = Pages::new(Config {
            pages: PAGES, page_len: PAGE_LEN, waiters_max: WAITERS_MAX,
        });
        let mut model = Model::new();
        // Session of each client. A client that waits asks nothing more; one that ended comes back
        // as a new session.
        let mut sessions = [0, 1, 2, 3, 4];
        let mut next_session = 5;
        for step in steps {
            let mut effects = Vec::new();
            let expected = match step {
                Step::Ask(client, request) => {
                    let session = sessions[client];
                    if model.waiting.iter().any(|(waiter, _)| *waiter == session) {
                        continue;
                    }
                    let progress = pages.apply(Now::ZERO, SessionId(session), request.clone(), &mut effects);
                    let expected = model.ask(session, request);
                    let waits = model.waiting.iter().any(|(waiter, _)| *waiter == session);
                    let is_answered = expected.first().is_some_and(|(to, _)| *to == session);
                    prop_assert_eq!(progress == Progress::Waiting, waits);
                    prop_assert_eq!(progress == Progress::TooMany, !waits && !is_answered);
                    prop_assert_eq!(effects.first().map(|e| e.to.0 == session), is_answered.then_some(true));
                    expected
                }
                Step::End(client) => {
                    let session = core::mem::replace(&mut sessions[client], next_session);
                    next_session += 1;
                    pages.end_session(Now::ZERO, SessionId(session), &mut effects);
                    model.end(session)
                }
            };
            prop_assert_eq!(by_page(plain(effects)), by_page(expected));
            // What each session holds or waits for is noted, so that its end finds it.
            let mut touched = (0..PAGES)

                .filter_map(|page| model.holders[page as usize].map(|session| (session, page)))
                .chain(model.waiting.iter().filter_map(|(session, request)| match request {
                    Request::Lock { page, .. } | Request::Update { page, .. } => {
                        Some((*session, *page))
                    }
                    _ => None,
                }));
            let is_noted = |(session, page): (u64, u32)| {
                pages.touched.get(&SessionId(session)).is_some_and(|pages| pages.contains(&page))
            };
            prop_assert!(touched.all(is_noted), "{}", format!("{pages:?}"));
        }
    }
}
