//! The flawed servers' loops: accept, read, execute under one read/write lock, send.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use lockproof_reference_server::Listener;
use lockproof_state_machine::{Effect, Now, SessionId};
use tokio::io::AsyncReadExt;
use tokio::sync::{RwLock, mpsc};
use tokio::time::{Instant, timeout};

use super::deliver::deliver;
use super::{KnownBad, Meaning};
use crate::config::IDLE_TIMEOUT;
use crate::net::{SimListener, SimStream};
use crate::record::{self, Claimant};

/// More than is ever missing of a request here.
const MISSING_MAX: usize = 4096;

struct Server<M> {
    flaw: KnownBad,
    table: RwLock<M>,
    /// K24 sends under it.
    of_the_thread: Mutex<()>,
    mailboxes: RefCell<BTreeMap<SessionId, mpsc::UnboundedSender<Bytes>>>,
    start: Instant,
    connections: Rc<Cell<usize>>,
}

/// Serves for ever; `connections` is how many there are.
pub(crate) async fn serve<M: Meaning>(
    flaw: KnownBad,
    listener: SimListener,
    table: M,
    connections: Rc<Cell<usize>>,
) {
    let server = Rc::new(Server {
        flaw,
        table: RwLock::new(table),
        of_the_thread: Mutex::new(()),
        mailboxes: RefCell::default(),
        start: Instant::now(),
        connections,
    });
    for id in 1.. {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        let mut input = BytesMut::new();
        if flaw == KnownBad::K20 && !matches!(stream.read_buf(&mut input).await, Ok(1..)) {
            continue;
        }
        let connection = Connection::open(&server, SessionId(id), stream, input);
        tokio::task::spawn_local(connection.run());
    }
}

impl<M: Meaning> Server<M> {
    fn now(&self) -> Now {
        self.start.elapsed()
    }

    /// Replies for others go to their mailboxes; the session's own is given back.
    fn post(&self, own: SessionId, effects: Vec<Effect<Bytes>>) -> Option<Bytes> {
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

struct Connection<M> {
    server: Rc<Server<M>>,
    id: SessionId,
    stream: SimStream,
    input: BytesMut,
    mail: mpsc::UnboundedReceiver<Bytes>,
    /// Replies that K19 has not sent yet.
    batch: Vec<Bytes>,
}

impl<M: Meaning> Connection<M> {
    fn open(server: &Rc<Server<M>>, id: SessionId, stream: SimStream, input: BytesMut) -> Self {
        let (mailbox, mail) = mpsc::unbounded_channel();
        server.mailboxes.borrow_mut().insert(id, mailbox);
        server.connections.set(server.connections.get() + 1);
        Self { server: Rc::clone(server), id, stream, input, mail, batch: Vec::new() }
    }

    async fn run(mut self) {
        // However it ended: what it held is released.
        let _ = self.converse().await;
        let Self { server, id, stream, .. } = self;
        server.mailboxes.borrow_mut().remove(&id);
        let effects = server.table.write().await.end(id);
        server.post(id, effects);
        drop(stream);
        server.connections.set(server.connections.get() - 1);
    }

    async fn converse(&mut self) -> io::Result<()> {
        loop {
            while let Some(request) =
                M::decode(&mut self.input).map_err(|()| io::ErrorKind::InvalidData)?
            {
                self.answer(request).await?;
            }
            for reply in std::mem::take(&mut self.batch).into_iter().rev() {
                self.send(&reply).await?;
            }
            if self.read().await? == 0 {
                if self.server.flaw == KnownBad::K17 {
                    self.finish_the_last().await;
                }
                return Ok(());
            }
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        let reading = self.stream.read_buf(&mut self.input);
        if self.server.flaw == KnownBad::K22 {
            reading.await
        } else {
            timeout(IDLE_TIMEOUT, reading).await?
        }
    }

    async fn answer(&mut self, request: M::Request) -> io::Result<()> {
        let server = Rc::clone(&self.server);
        let flaw = server.flaw;
        if !flaw.always_writes() {
            let claim = record::claim("table", "read", &self.claimant());
            let table = server.table.read().await;
            claim.granted();
            if let Some(reply) = table.read(server.now(), &request) {
                let _held = flaw.sends_under_lock().then_some((table, claim));
                return self.deliver(reply).await;
            }
        }
        let claim = record::claim("table", "write", &self.claimant());
        let mut table = server.table.write().await;
        claim.granted();
        let effects = table.write(server.now(), self.id, request);
        let own = server.post(self.id, effects);
        let held = flaw.always_writes().then_some((table, claim));
        let Some(reply) = own else {
            drop(held);
            return self.wait().await;
        };
        self.deliver(reply).await
    }

    fn claimant(&self) -> Claimant {
        Claimant::Address(self.stream.peer())
    }

    /// Takes what is there of a request for all of it.
    async fn finish_the_last(&mut self) {
        if self.input.is_empty() {
            return;
        }
        self.input.resize(self.input.len() + MISSING_MAX, 0);
        if let Ok(Some(request)) = M::decode(&mut self.input) {
            let server = &self.server;
            let effects = server.table.write().await.write(server.now(), self.id, request);
            server.post(self.id, effects);
        }
    }

    /// Waits for what another session sets free, or for the peer's end.
    async fn wait(&mut self) -> io::Result<()> {
        loop {
            let read = tokio::select! {
                biased; // a peer that is gone is granted nothing
                read = self.stream.read_buf(&mut self.input) => read?,
                Some(reply) = self.mail.recv() => return self.deliver(reply).await,
            };
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn deliver(&mut self, reply: Bytes) -> io::Result<()> {
        if self.server.flaw == KnownBad::K19 {
            self.batch.push(reply);
            return Ok(());
        }
        self.send(&reply).await
    }

    async fn send(&mut self, reply: &[u8]) -> io::Result<()> {
        let server = Rc::clone(&self.server);
        let lock = || server.of_the_thread.lock().unwrap_or_else(PoisonError::into_inner);
        let _held = (server.flaw == KnownBad::K24).then(lock);
        deliver(self.server.flaw, &mut self.stream, &mut self.input, reply).await
    }
}
