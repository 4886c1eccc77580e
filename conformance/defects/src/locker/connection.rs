//! A client from its first byte to its last.

use std::io;
use std::mem::take;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::Locker;
use super::commands::execute;
use super::defects::Switch;
use super::frame::{
    BATCH_RELEASE, Decoded, GET, Outcome, RELEASE, Request, decode, decode_cut_off, encode,
};
use super::table::Keys;
use crate::Stream;
use crate::line::Line;

/// From a frame's first byte to its last.
const FRAME_DEADLINE: Duration = Duration::from_secs(10);
/// So many bytes of replies are made before they are sent.
const REPLIES_AT_ONCE: usize = 4096;
const GATHERING: Duration = Duration::from_millis(50);
const GATHERED: usize = 16 << 10;
const LATE: Duration = Duration::from_millis(900);

/// How a session ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// The client ended its stream between two frames.
    Clean,
    /// The client ended its stream inside a frame.
    InsideAFrame,
    /// The server ended it.
    ByServer,
    /// The connection broke.
    Broken,
}

/// Serves one client.
pub(super) async fn serve(server: Rc<Locker>, stream: Box<dyn Stream>) -> io::Result<()> {
    let session = server.sessions.get();
    server.sessions.set(session + u64::from(!server.on(Switch::OneOwner)));
    let line = server.exchange.connect(stream);
    let mut client = Client::new(server, line, session);
    let ended = client.run().await;
    client.free(*ended.as_ref().unwrap_or(&End::Broken)).await;
    match ended {
        Ok(End::ByServer) => client.line.hang_up().await,
        ended => ended.map(drop),
    }
}

/// One session.
pub(super) struct Client {
    pub(super) server: Rc<Locker>,
    pub(super) line: Line,
    pub(super) session: u64,
    /// Not sent yet.
    replies: Vec<(u8, Outcome)>,
    /// Where in the line's buffer a read ended, for `border-hides-separator`.
    borders: Vec<usize>,
    /// When the frame began that is not complete.
    began: Option<Instant>,
    requests: usize,
}

impl Client {
    fn new(server: Rc<Locker>, line: Line, session: u64) -> Self {
        let (replies, borders) = (Vec::new(), Vec::new());
        Self { server, line, session, replies, borders, began: None, requests: 0 }
    }

    pub(super) fn on(&self, switch: Switch) -> bool {
        self.server.on(switch)
    }

    async fn run(&mut self) -> io::Result<End> {
        loop {
            match self.read().await? {
                Read::More => {}
                Read::End if self.line.buffer.is_empty() => return Ok(End::Clean),
                Read::End => {
                    self.execute_half_a_frame().await?;
                    return Ok(End::InsideAFrame);
                }
                Read::TooLate => return Ok(End::ByServer),
            }
            let goes_on = self.execute_all().await?;
            self.send().await?;
            if !goes_on {
                return Ok(End::ByServer);
            }
        }
    }

    async fn read(&mut self) -> io::Result<Read> {
        self.borders.push(self.line.buffer.len());
        let is_idle = self.line.buffer.is_empty();
        if is_idle || self.on(Switch::DripMovesDeadline) {
            self.began = None;
        }
        let began = *self.began.get_or_insert_with(Instant::now);
        let is_timed = !is_idle || self.on(Switch::DeadlineWhenIdle);
        let patience = if is_timed && !self.on(Switch::NoFrameDeadline) {
            FRAME_DEADLINE
        } else {
            Duration::from_hours(24 * 365)
        };
        let Ok(more) = timeout_at(began + patience, self.line.read()).await else {
            return Ok(Read::TooLate);
        };
        let mut more = more?;
        if is_idle && !self.on(Switch::DeadlineCountsIdleTime) {
            self.began = None;
        }
        while more && self.on(Switch::EndDropsReplies) && self.line.buffer.len() < GATHERED {
            match timeout(GATHERING, self.line.read()).await {
                Ok(next) => more = next?,
                Err(_) => break,
            }
        }
        Ok(if more { Read::More } else { Read::End })
    }

