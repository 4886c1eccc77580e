//! Runs a conversation over a socket that blocks, and makes sure that a doubtful one is never used
//! again: the same rules of ownership as the async link's.

use std::io;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use rustix::event::PollFlags;
use rustix::net::RecvFlags;
use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::ready::wait;
use super::stream::{Received, Stream};
use super::{OnInterrupt, go_on};
use crate::run::{Fault, Run, expect_no_surplus, reason};
use crate::{Cause, Conversation, Error};

/// What one receive takes at most. It lies between the system and the input, so that nothing needs
/// to be cleared first.
const RECEIVE_BYTES: usize = 64 * 1024;

/// A connection that was used this long ago is looked at before it is used again: the server may have closed it.
const REST: Duration = Duration::from_millis(1);

/// A socket that is open as long as it is beyond doubt.
#[derive(Debug)]
pub(crate) struct Link {
    /// In a box: it is moved out and in with each operation.
    live: Option<Box<Live>>,
    /// The moment of a look at the connection, which the operation behind it begins with.
    seen: Option<Instant>,
    timeout: Duration,
    cause: Cause,
    on_interrupt: OnInterrupt,
}

impl Link {
    pub(crate) fn new(stream: Stream, timeout: Duration) -> Self {
        let live = Live {
            stream,
            input: BytesMut::new(),
            received: vec![0; RECEIVE_BYTES].into(),
            armed: None,
            used: None,
            write_error: None,
        };
        Self {
            live: Some(Box::new(live)),
            seen: None,
            timeout,
            cause: Cause::Quit,
            on_interrupt: go_on,
        }
    }

    pub(crate) fn set_on_interrupt(&mut self, on_interrupt: OnInterrupt) {
        self.on_interrupt = on_interrupt;
    }

    /// Sends what the conversation has to send, and reads until it waits for nothing more.
    ///
    /// `mutating` says whether the requests change anything, for [`Error::maybe_applied`].
    pub(crate) fn run<C: Conversation>(
        &mut self,
        conversation: &mut C,
        mutating: bool,
    ) -> Run<C::Answer> {
        let Some(mut live) = self.live.take() else {
            return Run::refused(Error::Closed { cause: self.cause });
        };
        let mut answers = Vec::new();
        let mut sent = false;
        let begun = self.seen.take().unwrap_or_else(Instant::now);
        let (timeout, on_interrupt) = (self.timeout, self.on_interrupt);
        let limits = Limits { begun, timeout, on_interrupt };
        let ended = live.drive(conversation, &mut answers, &mut sent, limits);
        let error = ended.err().map(|fault| {
            let (cause, error) = fault.blame(self.timeout, mutating && sent);
            self.cause = cause;
            error
        });
        match (&error, &live.write_error) {
            (None, None) => self.live = Some(live),
            // Every answer came, so each outcome is known; only the socket is of no more use.
            (None, Some(_)) => self.cause = Cause::Transport,
            (Some(_), _) => {}
        }
        Run { answers, error }
    }

    /// Closes the socket, if it is open.
    pub(crate) fn close(&mut self, cause: Cause) {
        if self.is_open() {
            self.close_over(cause);
        }
    }

    /// Closes the socket; `cause` is the reason even where it has failed by itself since.
    pub(crate) fn close_over(&mut self, cause: Cause) {
        self.live = None;
        self.cause = cause;
    }

    /// Asked before a request is given to the core: on a closed socket it would stay there for ever.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.is_open() { Ok(()) } else { Err(Error::Closed { cause: self.cause }) }
    }

    /// Whether the socket can still be used.
    pub(crate) fn is_open(&self) -> bool {
        self.live.is_some()
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// As [`has_ended`](Self::has_ended), but one that has not rested is not looked at. To be asked just
    /// before an operation.
    pub(crate) fn has_ended_at_rest(&mut self) -> bool {
        let now = Instant::now();
        self.seen = Some(now);
        match &mut self.live {
            Some(live) if !live.has_rested(now) => false,
            Some(live) => {
                live.used = Some(now);
                live.expect_silence().is_err()
            }
            None => true,
        }
    }

    /// Whether the peer has closed, or said something unasked; nothing is waited for.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.live.as_mut().is_none_or(|live| live.expect_silence().is_err())
    }
}

/// The socket and what was read from it.
#[derive(Debug)]
struct Live {
    stream: Stream,
    input: BytesMut,
    received: Box<[u8]>,
    /// How long the system lets a receive wait; `None` until it was told.
    armed: Option<Duration>,
    /// When the last operation began, or the connection was looked at.
    used: Option<Instant>,
    /// A failed write. Kept while answers are still read: a server that refuses and closes makes
    /// the rest of a write fail, and its reason is in what it sent before (MCB-CON-09).
    write_error: Option<io::Error>,
}

/// Until when an operation may last, and what a signal does to it.
#[derive(Copy, Clone)]
struct Limits {
    begun: Instant,
    timeout: Duration,
    on_interrupt: OnInterrupt,
}

