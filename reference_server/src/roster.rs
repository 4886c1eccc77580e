//! Who is connected: an entry for each connection, from its beginning to its end.
//!
//! A connection writes numbers into its own entry, without a lock; the table of entries is locked when a connection begins or
//! ends, and for as long as it takes to copy references when somebody asks. What a session holds is not here: its protocol
//! knows, and is asked.

use core::future::{Future, poll_fn};
use core::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use core::task::Poll;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use atomic_waker::AtomicWaker;
use lockproof_rwlock::RwLock;
use lockproof_state_machine::SessionId;

use crate::{Clock, Peer};

/// All connections of a server. Clones are one and the same.
#[derive(Clone, Debug)]
pub struct Roster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    next: AtomicU64,
    entries: RwLock<BTreeMap<u64, Arc<Entry>>>,
}

/// One connection, as others see it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Never used again.
    pub(crate) id: u64,
    pub(crate) protocol: &'static str,
    pub(crate) peer: Peer,
    /// Its number within the protocol, where that has one.
    pub(crate) session: Option<SessionId>,
    begun: Duration,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// Bytes that the peer does not take, and since when in milliseconds; mostly none.
    unsent: AtomicU64,
    unsent_since: AtomicU64,
    is_told_to_end: AtomicBool,
    /// The connection's task, while it waits: one waits at a time.
    task: AtomicWaker,
}

/// A connection's place among the others; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Seat {
    roster: Roster,
    entry: Arc<Entry>,
}

/// What came of telling a session to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    /// It ends now: its protocol and its peer.
    Ends(&'static str, Peer),
    /// It has ended, or was told before.
    Gone,
    /// There was never one of that id.
    Unknown,
}

impl Default for Roster {
    /// Nobody.
    fn default() -> Self {
        let entries = RwLock::new(BTreeMap::new());
        Self(Arc::new(Inner { clock: Clock::start(), next: AtomicU64::new(1), entries }))
    }
}

impl Roster {
    /// An id that nobody has had.
    pub(crate) fn next_id(&self) -> u64 {
        self.0.next.fetch_add(1, Relaxed)
    }

    /// A place for a connection with an id of [`next_id`](Self::next_id).
    pub(crate) fn take(
        &self,
        id: u64,
        protocol: &'static str,
        peer: Peer,
        session: Option<SessionId>,
    ) -> Seat {
        let entry = Arc::new(Entry {
            id,
            protocol,
            peer,
            session,
            begun: self.now(),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
            unsent_since: AtomicU64::new(0),
            is_told_to_end: AtomicBool::new(false),
            task: AtomicWaker::new(),
        });
        self.0.entries.write(|entries| entries.insert(id, Arc::clone(&entry)));
        Seat { roster: self.clone(), entry }
    }

    /// Time since the roster was made.
    pub(crate) fn now(&self) -> Duration {
        self.0.clock.now()
    }

    /// All who are there now, in the order in which they came.
    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        self.0.entries.read(|entries| entries.values().map(Arc::clone).collect())
    }

    /// Tells a session to end; it does so by itself, soon.
    pub(crate) fn end(&self, id: u64) -> Told {
        let Some(entry) = self.0.entries.read(|entries| entries.get(&id).map(Arc::clone)) else {
            let was_there = (1..self.0.next.load(Relaxed)).contains(&id);
            return if was_there { Told::Gone } else { Told::Unknown };
        };
        if entry.is_told_to_end.swap(true, SeqCst) {
            return Told::Gone;
        }
        entry.task.wake();
        Told::Ends(entry.protocol, entry.peer)
    }
}

impl Entry {
    pub(crate) fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.begun)
    }

    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Relaxed)
    }

    pub(crate) fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Relaxed)
    }

    /// The output that the peer does not take, and for how long it has taken nothing.
    pub(crate) fn unsent(&self, now: Duration) -> Option<(u64, Duration)> {
        let since = Duration::from_millis(self.unsent_since.load(Relaxed));
        let bytes = self.unsent.load(Relaxed);
        (bytes > 0).then(|| (bytes, now.saturating_sub(since)))
    }
}

