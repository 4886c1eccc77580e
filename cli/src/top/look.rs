//! One look at a server: what it said, and how fast bytes went since the look before.

use std::collections::BTreeMap;
use std::time::Duration;

use lockproof_reference_server::sessions::{Session, Sessions};

/// Bytes a second, in and out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd)]
pub(super) struct Pace {
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

impl Pace {
    fn between(before: (u64, u64), now: (u64, u64), time: Duration) -> Self {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        let pace = |before, now: u64| now.saturating_sub(before).saturating_mul(1000) / millis;
        Self { bytes_in: pace(before.0, now.0), bytes_out: pace(before.1, now.1) }
    }

    pub(super) fn sum(self) -> u64 {
        self.bytes_in.saturating_add(self.bytes_out)
    }
}

/// One look.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) said: Sessions,
    /// Of the whole server; none at the first look.
    pub(super) pace: Option<Pace>,
    /// Of each session that was there before.
    paces: BTreeMap<u64, Pace>,
}

impl Look {
    pub(super) fn first(said: Sessions) -> Self {
        Self { said, pace: None, paces: BTreeMap::new() }
    }

    /// The next one. A server that was started anew is looked at for the first time.
    pub(super) fn next(&self, said: Sessions) -> Self {
        let before = &self.said;
        let Some(time) = said.uptime_seconds.checked_sub(before.uptime_seconds) else {
            return Self::first(said);
        };
        let of_session = |it: &Session| (it.bytes_in, it.bytes_out);
        let of_all = |it: &Sessions| (it.totals.bytes_in, it.totals.bytes_out);
        let known: BTreeMap<u64, _> =
            before.sessions.iter().map(|it| (it.id, of_session(it))).collect();
        let pace =
            |it: &Session| Some((it.id, Pace::between(*known.get(&it.id)?, of_session(it), time)));
        let paces = said.sessions.iter().filter_map(pace).collect();
        let pace = Some(Pace::between(of_all(before), of_all(&said), time));
        Self { said, pace, paces }
    }

    pub(super) fn pace_of(&self, session: &Session) -> Option<Pace> {
        self.paces.get(&session.id).copied()
    }
}