impl Limits {
    /// `None`: it may last for ever.
    fn deadline(&self) -> Option<Instant> {
        self.begun.checked_add(self.timeout)
    }

    /// Whether so much time has gone that the system's own limit, armed for the whole, would be late.
    fn is_near(&self) -> bool {
        self.deadline().is_some() && self.begun.elapsed() > self.timeout / 10
    }
}

impl Live {
    fn drive<C: Conversation>(
        &mut self,
        conversation: &mut C,
        answers: &mut Vec<C::Answer>,
        sent: &mut bool,
        limits: Limits,
    ) -> Result<(), Fault> {
        if !conversation.answers_are_named() || self.has_rested(limits.begun) {
            self.expect_silence()?;
        }
        self.arm(limits).map_err(Fault::Transport)?;
        let mut output = conversation.take_output();
        let mut first = true;
        loop {
            self.send(&mut output, sent);
            let (unsent, waiting) = (self.has_unsent(&output), conversation.is_waiting());
            if !unsent && !waiting {
                break;
            }
            let readable = match (unsent, waiting) {
                (false, _) if first || !limits.is_near() => true,
                (false, _) => self.wait(PollFlags::IN, limits)?,
                // Both at once: a server that stops reading until its replies are read would
                // otherwise hold a long pipeline for ever.
                (true, true) => self.wait(PollFlags::IN | PollFlags::OUT, limits)?,
                (true, false) => self.wait(PollFlags::OUT, limits)?,
            };
            first = false;
            if !readable {
                continue;
            }
            self.receive(limits)?;
            while let Some(answer) = conversation.receive(&mut self.input)? {
                answers.push(answer);
            }
        }
        self.used = Some(limits.begun);
        expect_no_surplus(&self.input)
    }

    /// A long wait is the system's: one call instead of two.
    fn arm(&mut self, limits: Limits) -> io::Result<()> {
        if self.armed == Some(limits.timeout) {
            return Ok(());
        }
        // To the system, zero means "for ever".
        let limit = limits.deadline().map(|_| limits.timeout.max(Duration::from_micros(1)));
        set_socket_timeout(self.stream.socket(), Timeout::Recv, limit)?;
        self.armed = Some(limits.timeout);
        Ok(())
    }

    fn has_rested(&self, now: Instant) -> bool {
        self.used.is_none_or(|since| now.saturating_duration_since(since) >= REST)
    }

    /// Nothing may have arrived since the last answer: without a name, a stray reply would be taken
    /// for the next request's.
    fn expect_silence(&mut self) -> Result<(), Fault> {
        let mut came = self.take_in(RecvFlags::DONTWAIT);
        if matches!(came, Ok(Received::Nothing)) {
            // Behind a matter of TLS's own there may be the end.
            came = self.take_in(RecvFlags::DONTWAIT);
        }
        match came {
            Ok(Received::End) => return Err(ended()),
            Ok(Received::Bytes | Received::Nothing) => {}
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {}
                _ => return Err(Fault::Transport(error)),
            },
        }
        expect_no_surplus(&self.input)
    }

    fn take_in(&mut self, flags: RecvFlags) -> io::Result<Received> {
        self.stream.receive(&mut self.received, &mut self.input, flags)
    }

    fn has_unsent(&self, output: &BytesMut) -> bool {
        self.write_error.is_none() && (!output.is_empty() || self.stream.has_unsent())
    }

    /// As much as the system takes at once.
    fn send(&mut self, output: &mut BytesMut, sent: &mut bool) {
        while self.has_unsent(output) {
            match self.stream.send(output) {
                Ok(length) => {
                    *sent |= length > 0;
                    output.advance(length);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => return,
                    _ => {
                        output.clear();
                        self.write_error = Some(error);
                    }
                },
            }
        }
    }

    /// Whether there is something to read; an error that the socket has is read, too.
    fn wait(&self, flags: PollFlags, limits: Limits) -> Result<bool, Fault> {
        let ready = wait(self.stream.socket(), flags, limits.deadline(), limits.on_interrupt);
        match ready.map_err(Fault::Transport)? {
            ready if ready.is_empty() => Err(Fault::Timeout),
            ready => Ok(ready.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR)),
        }
    }

    fn receive(&mut self, limits: Limits) -> Result<(), Fault> {
        loop {
            let error = match self.take_in(RecvFlags::empty()) {
                Ok(Received::Bytes | Received::Nothing) => return Ok(()),
                Ok(Received::End) => io::ErrorKind::UnexpectedEof.into(),
                Err(error) => error,
            };
            match error.kind() {
                io::ErrorKind::Interrupted => {
                    (limits.on_interrupt)().map_err(Fault::Transport)?;
                    if limits.is_near() && !self.wait(PollFlags::IN, limits)? {
                        return Ok(());
                    }
                }
                io::ErrorKind::WouldBlock => return Err(Fault::Timeout),
                _ => return Err(Fault::Transport(reason(error, self.write_error.take()))),
            }
        }
    }
}

fn ended() -> Fault {
    Fault::Transport(io::ErrorKind::UnexpectedEof.into())
}
