//! Runs a conversation over a socket that blocks, and makes sure that a doubtful one is never used
//! again: the same rules of ownership as the async link's.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::ready::wait;
use super::{OnInterrupt, go_on};
use crate::run::{Fault, Run, expect_no_surplus};
use crate::{Cause, Conversation, Error};

/// What one receive takes at most. It lies between the system and the input, so that nothing needs
/// to be cleared first.
const RECEIVE_BYTES: usize = 64 * 1024;

/// A connection that was used this long ago is looked at before it is used again: the server may have closed it.
const REST: Duration = Duration::from_millis(1);

/// A socket that is open as long as it is beyond doubt.
#[derive(Debug)]
pub(crate) struct Link<S> {
    /// In a box: it is moved out and in with each operation.
    live: Option<Box<Live<S>>>,
    /// The moment of a look at the connection, which the operation behind it begins with.
    seen: Option<Instant>,
    timeout: Duration,
    cause: Cause,
    on_interrupt: OnInterrupt,
}

impl<S: AsFd> Link<S> {
    pub(crate) fn new(socket: S, timeout: Duration) -> Self {
        let live = Live {
            socket,
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
struct Live<S> {
    socket: S,
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

impl<S: AsFd> Live<S> {
    fn drive<C: Conversation>(
        &mut self,
        conversation: &mut C,
        answers: &mut Vec<C::Answer>,
        sent: &mut bool,
        limits: Limits,
    ) -> Result<(), Fault> {
        if !C::ANSWERS_ARE_NAMED || self.has_rested(limits.begun) {
            self.expect_silence()?;
        }
        self.arm(limits).map_err(Fault::Transport)?;
        let mut output = conversation.take_output();
        let mut first = true;
        loop {
            self.send(&mut output, sent);
            let waiting = conversation.is_waiting();
            if output.is_empty() && !waiting {
                break;
            }
            let readable = match (output.is_empty(), waiting) {
                (true, _) if first || !limits.is_near() => true,
                (true, _) => self.wait(PollFlags::IN, limits)?,
                // Both at once: a server that stops reading until its replies are read would
                // otherwise hold a long pipeline for ever.
                (false, true) => self.wait(PollFlags::IN | PollFlags::OUT, limits)?,
                (false, false) => self.wait(PollFlags::OUT, limits)?,
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
        set_socket_timeout(&self.socket, Timeout::Recv, limit)?;
        self.armed = Some(limits.timeout);
        Ok(())
    }

    fn has_rested(&self, now: Instant) -> bool {
        self.used.is_none_or(|since| now.saturating_duration_since(since) >= REST)
    }

    /// Nothing may have arrived since the last answer: without a name, a stray reply would be taken
    /// for the next request's.
    fn expect_silence(&mut self) -> Result<(), Fault> {
        match recv(&self.socket, &mut self.received[..], RecvFlags::DONTWAIT) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(Fault::Transport(error.into())),
            Ok((0, _)) => return Err(ended()),
            Ok((length, _)) => self.input.extend_from_slice(&self.received[..length]),
        }
        expect_no_surplus(&self.input)
    }

    /// As much as the system takes at once.
    fn send(&mut self, output: &mut BytesMut, sent: &mut bool) {
        while !output.is_empty() {
            // Never a signal: in a host program nobody expects one.
            match send(&self.socket, output, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(length) => {
                    *sent = true;
                    output.advance(length);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(error) => {
                    output.clear();
                    self.write_error = Some(error.into());
                }
            }
        }
    }

    /// Whether there is something to read; an error that the socket has is read, too.
    fn wait(&self, flags: PollFlags, limits: Limits) -> Result<bool, Fault> {
        let ready = wait(&self.socket, flags, limits.deadline(), limits.on_interrupt);
        match ready.map_err(Fault::Transport)? {
            ready if ready.is_empty() => Err(Fault::Timeout),
            ready => Ok(ready.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR)),
        }
    }

    fn receive(&mut self, limits: Limits) -> Result<(), Fault> {
        loop {
            match recv(&self.socket, &mut self.received[..], RecvFlags::empty()) {
                Ok((0, _)) => {
                    return Err(self.write_error.take().map_or_else(ended, Fault::Transport));
                }
                Ok((length, _)) => {
                    self.input.extend_from_slice(&self.received[..length]);
                    return Ok(());
                }
                Err(Errno::INTR) => {
                    (limits.on_interrupt)().map_err(Fault::Transport)?;
                    if limits.is_near() && !self.wait(PollFlags::IN, limits)? {
                        return Ok(());
                    }
                }
                Err(Errno::AGAIN) => return Err(Fault::Timeout),
                Err(error) => {
                    let error = self.write_error.take().unwrap_or_else(|| error.into());
                    return Err(Fault::Transport(error));
                }
            }
        }
    }
}

fn ended() -> Fault {
    Fault::Transport(io::ErrorKind::UnexpectedEof.into())
}
