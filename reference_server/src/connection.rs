//! One connection: read what is there, execute every whole frame, write once.
//!
//! The loop knows no protocol. It owns the buffers and the deadlines; the [`Session`] owns the
//! meaning, and whatever it holds is freed by dropping it, before the last replies are sent, so a
//! peer that does not read them keeps nothing.

use core::convert::Infallible;
use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::select;
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use crate::budget::Charge;
use crate::deadline::Patience;
use crate::input::{Input, READ_MAX};
use crate::output::{FlushError, Output};
use crate::roster::{Seat, told_to_end};
use crate::session::{Session, Step};
use crate::{ConnectionConfig, Counters, Ending, Mark};

/// What all connections of a listener share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: ConnectionConfig,
    pub(crate) counters: Arc<Counters>,
    /// Finish the batch in hand, then close.
    pub(crate) shutdown: CancellationToken,
    /// Close at once: the time to finish is over.
    pub(crate) kill: CancellationToken,
    /// The same as `shutdown`, for who is busy and asks often: a token is asked under a lock.
    stopping: AtomicBool,
}

/// Ends all connections of a listener when it is dropped.
#[derive(Debug)]
pub(crate) struct Ends(Arc<Context>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.stop();
        self.0.kill.cancel();
    }
}

impl Context {
    /// For a listener that stops by `shutdown`, or when the second part is dropped: then at once.
    pub(crate) fn new(
        config: ConnectionConfig,
        counters: Arc<Counters>,
        shutdown: &CancellationToken,
    ) -> (Arc<Self>, Ends) {
        let (shutdown, kill) = (shutdown.child_token(), CancellationToken::new());
        let stopping = AtomicBool::new(false);
        let context = Arc::new(Self { config, counters, shutdown, kill, stopping });
        (Arc::clone(&context), Ends(context))
    }

    /// Tells all connections to finish; they may know already.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Relaxed);
        self.shutdown.cancel();
    }
}

/// Done when the server is told to stop.
type Stopped<'a, 'context> = Pin<&'a mut WaitForCancellationFuture<'context>>;

/// One connection and its session.
#[derive(Debug)]
pub(crate) struct Connection<Io, S> {
    io: Io,
    /// None once the connection is closing.
    session: Option<S>,
    input: Input,
    output: Output,
    /// What waits for a slow peer.
    unsent: Charge,
    patience: Patience,
    end_of_input: bool,
    context: Arc<Context>,
    /// Where others see it, if anybody may look.
    seat: Option<Seat>,
}

impl<Io: AsyncRead + AsyncWrite + Unpin, S: Session> Connection<Io, S> {
    pub(crate) fn new(io: Io, session: S, context: Arc<Context>, seat: Option<Seat>) -> Self {
        let memory = &context.config.memory;
        Self {
            io,
            session: Some(session),
            input: Input::new(memory.clone()),
            unsent: Charge::new(memory.clone()),
            output: Output::new(context.config.output_max),
            patience: Patience::new(),
            end_of_input: false,
            context,
            seat,
        }
    }

    /// Serves until the connection ends, and says why it did. By reference, because a future that
    /// takes `self` keeps room for it twice, and every idle connection pays for that.
    pub(crate) async fn run(&mut self) -> Ending {
        let Err(ending) = self.work().await;
        self.close(ending).await
    }

    async fn work(&mut self) -> Result<Infallible, Ending> {
        let context = Arc::clone(&self.context);
        // One for all waits: to begin and to end one takes a lock that all connections share.
        let mut stopped = pin!(context.shutdown.cancelled());
        loop {
            match self.execute() {
                Step::Close => return Err(Ending::Protocol),
                Step::Drained if self.end_of_input => {
                    if !self.input.is_empty() {
                        Mark::EndInFrame.hit();
                    }
                    return Err(Ending::Peer);
                }
                Step::Full => {
                    Mark::OutputFull.hit();
                    self.flush().await?;
                    // There is more to do here; but now it is the others' turn.
                    yield_now().await;
                }
                Step::Drained => {
                    self.flush().await?;
                    self.read(stopped.as_mut()).await?;
                }
                Step::Waiting => {
                    self.flush().await?;
                    self.wait(stopped.as_mut()).await?;
                }
            }
        }
    }

    fn execute(&mut self) -> Step {
        let Some(session) = &mut self.session else { return Step::Close };
        let Self { input, output, .. } = self;
        if input.overflows() {
            if session.give_up_frame(input.bytes(), output) == Step::Close {
                return Step::Close;
            }
            input.rejoin();
        }
        let mut step = session.execute(input.bytes(), output);
        if input.rest().is_err() {
            step = match step {
                Step::Drained => session.give_up_frame(input.bytes(), output),
                Step::Full | Step::Waiting | Step::Close => Step::Close,
            };
            // What is left of a frame that was given up is small enough.
            if input.rest().is_err() {
                step = Step::Close;
            }
        }
        self.patience.note(self.output.frames(), !self.input.is_empty());
        step
    }

