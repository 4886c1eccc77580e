//! Gathers the page: what the roster has, and what each protocol knows of its sessions.
//!
//! Each table is locked by itself and briefly, so the parts may be of times a little apart. The page has a limit: sessions above
//! it are counted, and nothing is made of them but what their place in the order needs.

use core::cmp::Reverse;
use core::time::Duration;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use lockproof_state_machine::SessionId;
use lockproof_state_machine::locks::Holder;

use super::{
    Held, Holds, LockerTotals, MemcachedTotals, NetMemTotals, SCHEMA, Session, Sessions, Totals,
    Unsent, Waits, What,
};
use crate::metrics::Observed;
use crate::protocols::{Holdings, PageHeld, PagesOf};
use crate::roster::Entry;
use crate::{Locker, NetMem, Protocol};

/// Sessions that are shown.
const SESSIONS_MAX: usize = 1000;

/// Keys that are named of each session.
const KEYS_NAMED: usize = 8;

/// Bytes that are shown of a key.
const KEY_SHOWN: usize = 64;

/// What the protocols know.
struct Known {
    locker: BTreeMap<SessionId, Holder>,
    netmem: Holdings,
    /// Ids of NetMem's sessions by their number there.
    ids: BTreeMap<SessionId, u64>,
}

/// All of it, now.
pub(crate) fn gather(observed: &Observed, can_end: bool) -> Sessions {
    let (now, entries) = (observed.roster.now(), observed.roster.entries());
    let known = Known::ask(observed, &entries);
    let mut all: Vec<(Session, &Entry)> =
        entries.iter().map(|entry| (known.outline(entry, now), &**entry)).collect();
    let totals = totals(observed, &known, &all);
    all.sort_by_cached_key(|(session, _)| Reverse(session.urgency()));
    let left_out = all.len().saturating_sub(SESSIONS_MAX);
    all.truncate(SESSIONS_MAX);
    let keys = keys(observed, &all);
    Sessions {
        schema: Cow::Borrowed(SCHEMA),
        uptime_seconds: now,
        can_end,
        totals,
        sessions: all
            .into_iter()
            .map(|(outline, entry)| known.fill(outline, entry, &keys))
            .collect(),
        sessions_left_out: left_out as u64,
    }
}

/// The keys that are shown, by their holder.
fn keys(observed: &Observed, shown: &[(Session, &Entry)]) -> BTreeMap<SessionId, Vec<Held>> {
    let Some(locker) = &observed.locker else { return BTreeMap::new() };
    let holds = |(session, entry): &(Session, &Entry)| {
        entry.session.filter(|_| session.holds.is_some() && entry.protocol == Locker::NAME)
    };
    let holders: Vec<SessionId> = shown.iter().filter_map(holds).collect();
    let mut keys: BTreeMap<SessionId, Vec<Held>> = BTreeMap::new();
    for held in locker.keys_of(&holders, KEYS_NAMED) {
        let (what, seconds) = (What::Key(printable(&held.key)), held.age);
        keys.entry(held.session).or_default().push(Held { what, seconds, waiters: 0 });
    }
    keys
}

/// A key as it can be shown anywhere, a terminal included.
fn printable(key: &[u8]) -> String {
    match key.get(..KEY_SHOWN) {
        Some(start) if key.len() > KEY_SHOWN => format!("{}...", start.escape_ascii()),
        _ => key.escape_ascii().to_string(),
    }
}

impl Known {
    fn ask(observed: &Observed, entries: &[Arc<Entry>]) -> Self {
        let holders = observed.locker.as_ref().map(|locker| locker.holders()).unwrap_or_default();
        let netmem = observed.netmem.as_ref().map(|netmem| netmem.holdings()).unwrap_or_default();
        let of_netmem = entries.iter().filter(|entry| entry.protocol == NetMem::NAME);
        Self {
            locker: holders.into_iter().map(|holder| (holder.session, holder)).collect(),
            netmem,
            ids: of_netmem.filter_map(|entry| Some((entry.session?, entry.id))).collect(),
        }
    }

    /// A session without what has to be made for it: the same for its place in the order.
    fn outline(&self, entry: &Entry, now: Duration) -> Session {
        let of = |protocol| entry.session.filter(|_| entry.protocol == protocol);
        let keys = of(Locker::NAME).and_then(|session| self.locker.get(&session));
        let pages = of(NetMem::NAME).and_then(|session| self.netmem.holders.get(&session));
        let wanted = of(NetMem::NAME).and_then(|session| self.netmem.waiters.get(&session));
        Session {
            id: entry.id,
            protocol: Cow::Borrowed(entry.protocol),
            peer: String::new(),
            age_seconds: entry.age(now),
            bytes_in: entry.bytes_in(),
            bytes_out: entry.bytes_out(),
            unsent: entry.unsent(now).map(|(bytes, seconds)| Unsent { bytes, seconds }),
            holds: keys.map(of_keys).or_else(|| pages.map(of_pages)),
            waits: wanted.map(|wanted| Waits {
                what: What::Page(wanted.page),
                seconds: wanted.age,
                held_by: self.ids.get(&wanted.holder).copied(),
            }),
        }
    }

