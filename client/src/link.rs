//! Runs a conversation over a stream, and makes sure that a doubtful stream is never used again.
//!
//! The stream is moved out of the link for the time of an operation, and moved back only when every
//! answer has come and nothing else. So an error, a timeout or a dropped future closes it by the
//! ordinary rules of ownership, not by a flag that somebody must remember to check.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::run::{Fault, Run, expect_no_surplus, reason};
use crate::{Cause, Conversation, Error};

/// What one read asks for at least.
const READ_BYTES: usize = 16 * 1024;

/// A stream that is open as long as it is beyond doubt.
#[derive(Debug)]
pub(crate) struct Link<S> {
    live: Option<Live<S>>,
    timeout: Duration,
    cause: Cause,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    pub(crate) fn new(stream: S, timeout: Duration) -> Self {
        let live = Live { stream, input: BytesMut::new(), write_error: None };
        Self { live: Some(live), timeout, cause: Cause::Quit }
    }

    /// Sends what the conversation has to send, and reads until it waits for nothing more.
    ///
    /// `mutating` says whether the requests change anything, for [`Error::maybe_applied`].
    pub(crate) async fn run<C: Conversation>(
        &mut self,
        conversation: &mut C,
        mutating: bool,
    ) -> Run<C::Answer> {
        let Some(mut live) = self.live.take() else {
            return Run::refused(Error::Closed { cause: self.cause });
        };
        let mut answers = Vec::new();
        // What stays if this future is dropped at the await below.
        self.cause = Cause::Cancelled;
        let mut sent = false;
        let drive = live.drive(conversation, &mut answers, &mut sent);
        let ended = match tokio::time::timeout(self.timeout, drive).await {
            Ok(Ok(())) => None,
            Ok(Err(fault)) => Some(fault),
            Err(_) => Some(Fault::Timeout),
        };
        let error = ended.map(|fault| {
            let (cause, error) = fault.blame(self.timeout, mutating && sent);
            self.cause = cause;
            error
        });
        match (&error, &live.write_error) {
            (None, None) => self.live = Some(live),
            // Every answer came, so each outcome is known; only the stream is of no more use.
            (None, Some(_)) => self.cause = Cause::Transport,
            (Some(_), _) => {}
        }
        Run { answers, error }
    }

    /// Closes the stream, if it is open.
    pub(crate) fn close(&mut self, cause: Cause) {
        if self.is_open() {
            self.close_over(cause);
        }
    }

    /// Closes the stream; `cause` is the reason even where the stream has failed by itself since.
    pub(crate) fn close_over(&mut self, cause: Cause) {
        self.live = None;
        self.cause = cause;
    }

    /// Asked before a request is given to the core: on a closed stream it would stay there for ever.
    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.is_open() { Ok(()) } else { Err(Error::Closed { cause: self.cause }) }
    }

    /// Whether the stream can still be used.
    pub(crate) fn is_open(&self) -> bool {
        self.live.is_some()
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }
}

/// The stream and what was read from it.
#[derive(Debug)]
struct Live<S> {
    stream: S,
    input: BytesMut,
    /// A failed write. Kept while answers are still read: a server that refuses and closes makes
    /// the rest of a write fail, and its reason is in what it sent before (MCB-CON-09).
    write_error: Option<io::Error>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Live<S> {
    async fn drive<C: Conversation>(
        &mut self,
        conversation: &mut C,
        answers: &mut Vec<C::Answer>,
        sent: &mut bool,
    ) -> Result<(), Fault> {
        self.expect_silence().await?;
        let mut output = conversation.take_output();
        loop {
            let waiting = conversation.is_waiting();
            let step = poll_fn(|cx| self.poll_step(cx, &mut output, waiting, sent)).await;
            if step.map_err(Fault::Transport)? == Step::Finished {
                break;
            }
            while let Some(answer) = conversation.receive(&mut self.input)? {
                answers.push(answer);
            }
        }
        expect_no_surplus(&self.input)
    }

    /// Nothing may have arrived since the last answer: without an opaque, a stray reply would be
    /// taken for the next request's.
    async fn expect_silence(&mut self) -> Result<(), Fault> {
        let read = poll_fn(|cx| match self.poll_receive(cx) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => Poll::Ready(None),
        });
        read.await.transpose().map_err(Fault::Transport)?;
        expect_no_surplus(&self.input)
    }

    /// Writes and reads at the same time: a server that stops reading until its replies are read
    /// would otherwise hold a long pipeline for ever.
    fn poll_step(
        &mut self,
        cx: &mut Context<'_>,
        output: &mut BytesMut,
        waiting: bool,
        sent: &mut bool,
    ) -> Poll<io::Result<Step>> {
        let written = match self.poll_send(cx, output, sent) {
            Poll::Ready(Err(error)) => {
                output.clear();
                self.write_error = Some(error);
                true
            }
            written => written.is_ready(),
        };
        match (waiting, written) {
            (true, _) => self.poll_receive(cx).map(|read| match (read, self.write_error.take()) {
                (Ok(()), error) => {
                    self.write_error = error;
                    Ok(Step::Received)
                }
                (Err(read), error) => Err(reason(read, error)),
            }),
            (false, true) => Poll::Ready(Ok(Step::Finished)),
            (false, false) => Poll::Pending,
        }
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        output: &mut BytesMut,
        sent: &mut bool,
    ) -> Poll<io::Result<()>> {
        if self.write_error.is_some() {
            return Poll::Ready(Ok(()));
        }
        let mut stream = Pin::new(&mut self.stream);
        while !output.is_empty() {
            // The write may have begun even if it then fails.
            match stream.as_mut().poll_write(cx, output) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    *sent = true;
                    output.advance(count);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        stream.poll_flush(cx)
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.reserve(READ_BYTES);
        // `read_buf` is cancel safe, so a fresh future for each poll loses nothing.
        match pin!(self.stream.read_buf(&mut self.input)).poll(cx) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Poll::Ready(Ok(_)) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// What one poll of the stream came to.
#[derive(Eq, PartialEq)]
enum Step {
    /// Bytes are in the input.
    Received,
    /// All is sent, and no answer is owed.
    Finished,
}