    async fn read(&mut self, stopped: Stopped<'_, '_>) -> Result<(), Ending> {
        if self.context.stopping.load(Relaxed) {
            Mark::ShutdownAfterBatch.hit();
            return Err(Ending::Shutdown);
        }
        if self.seat.as_ref().is_some_and(Seat::is_told_to_end) {
            return Err(Ending::Operator);
        }
        let give_up = self.patience.next(&self.context.config);
        // Bytes first: when some are there, neither the token nor a timer costs anything.
        let read = select! {
            biased;
            read = self.input.read(&mut self.io, READ_MAX) => read,
            () = stopped => {
                Mark::ShutdownWhileReading.hit();
                return Err(Ending::Shutdown);
            }
            () = told_to_end(self.seat.as_ref()) => return Err(Ending::Operator),
            ending = give_up.reached() => return Err(ending),
        };
        self.note_read(read, Mark::ResetWhileReading)
    }

    /// Waits for a reply that another session sets free, and reads ahead meanwhile, so that the
    /// end of the peer is noticed and it is never granted anything (NM-DISC-02).
    async fn wait(&mut self, mut stopped: Stopped<'_, '_>) -> Result<(), Ending> {
        loop {
            let Some(session) = &mut self.session else { return Err(Ending::Protocol) };
            let room = self.context.config.read_ahead_max.saturating_sub(self.input.len());
            if room == 0 {
                Mark::ReadAheadFull.hit();
            }
            // The stream first: a peer that is gone must not be granted what arrives with its end.
            let read = select! {
                biased;
                read = self.input.read(&mut self.io, room), if room > 0 => read,
                () = stopped.as_mut() => {
                    Mark::ShutdownWhileWaiting.hit();
                    return Err(Ending::Shutdown);
                }
                () = told_to_end(self.seat.as_ref()) => return Err(Ending::Operator),
                () = session.granted(&mut self.output) => return Ok(()),
            };
            self.note_read(read, Mark::ResetWhileWaiting)?;
            if self.input.overflows() || self.input.rest().is_err() {
                return Err(Ending::Memory);
            }
            if self.end_of_input {
                Mark::EndWhileWaiting.hit();
                return Err(Ending::Peer);
            }
            Mark::ReadAhead.hit();
        }
    }

    fn note_read(&mut self, read: io::Result<usize>, failed: Mark) -> Result<(), Ending> {
        let bytes = read.map_err(|error| transport(&error, failed))?;
        self.context.counters.count_read(bytes);
        if let Some(seat) = &self.seat {
            seat.count_read(bytes);
        }
        if let Some(spin) = &self.context.config.spin {
            spin.note();
        }
        self.end_of_input = bytes == 0;
        Ok(())
    }

    async fn close(&mut self, ending: Ending) -> Ending {
        self.session = None;
        if !matches!(ending, Ending::Peer | Ending::Protocol | Ending::Shutdown) {
            return ending;
        }
        if ending == Ending::Protocol && !self.output.is_empty() {
            Mark::LastWords.hit();
        }
        if let Err(worse) = self.flush().await {
            return worse;
        }
        let Self { io, context, .. } = self;
        select! {
            biased; // told to close at once, the rest does not matter
            () = context.kill.cancelled() => Mark::KilledWhileLingering.hit(),
            parted = timeout(context.config.linger_time, part(io, ending, context)) => {
                if parted.is_err() {
                    Mark::LingerTime.hit();
                }
            }
        }
        ending
    }

    async fn flush(&mut self) -> Result<(), Ending> {
        if self.output.is_empty() {
            return Ok(());
        }
        let (context, seat) = (&self.context, self.seat.as_ref());
        let stuck = |bytes| {
            if let Some(seat) = seat {
                seat.note_unsent(bytes);
            }
        };
        let deadline = context.config.write_deadline;
        // The write first: a socket that takes everything at once costs no look at the token.
        let written = select! {
            biased;
            written = self.output.flush(&mut self.io, deadline, &mut self.unsent, stuck) => written,
            () = context.kill.cancelled() => {
                Mark::KilledWhileSending.hit();
                return Err(Ending::Shutdown);
            }
            () = told_to_end(seat) => return Err(Ending::Operator),
        };
        let bytes = written.map_err(|error| match error {
            FlushError::Deadline => {
                Mark::WriteDeadline.hit();
                Ending::WriteDeadline
            }
            FlushError::Memory => Ending::Memory,
            FlushError::Transport(error) => transport(&error, Mark::ResetWhileSending),
        })?;
        context.counters.count_written(bytes);
        if let Some(seat) = seat {
            seat.count_written(bytes);
        }
        Ok(())
    }
}

/// Closes our sending side, then takes what the peer still sends: closing over unread input would
/// send a reset, and a reset destroys replies that the peer has not read yet (MCB-CON-08).
async fn part(io: &mut (impl AsyncRead + AsyncWrite + Unpin), ending: Ending, context: &Context) {
    if io.shutdown().await.is_err() || ending == Ending::Peer {
        return;
    }
    let mut left = context.config.linger_bytes;
    while left > 0 {
        let mut discarded = Input::new(context.config.memory.clone());
        match discarded.read(io, left).await {
            Ok(0) | Err(_) => return,
            Ok(bytes) => left -= bytes,
        }
        Mark::LingerDrains.hit();
    }
    Mark::LingerBytes.hit();
}

fn transport(error: &io::Error, mark: Mark) -> Ending {
    mark.hit();
    tracing::debug!(%error, "transport failed");
    Ending::Transport
}
