//! What requests mean: pages and their locks together.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::defects::{Switch, Switches};
use super::frame::{
    LOCK, NO_SUCH_PAGE, NOT_LOCKED, PARAMS, READ, Reply, Request, UNLOCK, UPDATE, VERSION,
};
use super::locks::{Lock, Waiter};
use super::pages::{COUNT, LENGTH, Pages};
use crate::Clock;

/// API 0.2, server 0.2.
const VERSION_WORD: i32 = 0x0002_0002;

/// The state of a server.
pub(super) struct Memory {
    switches: Switches,
    clock: Clock,
    pub(super) pages: Pages,
    locks: Vec<Lock>,
    /// Waiters that nobody will ever think of again: their clients wait on.
    forgotten: VecDeque<Waiter>,
}

/// What becomes of a request.
pub(super) enum Outcome {
    /// It is answered.
    Now(Reply),
    /// It will be answered.
    Later(oneshot::Receiver<Reply>),
    /// It never will be.
    Never,
    /// The connection ends.
    Break,
    /// The server ends.
    Stop,
}

impl Memory {
    pub(super) fn new(switches: Switches, clock: Clock) -> Self {
        let locks = (0..COUNT).map(|_| Lock::default()).collect();
        let pages = Pages::new(switches);
        Self { switches, clock, pages, locks, forgotten: VecDeque::new() }
    }

    /// One request of that session.
    pub(super) fn execute(&mut self, session: u64, request: Request) -> Outcome {
        let on = |switch| self.switches.on(switch);
        match request.code {
            VERSION => Outcome::Now(self.version()),
            PARAMS => Outcome::Now(self.params()),
            READ | LOCK | UNLOCK | UPDATE => match self.index(&request) {
                Ok(index) => self.execute_on_page(session, index, request),
                Err(outcome) => outcome,
            },
            _ if on(Switch::UnknownTypeIsIgnored) => Outcome::Never,
            _ if on(Switch::UnknownTypeStopsServer) => Outcome::Stop,
            _ => Outcome::Break,
        }
    }

    fn version(&self) -> Reply {
        let reversed = self.switches.on(Switch::VersionBytesReversed);
        let version = if reversed { VERSION_WORD.swap_bytes() } else { VERSION_WORD };
        Reply { code: VERSION, version, ..Reply::default() }
    }

    fn params(&self) -> Reply {
        let (count, length) = if self.switches.on(Switch::ParamsSwapped) {
            (LENGTH, COUNT)
        } else {
            (COUNT - usize::from(self.switches.on(Switch::ParamsNameLastIndex)), LENGTH)
        };
        let page = u32::try_from(count).unwrap_or(u32::MAX);
        let version = i32::try_from(length).unwrap_or(i32::MAX);
        Reply { code: PARAMS, page, version, ..Reply::default() }
    }

    fn index(&self, request: &Request) -> Result<usize, Outcome> {
        let on = |switch| self.switches.on(switch);
        match request.page as usize {
            index if index < COUNT => Ok(index),
            COUNT if on(Switch::IndexOfCountIsLast) => Ok(COUNT - 1),
            COUNT if on(Switch::IndexOfCountStopsServer) => Err(Outcome::Stop),
            0x8000_0000.. if on(Switch::IndexIsSigned) => Err(Outcome::Break),
            _ => Err(Outcome::Now(self.refusal(NO_SUCH_PAGE, request))),
        }
    }

    fn refusal(&self, code: u8, request: &Request) -> Reply {
        let claims = self.switches.on(Switch::RefusalRepeatsLength);
        let claimed = claims.then_some(request.length);
        Reply { code, page: request.page, claimed, ..Reply::default() }
    }

