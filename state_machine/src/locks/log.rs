//! The transition log (LKR-703): what was asked and answered, in the order in which it took effect,
//! for a checker to replay. Queries are left out: they change nothing.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;
use lockproof_protocol::locker::{Outcome, Request};

use crate::{Now, SessionId};

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Counts from 1 without a gap; a gap means that a full log dropped entries.
    pub sequence: u64,
    /// When it took effect.
    pub at: Now,
    /// Whose request or end it was.
    pub session: SessionId,
    /// What happened.
    pub event: Event,
}

/// What a [`Transition`] was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A GET or RELEASE, single or batch, refused ones too.
    Request {
        /// The request.
        request: Request,
        /// Its answer.
        outcome: Outcome,
    },
    /// The session ended.
    End {
        /// The keys that this freed.
        freed: Vec<Bytes>,
    },
}

#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Transition>,
    entries_max: usize,
    sequence: u64,
}

impl Log {
    pub(super) fn limit(&mut self, entries_max: usize) {
        *self = Self { entries_max, ..Self::default() };
    }

    /// Adds what `event` makes, which is not called while the log is off.
    pub(super) fn add(&mut self, at: Now, session: SessionId, event: impl FnOnce() -> Event) {
        if self.entries_max == 0 {
            return;
        }
        if self.entries.len() >= self.entries_max {
            self.entries.pop_front();
        }
        self.sequence += 1;
        let sequence = self.sequence;
        self.entries.push_back(Transition { sequence, at, session, event: event() });
    }

    pub(super) fn take(&mut self) -> Vec<Transition> {
        self.entries.drain(..).collect()
    }
}
