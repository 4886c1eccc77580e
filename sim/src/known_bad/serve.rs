//! The flawed servers' accept loop, and what all connections share.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use lockproof_reference_server::Listener;
use lockproof_state_machine::{Effect, Now, SessionId};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::queue::{Lock, Want};
use super::unrepeatable::Departures;
use super::{KnownBad, Meaning};
use crate::config::{ACCEPT_PAUSE, DRAIN_DEADLINE};
use crate::net::{SimListener, SimStream};

/// How often it is seen whether all connections are gone, when the server stops.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where a flawed server runs.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) listener: SimListener,
    /// Time that each operation takes inside the lock.
    pub(crate) section: Duration,
    /// How many connections there are.
    pub(crate) connections: Rc<Cell<usize>>,
    /// Asks the server to stop.
    pub(crate) stop: CancellationToken,
    /// What outlives a restart (K29).
    pub(crate) kept: Rc<RefCell<Option<Rc<dyn Any>>>>,
}

/// What all connections share.
pub(super) struct Server<M> {
    pub(super) flaw: KnownBad,
    pub(super) lock: Rc<Lock>,
    /// K24 sends under it.
    pub(super) of_the_thread: Mutex<()>,
    pub(super) table: RefCell<M>,
    pub(super) section: Duration,
    pub(super) departures: Rc<Departures>,
    pub(super) wall_start: std::time::Instant,
    pub(super) stop: CancellationToken,
    pub(super) connections: Rc<Cell<usize>>,
    mailboxes: RefCell<BTreeMap<SessionId, mpsc::UnboundedSender<Bytes>>>,
    start: Instant,
    next_id: Cell<u64>,
}

/// Serves until it is asked to stop.
pub(crate) async fn serve<M: Meaning>(flaw: KnownBad, place: Place, table: M) {
    let Place { listener, stop, .. } = &place;
    place.connections.set(0);
    let server = kept_or_new(flaw, &place, table);
    let mut tasks = Vec::new();
    loop {
        let accepted = tokio::select! {
            biased; // stopping wins
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        tasks.extend(server.admit(stream).await);
    }
    drop(place.listener);
    drain(flaw, &server.connections, &tasks).await;
}

fn kept_or_new<M: Meaning>(flaw: KnownBad, place: &Place, table: M) -> Rc<Server<M>> {
    let kept = place.kept.borrow().clone().filter(|_| flaw == KnownBad::K29);
    if let Some(Ok(server)) = kept.map(Rc::downcast) {
        return server;
    }
    let server = Rc::new(Server {
        flaw,
        of_the_thread: Mutex::default(),
        lock: Lock::new(flaw),
        table: RefCell::new(table),
        section: place.section,
        departures: Rc::default(),
        wall_start: std::time::Instant::now(),
        stop: place.stop.clone(),
        connections: Rc::clone(&place.connections),
        mailboxes: RefCell::default(),
        start: Instant::now(),
        next_id: Cell::new(1),
    });
    place.kept.replace(Some(Rc::clone(&server) as Rc<dyn Any>));
    server
}

/// Connections have some time to end, and then they are ended; K27 has patience.
async fn drain(flaw: KnownBad, connections: &Cell<usize>, tasks: &[AbortHandle]) {
    let give_up = Instant::now() + DRAIN_DEADLINE;
    while connections.get() > 0 && (flaw == KnownBad::K27 || Instant::now() < give_up) {
        sleep(LOOK_EVERY).await;
    }
    tasks.iter().for_each(AbortHandle::abort);
}

impl<M: Meaning> Server<M> {
    async fn admit(self: &Rc<Self>, mut stream: SimStream) -> Option<AbortHandle> {
        let mut input = BytesMut::new();
        if self.flaw == KnownBad::K20 && !matches!(stream.read_buf(&mut input).await, Ok(1..)) {
            return None;
        }
        if self.flaw == KnownBad::K21 {
            let _guard = self.lock.turn(Want::Write).await;
            self.work().await;
        }
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        let connection = Connection::open(self, SessionId(id), stream, input);
        Some(tokio::task::spawn_local(connection.run()).abort_handle())
    }

    pub(super) fn now(&self) -> Now {
        self.start.elapsed()
    }

    /// What takes time inside the lock.
    pub(super) async fn work(&self) {
        if !self.section.is_zero() {
            sleep(self.section).await;
        }
    }

    pub(super) fn open_mailbox(&self, id: SessionId) -> mpsc::UnboundedReceiver<Bytes> {
        let (mailbox, mail) = mpsc::unbounded_channel();
        self.mailboxes.borrow_mut().insert(id, mailbox);
        mail
    }

    pub(super) fn close_mailbox(&self, id: SessionId) {
        self.mailboxes.borrow_mut().remove(&id);
    }

    /// Replies for others go to their mailboxes; the session's own is given back.
    pub(super) fn post(&self, own: SessionId, effects: Vec<Effect<Bytes>>) -> Option<Bytes> {
        let mut own_reply = None;
        let mailboxes = self.mailboxes.borrow();
        for Effect { to, reply } in effects {
            if to == own {
                own_reply = Some(reply);
            } else if let Some(mailbox) = mailboxes.get(&to) {
                // One that is ending takes no more; the table passes its lock on.
                let _ = mailbox.send(reply);
            }
        }
        own_reply
    }
}
