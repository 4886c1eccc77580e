//! What NetMem's sessions hold and wait for, gathered from all pages for those who watch.

use core::time::Duration;
use std::collections::BTreeMap;

use lockproof_state_machine::pages::Taken;
use lockproof_state_machine::{Now, SessionId};

/// Pages of a session that are named; of the others only the number is kept.
const PAGES_NAMED: usize = 8;

/// All that is held and waited for. It grows with the sessions, not with the pages.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    /// Pages that somebody holds.
    pub(crate) held: u64,
    /// Those of them that somebody else waits for.
    pub(crate) waited_for: u64,
    /// By who holds.
    pub(crate) holders: BTreeMap<SessionId, PagesOf>,
    /// By who waits.
    pub(crate) waiters: BTreeMap<SessionId, PageWanted>,
}

/// The pages of one session.
#[derive(Debug, Default)]
pub(crate) struct PagesOf {
    pub(crate) count: u64,
    /// For how long it has held the oldest of them.
    pub(crate) age: Duration,
    /// How many wait for any of them, and the longest of those waits.
    pub(crate) waiters: u64,
    pub(crate) waited: Duration,
    /// Some of them.
    pub(crate) named: Vec<PageHeld>,
}

/// A page that is held.
#[derive(Debug)]
pub(crate) struct PageHeld {
    pub(crate) page: u32,
    pub(crate) age: Duration,
    pub(crate) waiters: u64,
}

/// What a session waits for.
#[derive(Debug)]
pub(crate) struct PageWanted {
    pub(crate) page: u32,
    pub(crate) age: Duration,
    pub(crate) holder: SessionId,
}

impl Holdings {
    /// Adds one page, whose number is `page` to clients.
    pub(crate) fn add(&mut self, now: Now, page: u32, taken: &Taken<'_>) {
        let (holder, age) = (taken.holder.session, now.saturating_sub(taken.holder.at));
        let mut waiters = 0;
        let mut waited = Duration::ZERO;
        for waiter in taken.waiters() {
            let age = now.saturating_sub(waiter.at);
            (waiters, waited) = (waiters + 1, waited.max(age));
            self.waiters.insert(waiter.session, PageWanted { page, age, holder });
        }
        self.held += 1;
        self.waited_for += u64::from(waiters > 0);
        let own = self.holders.entry(holder).or_default();
        own.count += 1;
        own.age = own.age.max(age);
        own.waiters += waiters;
        own.waited = own.waited.max(waited);
        own.name(PageHeld { page, age, waiters });
    }
}

impl PagesOf {
    /// Keeps the page if it matters more than one that is kept: waited for by more, or held for longer.
    fn name(&mut self, held: PageHeld) {
        let at = self.named.partition_point(|it| (it.waiters, it.age) >= (held.waiters, held.age));
        self.named.insert(at, held);
        self.named.truncate(PAGES_NAMED);
    }
}
