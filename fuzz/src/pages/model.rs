//! NetMem's pages as a vector: bytes, version, owner, and a queue of those who want the page next.

use std::collections::VecDeque;

use bytes::Bytes;
use lockproof_protocol::netmem::{PageReply, Reply, Request, WriteReply};

/// A reply, and the session that gets it.
pub type Answer = (u64, Reply);

#[derive(Clone, Debug)]
struct Page {
    bytes: Vec<u8>,
    version: i32,
    owner: Option<u64>,
    queue: VecDeque<(u64, Request)>,
}

/// All pages, and what the server says of itself.
#[derive(Clone, Debug)]
pub struct Model {
    pages: Vec<Page>,
    page_len: u32,
    server: (u8, u8),
    waiters_max: usize,
}

impl Model {
    /// Zeroed pages of version 1; `server` is the version that is reported.
    pub fn new(pages: u32, page_len: u32, server: (u8, u8), waiters_max: usize) -> Self {
        let bytes = vec![0; page_len as usize];
        let page = Page { bytes, version: 1, owner: None, queue: VecDeque::new() };
        Self { pages: vec![page; pages as usize], page_len, server, waiters_max }
    }

    /// Whether a session waits for a page. Until then it asks nothing more.
    pub fn waits(&self, session: u64) -> bool {
        self.pages.iter().flat_map(|page| &page.queue).any(|(waiter, _)| *waiter == session)
    }

    /// Who owns a page.
    pub fn owner(&self, page: u32) -> Option<u64> {
        self.pages[page as usize].owner
    }

    /// A request, and everybody who is answered because of it: first the one who asked, if at once.
    pub fn ask(&mut self, session: u64, request: Request) -> Vec<Answer> {
        let Some((number, payload)) = about(&request) else {
            return vec![(session, self.facts(&request))];
        };
        let fits = payload <= self.page_len as usize;
        let Some(page) = self.pages.get_mut(number as usize).filter(|_| fits) else {
            return vec![(session, Reply::NoSuchPage { page: number })];
        };
        let is_others = page.owner.is_some_and(|owner| owner != session);
        if is_others && matches!(request, Request::Lock { .. } | Request::Update { .. }) {
            // One too many is turned away: no reply, and no place in the queue.
            if page.queue.len() < self.waiters_max {
                page.queue.push_back((session, request));
            }
            return Vec::new();
        }
        let mut answers = vec![(session, page.serve(session, number, &request))];
        page.serve_queue(number, &mut answers);
        answers
    }

    /// A session ends, wherever it stands: it waits no more, and its pages go to who is next.
    pub fn end(&mut self, session: u64) -> Vec<Answer> {
        let mut answers = Vec::new();
        for (number, page) in (0..).zip(&mut self.pages) {
            page.queue.retain(|(waiter, _)| *waiter != session);
            page.owner = page.owner.filter(|owner| *owner != session);
            page.serve_queue(number, &mut answers);
        }
        answers
    }

    fn facts(&self, request: &Request) -> Reply {
        let (server_major, server_minor) = self.server;
        match request {
            Request::GetVersion => {
                Reply::Version { api_major: 0, api_minor: 2, server_major, server_minor }
            }
            _ => Reply::Params { pages: self.pages.len() as u32, page_len: self.page_len },
        }
    }
}

/// The page, and how many bytes are to be written to it.
fn about(request: &Request) -> Option<(u32, usize)> {
    match request {
        Request::GetVersion | Request::GetParams => None,
        Request::Read { page, .. } | Request::Lock { page, .. } => Some((*page, 0)),
        Request::Unlock { page, data, .. } | Request::Update { page, data, .. } => {
            Some((*page, data.len()))
        }
    }
}

impl Page {
    /// Does what is asked, which nobody else's lock forbids.
    fn serve(&mut self, session: u64, page: u32, request: &Request) -> Reply {
        match request {
            Request::Lock { version, .. } => {
                self.owner = Some(session);
                self.show(PageReply::Lock, page, *version)
            }
            Request::Update { version, data, .. } => {
                // A version below 0 asks for the next one.
                let version = if *version < 0 { self.next() } else { *version };
                self.write(WriteReply::Update, page, version, data)
            }
            Request::Unlock { .. } if self.owner != Some(session) => Reply::NotLocked { page },
            Request::Unlock { data, .. } => self.write(WriteReply::Unlock, page, self.next(), data),
            Request::Read { version, .. } => self.show(PageReply::Read, page, *version),
            Request::GetVersion | Request::GetParams => unreachable!("they are about no page"),
        }
    }

    fn serve_queue(&mut self, page: u32, answers: &mut Vec<Answer>) {
        while self.owner.is_none()
            && let Some((session, request)) = self.queue.pop_front()
        {
            answers.push((session, self.serve(session, page, &request)));
        }
    }

    fn write(&mut self, kind: WriteReply, page: u32, version: i32, data: &Bytes) -> Reply {
        self.bytes[..data.len()].copy_from_slice(data);
        self.version = version;
        self.owner = None;
        Reply::Written { kind, page, version }
    }

    fn show(&self, kind: PageReply, page: u32, known: i32) -> Reply {
        let data = (self.version != known).then(|| Bytes::copy_from_slice(&self.bytes));
        Reply::Page { kind, page, version: self.version, data }
    }

    fn next(&self) -> i32 {
        self.version.checked_add(1).unwrap_or(1)
    }
}
