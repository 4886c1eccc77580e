//! The page cache that clones share: a page's version and data are one value, replaced as one.
//!
//! Leaves out when a page is asked for, and what the wire says about it (core).

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;

/// One page as some reply described it. Version and data belong together (NM-CLI-02).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// The version, never negative.
    pub version: i32,
    /// The bytes, as many as the server's pages have.
    pub data: Bytes,
}

/// What a request saw in the cache when it was sent.
///
/// A reply of length 0 means *this* page (NM-CLI-03), not what another clone has put into the cache
/// since: version numbers can be set at will (NM-UPD-02), so "newer" can't be told from them.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) page: Option<Page>,
    writes: u64,
}

/// Pages by number. Holds only pages that were asked for, so a server that announces four thousand
/// million pages costs nothing.
#[derive(Debug)]
pub struct PageCache {
    page_bytes: u32,
    pages: u32,
    slots: RwLock<BTreeMap<u32, Slot>>,
}

#[derive(Debug, Default)]
struct Slot {
    page: Option<Page>,
    /// Writes by any clone, begun and ended. A reply to a request from before the latest one may
    /// describe the page as it was before it, under a version number that has been used again.
    writes: u64,
    /// Writes that were sent and not answered. While there is one, the page may change at any time,
    /// so nothing is kept. A write whose connection fails stays: it may yet be applied.
    unanswered: u32,
}

impl PageCache {
    /// An empty cache for `pages` pages of `page_bytes` bytes each.
    pub fn new(pages: u32, page_bytes: u32) -> Self {
        Self { page_bytes, pages, slots: RwLock::default() }
    }

    /// How many pages the server has.
    pub fn pages(&self) -> u32 {
        self.pages
    }

    /// Bytes in each page.
    pub fn page_bytes(&self) -> u32 {
        self.page_bytes
    }

    /// The page as last seen by any clone; nothing is asked of the server.
    pub fn peek(&self, page: u32) -> Option<Page> {
        self.read().get(&page).and_then(|slot| slot.page.clone())
    }

    /// What a request that is about to be sent may rely on.
    pub(super) fn snapshot(&self, page: u32) -> Snapshot {
        let slots = self.read();
        let slot = slots.get(&page);
        Snapshot {
            page: slot.and_then(|slot| slot.page.clone()),
            writes: slot.map_or(0, |slot| slot.writes),
        }
    }

    /// Whether no write by any clone has begun or ended since the snapshot.
    pub(super) fn is_unwritten(&self, number: u32, since: &Snapshot) -> bool {
        self.read().get(&number).is_none_or(|slot| slot.writes == since.writes)
    }

    /// Keeps what a reply said, unless a write was under way since its request was sent.
    pub(super) fn store(&self, number: u32, since: &Snapshot, page: Page) {
        self.with_slot(number, |slot| {
            if slot.writes == since.writes && slot.unanswered == 0 {
                slot.page = Some(page);
            }
        });
    }

    /// Forgets the page, and what requests already under way will say of it. Called when a write is
    /// sent; the snapshot is for [`end_write`](Self::end_write).
    pub(super) fn begin_write(&self, number: u32) -> Snapshot {
        let writes = self.with_slot(number, |slot| {
            slot.page = None;
            slot.writes += 1;
            slot.unanswered += 1;
            slot.writes
        });
        Snapshot { page: None, writes: writes.unwrap_or_default() }
    }

    /// Keeps what was written, if it is known and nobody else has written since.
    pub(super) fn end_write(&self, number: u32, since: &Snapshot, written: Option<Page>) {
        self.with_slot(number, |slot| {
            slot.unanswered -= 1;
            if slot.writes == since.writes && slot.unanswered == 0 {
                slot.page = written;
            }
            slot.writes += 1;
        });
    }

    /// `None` for a page beyond the last: the server will refuse it, and a slot would stay for ever.
    fn with_slot<R>(&self, number: u32, change: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        let known = number < self.pages;
        known.then(|| change(self.write().entry(number).or_default()))
    }

    // The critical sections copy a handle or two and can't panic, so a poisoned lock still guards
    // whole slots.
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<u32, Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<u32, Slot>> {
        self.slots.write().unwrap_or_else(PoisonError::into_inner)
    }
}