    /// Executes what came; false if the connection ends with it.
    async fn execute_all(&mut self) -> io::Result<bool> {
        loop {
            let switches = self.server.switches;
            let request = match decode(&mut self.line.buffer, &mut self.borders, switches) {
                Decoded::Part => return Ok(true),
                Decoded::TooLong(request, length) => {
                    if !self.refuse_length(&request, length).await? {
                        return Ok(false);
                    }
                    continue;
                }
                Decoded::Whole(request) => request,
            };
            self.began = None;
            if !self.execute(&request).await {
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

    /// Too large and the end, before anything of the body is read.
    async fn refuse_length(&mut self, request: &Request, length: u64) -> io::Result<bool> {
        if !self.on(Switch::LongBodyIsSilent) {
            self.replies.push((request.cmd, Outcome::TooLarge));
        }
        if self.on(Switch::LongBodySkipped) {
            self.send().await?;
            return self.skip(length).await;
        }
        Ok(self.on(Switch::ReadsBehindALongBody))
    }

    async fn skip(&mut self, mut length: u64) -> io::Result<bool> {
        loop {
            let here = usize::try_from(length).unwrap_or(usize::MAX).min(self.line.buffer.len());
            self.line.buffer.drain(..here);
            length -= here as u64;
            if length == 0 || !self.line.read().await? {
                return Ok(length == 0);
            }
        }
    }

    /// Executes one request; false if the connection ends with it.
    async fn execute(&mut self, request: &Request) -> bool {
        let outcome = execute(self, request).await;
        self.replies.push((request.cmd, outcome));
        self.requests += 1;
        if outcome == Outcome::UnknownCommand && self.on(Switch::UnknownKeepsBody) {
            self.line.buffer.splice(0..0, request.body.iter().copied());
        }
        let on = |switch| self.on(switch);
        let ends = match outcome {
            Outcome::Malformed => on(Switch::MalformedCloses),
            Outcome::UnknownCommand => on(Switch::UnknownCloses),
            Outcome::TooLarge => on(Switch::LongKeyCloses),
            _ => false,
        };
        let is_release = matches!(request.cmd, RELEASE | BATCH_RELEASE) && outcome == Outcome::Ok;
        let idle = is_release
            && on(Switch::ClosesHoldingNothing)
            && self.server.table.borrow().holds_nothing(self.session);
        let tired = self.requests >= 1000 && on(Switch::ThousandRequests);
        !(ends || idle || tired)
    }

    async fn execute_half_a_frame(&mut self) -> io::Result<()> {
        if self.on(Switch::HalfAFrameAnswered)
            && let Some(request) = decode_cut_off(&self.line.buffer, self.server.switches)
        {
            self.execute(&request).await;
        }
        self.send().await
    }

    async fn send(&mut self) -> io::Result<()> {
        let mut replies = take(&mut self.replies);
        if self.on(Switch::ErrorsOvertake) {
            replies.sort_by_key(|(_, outcome)| !outcome.is_error());
        }
        let switches = self.server.switches;
        let bytes: Vec<u8> =
            replies.into_iter().flat_map(|(cmd, outcome)| encode(cmd, outcome, switches)).collect();
        self.line.send(&bytes).await
    }

    /// `sends-unasked`: remembers whom to tell of these keys, and tells those who waited.
    pub(super) async fn tell(&self, keys: &Keys, outcome: Outcome) {
        if !self.on(Switch::SendsUnasked) {
            return;
        }
        for key in keys {
            if outcome == Outcome::Busy {
                let mut refused = self.server.refused.borrow_mut();
                refused.push((key.clone(), self.line.sender()));
                continue;
            }
            let refused = take(&mut *self.server.refused.borrow_mut());
            let (told, rest): (Vec<_>, Vec<_>) =
                refused.into_iter().partition(|(refused, _)| refused == key);
            self.server.refused.borrow_mut().extend(rest);
            for (_, sender) in told {
                // Who is gone needs not be told.
                drop(sender.send(&encode(GET, Outcome::Ok, self.server.switches)).await);
            }
        }
    }

    /// Frees what the session holds.
    async fn free(&self, end: End) {
        let kept_by = match end {
            End::Clean => Switch::EndKeepsKeys,
            End::InsideAFrame => Switch::HalfFrameKeepsKeys,
            End::ByServer => Switch::ServerCloseKeepsKeys,
            End::Broken => Switch::ResetKeepsKeys,
        };
        if self.on(Switch::EndFreesLate) {
            sleep(LATE).await;
        }
        if !self.on(kept_by) && !self.on(Switch::OneOwner) {
            self.server.table.borrow_mut().end(self.session);
            self.server.freed.notify_waiters();
        }
    }

    /// `get-waits`: until something is released.
    pub(super) async fn wait_for_a_release(&self) {
        self.server.freed.notified().await;
    }
}

/// What a read brought.
enum Read {
    More,
    End,
    TooLate,
}
