//! One connection of a flawed server: read, execute under the lock, send.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use lockproof_state_machine::SessionId;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

use super::deliver::{Outbox, deliver};
use super::queue::{Guard, Want};
use super::serve::Server;
use super::unrepeatable::pause_by_the_wall_clock;
use super::{KnownBad, Meaning};
use crate::config::IDLE_TIMEOUT;
use crate::net::SimStream;
use crate::record::{self, Claimed};

/// Read ahead while the lock is not free; beyond it a client's end is not noticed.
const AHEAD_MAX: usize = 64 * 1024;

/// Longer than any run.
const FOR_EVER: Duration = Duration::from_hours(1);

/// K16 applies what it acknowledged so much later.
const LATER: Duration = Duration::from_millis(400);

pub(super) struct Connection<M: Meaning> {
    server: Rc<Server<M>>,
    id: SessionId,
    stream: SimStream,
    input: BytesMut,
    mail: mpsc::UnboundedReceiver<Bytes>,
    /// Replies that K19 has not sent yet.
    batch: Vec<Bytes>,
    /// Replies that K06 has not sent yet.
    outbox: Outbox,
    /// When the client is given up if nothing, or no whole request, comes.
    give_up: Instant,
    /// K18 knows that the client is gone, and goes on.
    is_dead: bool,
    /// Whether there can be anything to release.
    may_hold: bool,
    _counted: Counted,
}

