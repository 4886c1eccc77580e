//! A client from its first byte to its last.

use std::io;
use std::mem::take;
use std::rc::Rc;
use std::time::Duration;

use tokio::select;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::NetMem;
use super::defects::Switch;
use super::frame::{
    Decoded, NO_SUCH_PAGE, NOT_LOCKED, READ, Reply, Request, UNLOCK, UPDATE, decode, decode_cut_off,
};
use super::memory::Outcome;
use super::pages::{COUNT, LENGTH};
use crate::Stream;
use crate::line::Line;

/// So many bytes of requests are kept while another waits.
const KEPT_AT_MOST: usize = 1 << 20;
/// So many replies are made before they are sent.
const REPLIES_AT_ONCE: usize = 256;
/// How long something lasts that should be one step.
const RACE: Duration = Duration::from_millis(2);

/// Serves one client.
pub(super) async fn serve(server: Rc<NetMem>, stream: Box<dyn Stream>) -> io::Result<()> {
    let session = server.sessions.get();
    server.sessions.set(session + 1);
    let line = server.exchange.connect(stream);
    let mut client = Client { server, line, session, replies: Vec::new(), earlier: Vec::new() };
    let ended = client.run().await;
    client.server.memory.borrow_mut().end(session, ended.is_err());
    ended
}

struct Client {
    server: Rc<NetMem>,
    line: Line,
    session: u64,
    /// Not sent yet.
    replies: Vec<Reply>,
    /// The bytes of earlier payloads, for `short-shows-earlier`.
    earlier: Vec<u8>,
}

impl Client {
    fn on(&self, switch: Switch) -> bool {
        self.server.switches.on(switch)
    }

    async fn run(&mut self) -> io::Result<()> {
        while !self.server.stopped.get() && self.line.read().await? {
            let goes_on = self.execute_all().await?;
            self.send().await?;
            if !goes_on {
                return Ok(());
            }
        }
        if self.on(Switch::HalfAPayloadStored)
            && let Some(request) = decode_cut_off(&self.line.buffer)
        {
            self.server.memory.borrow_mut().execute(self.session, request);
        }
        Ok(())
    }

    /// Executes what came; false if the connection ends with it.
    async fn execute_all(&mut self) -> io::Result<bool> {
        loop {
            let request = match decode(&mut self.line.buffer, self.server.switches) {
                Decoded::Part => return Ok(true),
                Decoded::Hopeless => return Ok(false),
                Decoded::Whole(request) => request,
            };
            if !self.execute(request).await? || self.server.stopped.get() {
                return Ok(false);
            }
            if self.on(Switch::DropsPipelined) {
                self.line.buffer.clear();
            }
            if self.replies.len() >= REPLIES_AT_ONCE {
                self.send().await?;
            }
        }
    }

    /// Executes one request; false if the connection ends with it.
    async fn execute(&mut self, mut request: Request) -> io::Result<bool> {
        let server = self.server.clone();
        let locks = self.on(Switch::WaitsInsideItsLock);
        let _table = if locks { Some(server.table.lock().await) } else { None };
        self.race(&mut request).await;
        self.show_earlier(&mut request);
        let asked = request.clone();
        let outcome = server.memory.borrow_mut().execute(self.session, request);
        match outcome {
            Outcome::Now(reply) => self.answer(&asked, reply).await,
            Outcome::Later(told) => return self.wait_in_line(told).await,
            Outcome::Never => {}
            Outcome::Break => return Ok(false),
            Outcome::Stop => server.stopped.set(true),
        }
        Ok(true)
    }

    async fn answer(&mut self, asked: &Request, mut reply: Reply) {
        if self.keeps_payload(asked, &reply) {
            self.line.buffer.splice(0..0, asked.payload.clone());
        }
        if asked.code == READ && self.on(Switch::ReadTears) {
            // Long enough to be met, and not for each of ten thousand reads.
            if self.replies.is_empty() {
                sleep(RACE).await;
            } else {
                yield_now().await;
            }
            let mut memory = self.server.memory.borrow_mut();
            if let Outcome::Now(later) = memory.execute(self.session, asked.clone()) {
                reply.data = later.data;
            }
        }
        self.replies.push(reply);
    }

    fn keeps_payload(&self, asked: &Request, reply: &Reply) -> bool {
        let is_page = (asked.page as usize) < COUNT;
        let too_long = asked.payload.len() > LENGTH;
        match reply.code {
            NO_SUCH_PAGE if !is_page => self.on(Switch::RefusedPageKeepsPayload),
            NO_SUCH_PAGE => too_long && self.on(Switch::LongKeepsPayload),
            NOT_LOCKED => self.on(Switch::RefusedUnlockKeepsPayload),
            _ => false,
        }
    }

    /// `update-races`: the next version is read now, and written later.
    async fn race(&self, request: &mut Request) {
        let index = request.page as usize;
        let races = self.on(Switch::UpdateRaces) && request.code == UPDATE && index < COUNT;
        if races && request.version < 0 {
            request.version = self.server.memory.borrow().pages.next_version(index);
            sleep(RACE).await;
        }
    }

    /// `short-shows-earlier`: payloads are read into a buffer that is sent on whole.
    fn show_earlier(&mut self, request: &mut Request) {
        if !self.on(Switch::ShortShowsEarlier) || !matches!(request.code, UNLOCK | UPDATE) {
            return;
        }
        let old = self.earlier.get(request.payload.len()..LENGTH).unwrap_or_default();
        request.payload.extend_from_slice(old);
        self.earlier.clone_from(&request.payload);
    }

    /// Waits for a reply; false if the connection ends meanwhile.
    async fn wait_in_line(&mut self, told: oneshot::Receiver<Reply>) -> io::Result<bool> {
        self.send().await?;
        let overtakes = self.on(Switch::WhatFollowsAWaitOvertakes);
        if overtakes || self.on(Switch::WhatFollowsAWaitIsDone) {
            self.execute_what_follows();
        }
        if overtakes {
            self.send().await?;
        }
        let Some(reply) = self.wait(told).await? else { return Ok(false) };
        self.replies.insert(0, reply);
        Ok(true)
    }

    async fn wait(&mut self, mut told: oneshot::Receiver<Reply>) -> io::Result<Option<Reply>> {
        loop {
            let listens =
                self.line.buffer.len() < KEPT_AT_MOST && !self.on(Switch::EndUnseenInAWait);
            select! {
                // Whose end has come is granted nothing.
                biased;
                more = self.line.read(), if listens => {
                    if !more? {
                        return Ok(None);
                    }
                    if self.on(Switch::DropsWhileWaiting) {
                        self.line.buffer.clear();
                    }
                }
                reply = &mut told => return Ok(reply.ok()),
            }
        }
    }

    fn execute_what_follows(&mut self) {
        while let Decoded::Whole(request) = decode(&mut self.line.buffer, self.server.switches) {
            let outcome = self.server.memory.borrow_mut().execute(self.session, request);
            if let Outcome::Now(reply) = outcome {
                self.replies.push(reply);
            }
        }
    }

    async fn send(&mut self) -> io::Result<()> {
        let mut replies = take(&mut self.replies);
        if self.on(Switch::RefusalsOvertake) {
            replies.sort_by_key(|reply| !reply.refuses());
        }
        let mut bytes = Vec::new();
        for reply in &replies {
            reply.encode(&mut bytes, self.server.switches);
        }
        self.line.send(&bytes).await
    }
}
