//! The items: keys, CAS values, expiry and flushes. Every command begins with [`Store::settle`], which
//! removes what has had its time, so that none of them has to look at a clock.

use std::collections::BTreeMap;
use std::time::Duration;

use super::defect::{Active, Switch};
use super::memory::Memory;
use super::opcode::{Command, Verb};
use super::statistics::Statistics;
use crate::{Clock, Setup};

/// The longest expiry that is seconds from now.
const RELATIVE_MAX: u32 = 30 * 24 * 60 * 60;

/// What a key stands for.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) value: Vec<u8>,
    pub(super) flags: u32,
    pub(super) cas: u64,
    /// Unix time; nothing for items that stay.
    pub(super) expires: Option<Duration>,
    /// The expiry as the request had it, for the defect that extends it.
    pub(super) lifetime: u32,
    pub(super) marks: Marks,
}

/// What the meta commands tell of an item, and every store begins anew.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    pub(super) stale: bool,
    /// Somebody was told to bring a new value.
    pub(super) won: bool,
    pub(super) fetched: bool,
    /// Unix time of the store, or of the last fetch.
    pub(super) accessed: Duration,
}

impl Marks {
    /// Those of an item that is stored now.
    pub(super) fn at(now: Duration) -> Self {
        Self { stale: false, won: false, fetched: false, accessed: now }
    }
}

/// All that connections share.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) items: BTreeMap<Vec<u8>, Item>,
    pub(super) statistics: Statistics,
    pub(super) clock: Clock,
    pub(super) active: Active,
    pub(super) setup: Setup,
    pub(super) memory: Memory,
    pub(super) last_cas: u64,
    /// The last CAS when a delayed flush was asked for, and when it is due.
    pending_flush: Option<(u64, Duration)>,
    /// Until when an immediate flush takes items; only a defect lets it last.
    flushing_until: Duration,
    /// What a flush hides from reads only; only a defect hides it.
    hidden: BTreeMap<Vec<u8>, Item>,
}

impl Store {
    pub(super) fn new(clock: Clock, active: Active, setup: Setup) -> Self {
        Self {
            items: BTreeMap::new(),
            statistics: Statistics::default(),
            clock,
            active,
            setup,
            memory: Memory::default(),
            last_cas: 0,
            pending_flush: None,
            flushing_until: Duration::ZERO,
            hidden: BTreeMap::new(),
        }
    }

    /// Whether that defect is on.
    pub(super) fn wrong(&self, switch: Switch) -> bool {
        self.active.is(switch)
    }

    /// Removes what has had its time: all items, if a flush is due, and this one, if it has expired.
    pub(super) fn settle(&mut self, key: &[u8], command: Command) {
        let now = self.clock.unix();
        if let Some((_, due)) = self.pending_flush
            && now >= due
        {
            self.fire_pending_flush();
        }
        let dead = |item: &Item| item.expires.is_some_and(|at| now >= at);
        if self.items.get(key).is_some_and(dead) && !self.finds_expired(command.verb) {
            self.items.remove(key);
            self.statistics.count("reclaimed");
        }
        if now < self.flushing_until && command.verb.reads() {
            self.items.remove(key);
        }
        if !command.verb.reads()
            && let Some(item) = self.hidden.remove(key)
        {
            self.items.entry(key.to_vec()).or_insert(item);
        }
    }

    /// The defects of servers that look at expiry in some commands only.
    fn finds_expired(&self, verb: Verb) -> bool {
        match self.active.0 {
            Some(Switch::AddFindsExpired) => verb == Verb::Add,
            Some(Switch::DeleteFindsExpired) => verb == Verb::Delete,
            Some(Switch::ReplaceFindsExpired) => matches!(verb, Verb::Replace | Verb::Set),
            Some(Switch::AppendFindsExpired) => matches!(verb, Verb::Append | Verb::Prepend),
            Some(Switch::CounterFindsExpired) => matches!(verb, Verb::Increment | Verb::Decrement),
            Some(Switch::TouchRevives) => verb.touches(),
            _ => false,
        }
    }

    /// When an item with that expiry field is gone; nothing for never.
    pub(super) fn deadline(&self, field: u32) -> Option<Duration> {
        let now = self.clock.unix();
        let border = match self.active.0 {
            Some(Switch::ExpiryIsIgnored) => return None,
            Some(Switch::ExpiryIsAlwaysAbsolute) => 0,
            Some(Switch::ExpiryIsAlwaysRelative) => u32::MAX,
            Some(Switch::ThirtyDaysIsAbsolute) => RELATIVE_MAX - 1,
            Some(Switch::ThirtyDaysAndOneIsRelative) => RELATIVE_MAX + 1,
            _ => RELATIVE_MAX,
        };
        if field == 0 {
            return self.wrong(Switch::ZeroExpiresAtOnce).then_some(now);
        }
        if field > border {
            let at = Duration::from_secs(field.into());
            return (at > now || !self.wrong(Switch::PastNeverExpires)).then_some(at);
        }
        let unit = if self.wrong(Switch::ExpiryIsMilliseconds) { 1 } else { 1000 };
        Some(now + Duration::from_millis(u64::from(field) * unit))
    }

    /// A CAS that no item has had yet.
    pub(super) fn next_cas(&mut self, before: Option<&Item>) -> u64 {
        match self.active.0 {
            Some(Switch::CasCountsByItem) => before.map_or(0, |item| item.cas) + 1,
            Some(Switch::CasIsTheTime) => self.clock.unix().as_secs(),
            _ => {
                self.last_cas += 1;
                self.last_cas
            }
        }
    }

    /// Turns every item into a miss.
    pub(super) fn flush_now(&mut self) {
        if !self.wrong(Switch::PendingFlushSurvivesFlush) {
            self.pending_flush = None;
        }
        if self.wrong(Switch::FlushTakesLaterItems) {
            self.flushing_until = self.clock.unix() + Duration::from_millis(500);
        }
        if self.wrong(Switch::FlushedKeepTheirMemory) {
            self.memory.lost += self.taken();
        }
        let gone = std::mem::take(&mut self.items);
        if self.wrong(Switch::FlushHidesFromReadsOnly) {
            self.hidden = gone;
        }
    }

    /// Turns every item into a miss later, also those that come until then.
    pub(super) fn flush_at(&mut self, due: Duration) {
        let sooner = self.pending_flush.is_some_and(|(_, pending)| pending < due);
        if !(sooner && self.wrong(Switch::EarlierFlushWins)) {
            self.pending_flush = Some((self.last_cas, due));
        }
    }

    fn fire_pending_flush(&mut self) {
        let last_cas = self.pending_flush.take().map(|(last_cas, _)| last_cas);
        if self.wrong(Switch::DelayedFlushSparesLaterItems) {
            self.items.retain(|_, item| Some(item.cas) > last_cas);
        } else {
            self.items.clear();
        }
    }
}