/// One more connection, until it is dropped.
struct Counted(Rc<Cell<usize>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl<M: Meaning> Connection<M> {
    pub(super) fn open(
        server: &Rc<Server<M>>,
        id: SessionId,
        stream: SimStream,
        input: BytesMut,
    ) -> Self {
        let connections = Rc::clone(&server.connections);
        connections.set(connections.get() + 1);
        Self {
            server: Rc::clone(server),
            id,
            stream,
            input,
            mail: server.open_mailbox(id),
            batch: Vec::new(),
            outbox: Outbox::default(),
            give_up: Instant::now() + IDLE_TIMEOUT,
            is_dead: false,
            may_hold: false,
            _counted: Counted(connections),
        }
    }

    pub(super) async fn run(mut self) {
        let ended = self.converse().await;
        let Self { server, id, stream, may_hold, _counted, .. } = self;
        server.close_mailbox(id);
        if ended.is_err() && server.flaw == KnownBad::K14 {
            server.lock.release_again();
        }
        // However it ended: what it held is released.
        if may_hold {
            let guard = server.lock.turn(Want::Write).await;
            let effects = server.table.borrow_mut().end(id);
            drop(guard);
            server.post(id, effects);
        }
        drop(stream);
    }

    async fn converse(&mut self) -> io::Result<()> {
        loop {
            self.execute().await?;
            for reply in std::mem::take(&mut self.batch).into_iter().rev() {
                self.send(&reply).await?;
            }
            if self.is_dead {
                while self.stream.read_buf(&mut self.input).await? > 0 {
                    self.execute().await?;
                }
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if self.read().await? == 0 {
                if self.server.flaw == KnownBad::K17 {
                    self.finish_the_last().await;
                }
                return Ok(());
            }
        }
    }

    /// Every whole request of the input.
    async fn execute(&mut self) -> io::Result<()> {
        let invalid = |()| io::ErrorKind::InvalidData;
        while let Some(request) = M::decode(&mut self.input).map_err(invalid)? {
            self.give_up = Instant::now() + IDLE_TIMEOUT;
            match self.answer(request).await {
                Err(_) if self.server.flaw == KnownBad::K18 => self.is_dead = true,
                answered => answered?,
            }
        }
        Ok(())
    }

    async fn read(&mut self) -> io::Result<usize> {
        let Self { server, stream, input, outbox, give_up, .. } = self;
        let is_idle = input.is_empty();
        if is_idle {
            *give_up = Instant::now() + IDLE_TIMEOUT;
        }
        if server.flaw == KnownBad::K22 {
            *give_up += FOR_EVER;
        }
        // Everything but K06 has sent its replies by now.
        let reading = outbox.send_and_read(stream, input);
        let read = tokio::select! {
            biased; // what is there is read
            read = timeout_at(*give_up, reading) => read?,
            () = server.stop.cancelled() => Err(io::ErrorKind::Interrupted.into()),
        };
        if is_idle {
            // The time of a frame begins with its first byte.
            *give_up = Instant::now() + IDLE_TIMEOUT;
        }
        read
    }

    async fn answer(&mut self, request: M::Request) -> io::Result<()> {
        let server = Rc::clone(&self.server);
        let (flaw, table) = (server.flaw, &server.table);
        let read = || table.borrow().read(server.now(), &request);
        if let (true, Some(fact)) = (M::is_a_fact(&request) && !flaw.always_writes(), read()) {
            return self.deliver(fact).await;
        }
        if !flaw.always_writes() && read().is_some() {
            let entered = self.enter(Want::Read).await?;
            server.work().await;
            // What only looked a moment ago may have become a change: then it is done as one.
            if let Some(reply) = read() {
                let locks = flaw.sends_under_lock() || table.borrow().locks_its_reply(&request);
                let _held = locks.then_some(entered);
                return self.deliver(reply).await;
            }
        }
        let promised = table.borrow().promise(&request);
        if let (Some(promised), KnownBad::K16) = (promised, flaw) {
            self.apply_later(request);
            return self.deliver(promised).await;
        }
        let entered = self.enter(Want::Write).await?;
        let seen = table.borrow().look(server.now(), &request);
        let is_absurd = table.borrow().is_absurd(server.now(), &request);
        if is_absurd && flaw == KnownBad::K15 {
            // A panic would end the simulation too; this is what one leaves behind.
            entered.0.lose();
            return Err(io::ErrorKind::Other.into());
        }
        self.may_hold |= M::may_hold(&request);
        server.work().await;
        let effects = table.borrow_mut().write(server.now(), self.id, request, seen);
        let own = server.post(self.id, effects);
        let held = flaw.always_writes().then_some(entered);
        let Some(reply) = own else {
            drop(held);
            return self.wait().await;
        };
        self.deliver(reply).await
    }

    /// Waits for the lock; a client that ends meanwhile loses its place.
    async fn enter(&mut self, want: Want) -> io::Result<(Guard, Claimed)> {
        let claim = record::claim("table", want.name(), self.stream.peer());
        let mut turn = self.server.lock.turn(want);
        loop {
            let looks = self.input.len() < AHEAD_MAX && !self.is_dead;
            let read = tokio::select! {
                biased; // a client that is gone is granted nothing
                read = self.stream.read_buf(&mut self.input), if looks => read?,
                guard = &mut turn => {
                    claim.granted();
                    return Ok((guard, claim));
                }
            };
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn apply_later(&self, request: M::Request) {
        let (server, id) = (Rc::clone(&self.server), self.id);
        tokio::task::spawn_local(async move {
            sleep(LATER).await;
            let _guard = server.lock.turn(Want::Write).await;
            let mut table = server.table.borrow_mut();
            let seen = table.look(server.now(), &request);
            let effects = table.write(server.now(), id, request, seen);
            server.post(id, effects);
        });
    }

    /// Takes what is there of a request for all of it.
    async fn finish_the_last(&mut self) {
        if self.input.is_empty() {
            return;
        }
        M::make_up(&mut self.input);
        if let Ok(Some(request)) = M::decode(&mut self.input) {
            let server = &self.server;
            let _guard = server.lock.turn(Want::Write).await;
            let mut table = server.table.borrow_mut();
            let seen = table.look(server.now(), &request);
            let effects = table.write(server.now(), self.id, request, seen);
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
        match self.server.flaw {
            KnownBad::K06 => self.outbox.push(&reply),
            KnownBad::K19 => self.batch.push(reply),
            _ => return self.send(&reply).await,
        }
        Ok(())
    }

    async fn send(&mut self, reply: &[u8]) -> io::Result<()> {
        if self.is_dead {
            return Ok(());
        }
        match self.server.flaw {
            KnownBad::K25 => pause_by_the_wall_clock(self.server.wall_start).await,
            KnownBad::K26 => self.server.departures.next(self.id).await,
            _ => {}
        }
        let server = Rc::clone(&self.server);
        let lock = || server.of_the_thread.lock().unwrap_or_else(PoisonError::into_inner);
        let _held = (server.flaw == KnownBad::K24).then(lock);
        deliver(self.server.flaw, &mut self.stream, &mut self.input, reply).await
    }
}