    /// The whole of it.
    fn fill(
        &self,
        mut session: Session,
        entry: &Entry,
        keys: &BTreeMap<SessionId, Vec<Held>>,
    ) -> Session {
        session.peer = entry.peer.to_string();
        if let (Some(holds), Some(number)) = (&mut session.holds, entry.session) {
            let pages = self.netmem.holders.get(&number);
            holds.some = match pages.filter(|_| entry.protocol == NetMem::NAME) {
                Some(pages) => pages.named.iter().map(named).collect(),
                None => keys.get(&number).cloned().unwrap_or_default(),
            };
        }
        session
    }
}

fn of_keys(holder: &Holder) -> Holds {
    Holds { count: holder.keys as u64, seconds: holder.age, ..Holds::default() }
}

fn of_pages(pages: &PagesOf) -> Holds {
    let PagesOf { count, age: seconds, waiters, waited: waited_seconds, .. } = *pages;
    Holds { count, seconds, waiters, waited_seconds, some: Vec::new() }
}

fn named(page: &PageHeld) -> Held {
    Held { what: What::Page(page.page), seconds: page.age, waiters: page.waiters }
}

fn totals(observed: &Observed, known: &Known, all: &[(Session, &Entry)]) -> Totals {
    let counters = &observed.counters;
    let connections = counters.iter().map(|(name, it)| (Cow::Borrowed(*name), it.current() as u64));
    let Holdings { held, waited_for, holders, waiters } = &known.netmem;
    Totals {
        connections: connections.collect(),
        bytes_in: counters.iter().map(|(_, it)| it.bytes_read()).sum(),
        bytes_out: counters.iter().map(|(_, it)| it.bytes_written()).sum(),
        slow_readers: all.iter().filter(|(session, _)| session.unsent.is_some()).count() as u64,
        locker: observed.locker.as_ref().map(|_| LockerTotals {
            keys_held: known.locker.values().map(|holder| holder.keys as u64).sum(),
            holders: known.locker.len() as u64,
        }),
        netmem: observed.netmem.as_ref().map(|_| NetMemTotals {
            pages_held: *held,
            pages_waited_for: *waited_for,
            holders: holders.len() as u64,
            waiters: waiters.len() as u64,
        }),
        memcached: cache(observed),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a ratio needs no more")]
fn cache(observed: &Observed) -> Option<MemcachedTotals> {
    let (stats, facts) = observed.memcached.as_ref()?.observed();
    let gets = stats.get_hits.saturating_add(stats.get_misses);
    Some(MemcachedTotals {
        get_hits: stats.get_hits,
        get_misses: stats.get_misses,
        hit_ratio: (gets > 0).then(|| stats.get_hits as f64 / gets as f64),
        items: stats.curr_items,
        bytes: stats.bytes,
        bytes_max: facts.limit_maxbytes,
    })
}

#[cfg(test)]
mod tests {
    use super::{SESSIONS_MAX, Sessions, gather, printable};
    use crate::Peer;
    use crate::metrics::Observed;

    #[test]
    fn the_page_has_a_limit_and_says_what_it_leaves_out() {
        let observed = Observed::default();
        let sit = |_| observed.roster.take(observed.roster.next_id(), "echo", Peer::Unix, None);
        let mut seats: Vec<_> = (0..SESSIONS_MAX + 5).map(sit).collect();
        seats[SESSIONS_MAX + 1].note_unsent(7);
        seats[SESSIONS_MAX + 2].count_read(9);
        let page = gather(&observed, false);
        let ids: Vec<u64> = page.sessions.iter().map(|session| session.id).collect();
        assert_eq!((ids.len(), page.sessions_left_out), (SESSIONS_MAX, 5));
        let [slow, busy] = [2, 3].map(|more| SESSIONS_MAX as u64 + more);
        assert_eq!(ids[..4], [slow, busy, 1, 2], "who matters is not left out");
        seats.truncate(1);
        assert_eq!(gather(&observed, false).sessions_left_out, 0);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let observed = Observed::default();
        let _seat = observed.roster.take(observed.roster.next_id(), "echo", Peer::Unix, None);
        let page = gather(&observed, true);
        let read: Sessions = serde_json::from_str(&page.json()).unwrap();
        assert_eq!((read.json(), read.can_end), (page.json(), true));
    }

    #[test]
    fn keys_can_be_shown_anywhere_and_are_short() {
        assert_eq!(printable(b"disk-7"), "disk-7");
        assert_eq!(printable(b"a\x1b[2J\n\xff\""), "a\\x1b[2J\\n\\xff\\\"");
        assert_eq!(printable(&[b'k'; 64]), "k".repeat(64));
        assert_eq!(printable(&[b'k'; 65]), format!("{}...", "k".repeat(64)));
    }
}