    fn execute_on_page(&mut self, session: u64, index: usize, request: Request) -> Outcome {
        let writes = matches!(request.code, UNLOCK | UPDATE);
        if writes && self.pages.refuses_length(request.payload.len()) {
            return Outcome::Now(self.refusal(NO_SUCH_PAGE, &request));
        }
        let slot = self.slot(index);
        if !self.locks[slot].keeps_waiting(session, request.code, self.switches) {
            return Outcome::Now(self.perform(session, &request));
        }
        let refuses = match request.code {
            LOCK => self.switches.on(Switch::LockRefusedWhenHeld),
            _ => self.switches.on(Switch::UpdateRefusedWhenHeld),
        };
        if refuses {
            return Outcome::Now(self.refusal(NOT_LOCKED, &request));
        }
        Outcome::Later(self.queue(session, index, request))
    }

    /// Where the lock of a page is.
    fn slot(&self, index: usize) -> usize {
        if self.switches.on(Switch::OneLockForAllPages) { 0 } else { index }
    }

    fn queue(
        &mut self,
        session: u64,
        index: usize,
        mut request: Request,
    ) -> oneshot::Receiver<Reply> {
        let page = self.pages.page(index);
        let differs = page.version != request.version;
        let sends_data = self.switches.on(Switch::LockRuleWhenAsked).then_some(differs);
        if request.version < 0 && self.switches.on(Switch::WaitingUpdateCountsEarly) {
            request.version = self.pages.next_version(index);
        }
        if request.code == UPDATE && self.switches.on(Switch::UpdateReadEarly) {
            self.pages.store(index, &request.payload);
        }
        let (told, waits) = oneshot::channel();
        let slot = self.slot(index);
        self.locks[slot].queue.push_back(Waiter { session, request, told, sends_data });
        waits
    }

    /// A request that need not wait, or waits no longer.
    fn perform(&mut self, session: u64, request: &Request) -> Reply {
        let index = (request.page as usize).min(COUNT - 1);
        match request.code {
            READ => self.read(index, request),
            LOCK => self.lock(session, index, request),
            UPDATE => self.update(session, index, request),
            _ => self.unlock(session, index, request),
        }
    }

    fn read(&mut self, index: usize, request: &Request) -> Reply {
        let page = self.pages.seen(index, self.clock.uptime());
        let sends = if self.switches.on(Switch::ReadOnlyIfOlder) {
            request.version < page.version
        } else {
            request.version != page.version
                || self.switches.on(Switch::ReadAlwaysSendsData)
                || request.version == 0 && self.switches.on(Switch::Version0AlwaysGetsData)
        };
        let data = if sends { page.data.clone() } else { Vec::new() };
        let version = page.version;
        self.with_page(request, version, data)
    }

    fn lock(&mut self, session: u64, index: usize, request: &Request) -> Reply {
        let slot = self.slot(index);
        if self.switches.on(Switch::OneLockAClient) {
            self.release_others(session, slot);
        }
        let lock = &mut self.locks[slot];
        lock.depth = if lock.holder == Some(session) { lock.depth + 1 } else { 1 };
        lock.holder = Some(session);
        let page = self.pages.page(index);
        let sends =
            request.version != page.version || self.switches.on(Switch::LockAlwaysSendsData);
        let data = if sends { page.data.clone() } else { Vec::new() };
        self.with_page(request, page.version, data)
    }

    fn with_page(&self, request: &Request, version: i32, data: Vec<u8>) -> Reply {
        let lies = data.is_empty() && self.switches.on(Switch::UnchangedNamesALength);
        let claimed = lies.then_some(u32::try_from(LENGTH).unwrap_or(u32::MAX));
        Reply { code: request.code, page: request.page, version, data, claimed }
    }

    fn unlock(&mut self, session: u64, index: usize, request: &Request) -> Reply {
        let slot = self.slot(index);
        if !self.may_unlock(session, slot) {
            if self.switches.on(Switch::RefusedUnlockStores) {
                self.pages.store(index, &request.payload);
            }
            if self.switches.on(Switch::RefusedUnlockReleases) {
                self.release(slot);
            }
            return self.refusal(NOT_LOCKED, request);
        }
        let mut version = self.pages.unlock(index, &request.payload, request.version);
        let lock = &mut self.locks[slot];
        lock.depth = lock.depth.saturating_sub(1);
        let counts = lock.depth > 0 && self.switches.on(Switch::RelockCounts);
        if !counts && !self.switches.on(Switch::UnlockKeepsLock) {
            self.release(slot);
        }
        if self.switches.on(Switch::UnlockNamesALaterVersion) {
            version = self.pages.page(index).version;
        }
        written(request, version)
    }