impl Seat {
    pub(crate) fn is_told_to_end(&self) -> bool {
        self.entry.is_told_to_end.load(Relaxed)
    }

    pub(crate) fn count_read(&self, bytes: usize) {
        add(&self.entry.bytes_in, bytes);
    }

    /// So many bytes are sent, and nothing waits.
    pub(crate) fn count_written(&self, bytes: usize) {
        add(&self.entry.bytes_out, bytes);
        if self.entry.unsent.load(Relaxed) > 0 {
            self.entry.unsent.store(0, Relaxed);
        }
    }

    /// The peer takes no more for now, and so many bytes are left.
    pub(crate) fn note_unsent(&self, bytes: usize) {
        let (bytes, entry) = (bytes as u64, &self.entry);
        if entry.unsent.load(Relaxed) != bytes {
            let now = u64::try_from(self.roster.now().as_millis()).unwrap_or(u64::MAX);
            entry.unsent_since.store(now, Relaxed);
            entry.unsent.store(bytes, Relaxed);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.roster.0.entries.write(|entries| entries.remove(&self.entry.id));
    }
}

/// Returns when the session is told to end: for its own task alone, and never without a seat. It holds nothing but a reference,
/// because every idle connection waits in it.
pub(crate) fn told_to_end(seat: Option<&Seat>) -> impl Future<Output = ()> + use<'_> {
    poll_fn(move |context| {
        let Some(Seat { entry, .. }) = seat else { return Poll::Pending };
        // In this order, so that a word between the two is not missed.
        entry.task.register(context.waker());
        if entry.is_told_to_end.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    })
}

/// Only the connection itself writes, so this needs no operation that locks the bus.
fn add(counter: &AtomicU64, bytes: usize) {
    counter.store(counter.load(Relaxed).wrapping_add(bytes as u64), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::{Arc, Roster, Told, told_to_end};
    use crate::Peer;
    use core::pin::pin;
    use core::task::{Context, Poll, Waker};

    #[test]
    fn a_session_ends_once_and_ids_do_not_come_back() {
        let roster = Roster::default();
        let sit = || roster.take(roster.next_id(), "echo", Peer::Unix, None);
        let (first, second) = (sit(), sit());
        let ids: Vec<u64> = roster.entries().iter().map(|entry| entry.id).collect();
        assert_eq!(ids, [1, 2]);

        let mut context = Context::from_waker(Waker::noop());
        let mut is_told = || pin!(told_to_end(Some(&first))).poll(&mut context);
        assert_eq!(is_told(), Poll::Pending);
        assert_eq!(roster.end(1), Told::Ends("echo", Peer::Unix));
        assert_eq!([is_told(), is_told()], [Poll::Ready(()); 2]);
        assert!(first.is_told_to_end() && !second.is_told_to_end());
        assert_eq!(
            (roster.end(1), roster.end(3), roster.end(0)),
            (Told::Gone, Told::Unknown, Told::Unknown)
        );
        drop(first);
        assert_eq!((roster.end(1), roster.entries().len()), (Told::Gone, 1));
        assert_eq!(sit().entry.id, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_is_slow_since_it_took_something_for_the_last_time() {
        let roster = Roster::default();
        let seat = roster.take(roster.next_id(), "echo", Peer::Unix, None);
        let entry = Arc::clone(&seat.entry);
        let second = core::time::Duration::from_secs(1);
        let wait = || tokio::time::sleep(second);
        assert_eq!(entry.unsent(roster.now()), None);
        seat.note_unsent(10);
        wait().await;
        seat.note_unsent(10);
        wait().await;
        assert_eq!(entry.unsent(roster.now()), Some((10, 2 * second)));
        seat.note_unsent(4);
        wait().await;
        assert_eq!(entry.unsent(roster.now()), Some((4, second)));
        seat.count_written(10);
        assert_eq!((entry.unsent(roster.now()), entry.bytes_out()), (None, 10));
    }
}
