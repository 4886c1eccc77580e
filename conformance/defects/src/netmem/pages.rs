//! The pages: bytes and versions. Who holds a page is not known here.

use std::time::Duration;

use super::defects::{Switch, Switches};

/// Number of pages: many cases can borrow some at the same time.
pub(super) const COUNT: usize = 96;
/// Bytes of a page: replies to some ten thousand reads are more than any socket keeps.
pub(super) const LENGTH: usize = 256;
/// How old a copy may be that `reads-an-old-copy` serves.
const COPY_LIVES: Duration = Duration::from_millis(50);

/// All pages.
pub(super) struct Pages {
    switches: Switches,
    current: Vec<Page>,
    copies: Vec<(Duration, Page)>,
}

/// One page.
#[derive(Clone)]
pub(super) struct Page {
    pub(super) version: i32,
    pub(super) data: Vec<u8>,
}

impl Pages {
    /// The pages of a new server.
    pub(super) fn new(switches: Switches) -> Self {
        let version = i32::from(!switches.on(Switch::NewPagesHaveVersion0));
        let byte = if switches.on(Switch::NewPagesAreDirty) { 0xa5 } else { 0 };
        let page = Page { version, data: vec![byte; LENGTH] };
        let copies = vec![(Duration::ZERO, page.clone()); COUNT];
        Self { switches, current: vec![page; COUNT], copies }
    }

    /// A page as it is.
    pub(super) fn page(&self, index: usize) -> &Page {
        &self.current[index]
    }

    /// A page as readers see it.
    pub(super) fn seen(&mut self, index: usize, now: Duration) -> &Page {
        if !self.switches.on(Switch::ReadsAnOldCopy) {
            return &self.current[index];
        }
        let copy = &mut self.copies[index];
        if now.saturating_sub(copy.0) > COPY_LIVES {
            *copy = (now, self.current[index].clone());
        }
        &copy.1
    }

    /// An unlock's write. The request's version has no meaning.
    pub(super) fn unlock(&mut self, index: usize, payload: &[u8], asked: i32) -> i32 {
        let next = self.next_version(index);
        let same = self.current[index].data.starts_with(payload);
        if !self.switches.on(Switch::UnlockStoresNothing) {
            self.store(index, payload);
        }
        let keeps = self.switches.on(Switch::UnlockKeepsVersion)
            || self.switches.on(Switch::UnlockComparesBytes) && same;
        if self.switches.on(Switch::UnlockSetsVersion) {
            self.current[index].version = asked;
        } else if !keeps {
            self.current[index].version = next;
        }
        self.current[index].version
    }

    /// An update's write.
    pub(super) fn update(&mut self, index: usize, payload: &[u8], asked: i32) -> i32 {
        let current = self.current[index].version;
        if payload.is_empty() && self.switches.on(Switch::EmptyDoesNothing) {
            return current;
        }
        if asked != current || !self.switches.on(Switch::SameVersionIsSkipped) {
            self.store(index, payload);
        }
        let version = self.updated_version(index, asked);
        self.current[index].version = version;
        version
    }

    fn updated_version(&self, index: usize, asked: i32) -> i32 {
        let on = |switch| self.switches.on(switch);
        let current = self.current[index].version;
        match asked {
            _ if on(Switch::UpdateAlwaysAdds1) => self.next_version(index),
            0 if on(Switch::Version0Adds1) => self.next_version(index),
            0.. if asked < current && on(Switch::VersionNeverFalls) => current,
            0.. => asked,
            _ if on(Switch::NegativeSets1) => 1,
            _ if on(Switch::NegativeIsStored) => asked,
            _ if asked < -1 && on(Switch::OnlyMinus1AddsOne) => current,
            _ => self.next_version(index),
        }
    }

    /// The version behind a page's.
    pub(super) fn next_version(&self, index: usize) -> i32 {
        match self.current[index].version.checked_add(1) {
            Some(next) => next,
            None if self.switches.on(Switch::VersionGoesNegative) => i32::MIN,
            None => i32::from(!self.switches.on(Switch::VersionWrapsTo0)),
        }
    }

    /// Sets a page's version.
    pub(super) fn set_version(&mut self, index: usize, version: i32) {
        self.current[index].version = version;
    }

    /// A payload replaces the first bytes of its page.
    pub(super) fn store(&mut self, index: usize, payload: &[u8]) {
        let (mine, beyond) = payload.split_at(payload.len().min(LENGTH));
        if self.switches.on(Switch::ShortMakesAShortPage) && !mine.is_empty() {
            self.current[index].data = mine.to_vec();
            return;
        }
        let data = &mut self.current[index].data;
        data[..mine.len()].copy_from_slice(mine);
        if self.switches.on(Switch::ShortClearsTheRest) {
            data[mine.len()..].fill(0);
        }
        if self.switches.on(Switch::LongSpillsOver) && !beyond.is_empty() {
            self.store((index + 1) % COUNT, beyond);
        }
    }

    /// Is that payload refused for its length alone?
    pub(super) fn refuses_length(&self, length: usize) -> bool {
        let long_is_stored =
            self.switches.on(Switch::LongIsCut) || self.switches.on(Switch::LongSpillsOver);
        length > LENGTH && !long_is_stored
            || length < LENGTH && self.switches.on(Switch::ShortIsRefused)
    }
}