    fn may_unlock(&self, session: u64, slot: usize) -> bool {
        match self.locks[slot].holder {
            Some(holder) => holder == session || self.switches.on(Switch::UnlockByAnyone),
            None => self.switches.on(Switch::UnlockOfAFreePage),
        }
    }

    fn update(&mut self, session: u64, index: usize, request: &Request) -> Reply {
        let slot = self.slot(index);
        let version = self.pages.update(index, &request.payload, request.version);
        let holds = self.locks[slot].holder == Some(session);
        if holds && !self.switches.on(Switch::HoldersUpdateKeepsLock) {
            self.release(slot);
        }
        written(request, version)
    }

    fn release_others(&mut self, session: u64, kept: usize) {
        for slot in (0..COUNT).filter(|slot| *slot != kept) {
            if self.locks[slot].holder == Some(session) {
                self.release(slot);
            }
        }
    }

    /// Frees a page, and performs what waited for it, up to the next lock.
    fn release(&mut self, slot: usize) {
        self.locks[slot].holder = None;
        self.locks[slot].depth = 0;
        let all = self.switches.on(Switch::AllWaitersGranted);
        while all || self.locks[slot].holder.is_none() {
            let Some(waiter) = self.locks[slot].next(self.switches) else { return };
            self.grant(slot, waiter);
        }
    }

    fn grant(&mut self, slot: usize, waiter: Waiter) {
        let mut reply = self.perform(waiter.session, &waiter.request);
        if let Some(sends) = waiter.sends_data {
            let page = self.pages.page(waiter.request.page as usize);
            let data = if sends { page.data.clone() } else { Vec::new() };
            reply.data = if waiter.request.code == LOCK { data } else { Vec::new() };
        }
        if waiter.request.code == UPDATE && self.switches.on(Switch::UpdateKeepsThePage) {
            self.locks[slot].holder = Some(waiter.session);
        }
        // Who went away meanwhile is cleaned up at its end.
        drop(waiter.told.send(reply));
    }

    /// The end of a session: it waits for nothing, and holds nothing.
    pub(super) fn end(&mut self, session: u64, by_reset: bool) {
        let on = |switch| self.switches.on(switch);
        let waited =
            self.locks.iter().any(|lock| lock.queue.iter().any(|it| it.session == session));
        let keeps = on(Switch::EndKeepsLocks) && !by_reset
            || on(Switch::ResetKeepsLocks) && by_reset
            || on(Switch::EndInAWaitKeepsLocks) && waited;
        for slot in 0..COUNT {
            let forgotten = self.locks[slot].forget(session, self.switches);
            self.forgotten.extend(forgotten.into_iter().filter(|it| it.session != session));
        }
        for slot in 0..COUNT {
            if self.locks[slot].holder == Some(session) && !keeps {
                self.release_at_end(slot);
                if self.switches.on(Switch::EndReleasesOnePage) {
                    return;
                }
            }
        }
    }

    fn release_at_end(&mut self, slot: usize) {
        if self.switches.on(Switch::EndAddsToVersion) {
            let next = self.pages.next_version(slot);
            self.pages.set_version(slot, next);
        }
        if self.switches.on(Switch::EndForgetsTheQueue) {
            let queue = std::mem::take(&mut self.locks[slot].queue);
            self.forgotten.extend(queue);
        }
        self.release(slot);
    }
}

fn written(request: &Request, version: i32) -> Reply {
    Reply { code: request.code, page: request.page, version, ..Reply::default() }
}
