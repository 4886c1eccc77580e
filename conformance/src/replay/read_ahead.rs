//! How much is read ahead of what sessions ask for. A server must not wait for the judge, and no server, however much it
//! sends, may take the judge's memory: what does not fit waits in the kernel.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

/// Every connection may hold this much unread.
const FREE: usize = 64 << 10;

/// A session that has a turn may hold this much on all its connections, and on each the reply that it waits for.
const LARGE: usize = 4 << 20;

/// Sessions, of all that are played at the same time, that read far ahead.
static TURNS: Semaphore = Semaphore::const_new(4);

type Turn = SemaphorePermit<'static>;
type Queueing = Pin<Box<dyn Future<Output = Result<Turn, AcquireError>> + Send>>;

/// What one session may read ahead.
pub(super) struct ReadAhead {
    turn: Option<Turn>,
    queueing: Option<Queueing>,
}

impl ReadAhead {
    pub(super) const fn new() -> Self {
        Self { turn: None, queueing: None }
    }

    /// Up to how many unread bytes a connection may read on, that has `own` of the session's `all`.
    pub(super) fn limit(&self, own: usize, all: usize, wanted: usize) -> usize {
        if self.turn.is_none() {
            return FREE;
        }
        FREE.max(wanted).max(own + LARGE.saturating_sub(all))
    }

    /// Asks for a turn. Whether there is one now that was not there before.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>) -> bool {
        if self.turn.is_some() {
            return false;
        }
        let queueing = self.queueing.get_or_insert_with(|| Box::pin(TURNS.acquire()));
        let Poll::Ready(turn) = queueing.as_mut().poll(cx) else { return false };
        self.queueing = None;
        self.turn = turn.ok();
        self.turn.is_some()
    }

    /// The turn ends when every connection has little unread again, and so does the waiting for one: a turn that is
    /// granted to somebody who no longer asks would be lost to the others.
    pub(super) fn give_back(&mut self, mut unread: impl Iterator<Item = usize>) {
        if unread.all(|unread| unread < FREE) {
            *self = Self::new();
        }
    }
}
