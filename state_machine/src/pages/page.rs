//! One page: its bytes, its version, who holds it and who waits. Leaves out the sessions' side.

use alloc::collections::VecDeque;
use bytes::{Bytes, BytesMut};
use lockproof_protocol::netmem::{PageReply, Reply, WriteReply};

use crate::{Now, SessionId};

/// What a session wants of a page once it is free.
#[derive(Debug)]
pub(super) enum Want {
    Lock { version: i32 },
    Update { version: i32, data: Bytes },
}

impl Want {
    /// Whether the payload stays within its page (NM-SIZE-01).
    pub(super) fn fits(&self, page_len: usize) -> bool {
        match self {
            Self::Lock { .. } => true,
            Self::Update { data, .. } => data.len() <= page_len,
        }
    }
}

#[derive(Debug)]
pub(super) struct Page {
    /// Replaced as a whole by every write, so that a reply keeps the bytes of its version
    /// (NM-READ-05) without a copy.
    data: Bytes,
    version: i32,
    holder: Option<Since>,
    /// Locks and updates in one line, oldest first (NM-LOCK-04). Empty while nobody holds the page.
    queue: VecDeque<(Since, Want)>,
}

/// A session that holds a page or waits for it, and since when.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
pub struct Since {
    /// Who.
    pub session: SessionId,
    /// The time that was given with its request; with the one that made its turn come, if it waited.
    pub at: Now,
}

/// A page that somebody holds.
#[derive(Debug)]
pub struct Taken<'a> {
    /// Its number.
    pub page: u32,
    /// Who holds it.
    pub holder: Since,
    queue: &'a VecDeque<(Since, Want)>,
}

impl Taken<'_> {
    /// Who waits for it, in the order of their turns.
    pub fn waiters(&self) -> impl Iterator<Item = Since> {
        self.queue.iter().map(|(since, _)| *since)
    }
}

impl Page {
    pub(super) fn new(data: Bytes) -> Self {
        Self { data, version: 1, holder: None, queue: VecDeque::new() }
    }

    pub(super) fn is_held(&self) -> bool {
        self.holder.is_some()
    }

    pub(super) fn is_held_by(&self, session: SessionId) -> bool {
        self.holder.is_some_and(|holder| holder.session == session)
    }

    pub(super) fn free(&mut self) {
        self.holder = None;
    }

    /// What is to be seen of it, while it is held.
    pub(super) fn taken(&self, page: u32) -> Option<Taken<'_>> {
        Some(Taken { page, holder: self.holder?, queue: &self.queue })
    }

    pub(super) fn wait(&mut self, who: Since, want: Want) {
        // The payload of a queued update must not keep the connection's whole input buffer alive.
        let want = match want {
            Want::Update { version, data } => {
                Want::Update { version, data: Bytes::copy_from_slice(&data) }
            }
            lock @ Want::Lock { .. } => lock,
        };
        self.queue.push_back((who, want));
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn forget_waiter(&mut self, session: SessionId) {
        self.queue.retain(|(waiter, _)| waiter.session != session);
    }

    /// The oldest waiter, if the page is free for it (NM-LOCK-03).
    pub(super) fn next_waiter(&mut self) -> Option<(SessionId, Want)> {
        if self.is_held() {
            return None;
        }
        self.queue.pop_front().map(|(waiter, want)| (waiter.session, want))
    }

    /// Grants the lock, or applies the update and frees the page (NM-UPD-05).
    pub(super) fn serve(&mut self, who: Since, index: u32, want: Want) -> Reply {
        match want {
            Want::Lock { version } => {
                // Who locks its own page again has held it since the first time.
                if !self.is_held_by(who.session) {
                    self.holder = Some(who);
                }
                self.shown(PageReply::Lock, index, version)
            }
            Want::Update { version, data } => {
                self.holder = None;
                let version = self.write(&data, Some(version));
                Reply::Written { kind: WriteReply::Update, page: index, version }
            }
        }
    }

    /// The page as a reply, without its bytes when the caller has them (NM-READ-01, NM-READ-02).
    pub(super) fn shown(&self, kind: PageReply, index: u32, known: i32) -> Reply {
        let data = (known != self.version).then(|| self.data.clone());
        Reply::Page { kind, page: index, version: self.version, data }
    }

    /// Replaces the first bytes (NM-SIZE-02); returns the version that the page has from then on.
    ///
    /// A version of 0 or more is taken as it is (NM-UPD-02, NM-UPD-08); none, or a negative one,
    /// counts on, past the largest number to 1 (NM-UPD-03, NM-UPD-07).
    pub(super) fn write(&mut self, payload: &Bytes, version: Option<i32>) -> i32 {
        let rest = self.data.get(payload.len()..).unwrap_or_default();
        let mut data = BytesMut::with_capacity(self.data.len());
        data.extend_from_slice(payload);
        data.extend_from_slice(rest);
        self.data = data.freeze();
        self.version = match version {
            Some(version) if version >= 0 => version,
            _ => self.version.checked_add(1).unwrap_or(1),
        };
        self.version
    }
}
