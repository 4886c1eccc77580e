//! Replies that another session's command set free.
//!
//! A release answers the oldest waiter, and that waiter is another connection. The reply goes into
//! the waiter's mailbox once the lock is gone; the waiter's own task sends it. A reply posted to a
//! session that is ending is dropped with it: the state machine passes the lock on when the
//! session ends, so nothing is lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use lockproof_rwlock::RwLock;
use lockproof_state_machine::SessionId;
use tokio::sync::Notify;

/// One session's mailbox. A session waits for one reply at a time, so there is room for one.
#[derive(Debug)]
pub(crate) struct Mailbox<R> {
    slot: RwLock<Option<R>>,
    posted: Notify,
}

impl<R> Mailbox<R> {
    fn new() -> Self {
        Self { slot: RwLock::new(None), posted: Notify::new() }
    }

    /// Waits for the reply and takes it. Safe to drop half way.
    pub(crate) async fn take(&self) -> R {
        loop {
            let posted = self.posted.notified();
            if let Some(reply) = self.slot.write(Option::take) {
                return reply;
            }
            posted.await;
        }
    }

    /// Whether a reply lies there that nobody has taken.
    pub(crate) fn is_full(&self) -> bool {
        self.slot.read(Option::is_some)
    }

    fn post(&self, reply: R) {
        self.slot.write(|slot| *slot = Some(reply));
        self.posted.notify_one();
    }
}

/// The mailboxes of all living sessions.
#[derive(Debug)]
pub(crate) struct Mailboxes<R> {
    by_session: RwLock<BTreeMap<SessionId, Arc<Mailbox<R>>>>,
}

impl<R> Mailboxes<R> {
    pub(crate) fn new() -> Self {
        Self { by_session: RwLock::new(BTreeMap::new()) }
    }

    /// A mailbox for a new session.
    pub(crate) fn open(&self, session: SessionId) -> Arc<Mailbox<R>> {
        let mailbox = Arc::new(Mailbox::new());
        self.by_session.write(|boxes| boxes.insert(session, Arc::clone(&mailbox)));
        mailbox
    }

    /// Forgets a session.
    pub(crate) fn close(&self, session: SessionId) {
        self.by_session.write(|boxes| boxes.remove(&session));
    }

    /// Puts a reply into a session's mailbox; without effect when the session has ended.
    pub(crate) fn post(&self, session: SessionId, reply: R) {
        if let Some(mailbox) = self.by_session.read(|boxes| boxes.get(&session).map(Arc::clone)) {
            mailbox.post(reply);
        }
    }
}
