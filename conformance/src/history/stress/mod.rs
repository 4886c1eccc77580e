//! Makes a history with a real server: clients that work side by side on a few keys, by a seed, and now and then one that
//! dies in the middle of a call. Then the history is judged.
//!
//! What a client does is drawn from the seed; what meets what is up to the server and the world, unless time is paused.
//! Nothing is flushed: keys have a prefix of their own and are removed, pages are put back. Left out: echo, where clients
//! share nothing.

mod client;
mod draw;
mod lines;
mod locker;
mod memcached;
mod meta;
mod netmem;
mod text;

use std::cell::{Cell, RefCell};
use std::io;
use std::time::Duration;

use futures_util::future::try_join_all;

use super::{BUDGET, History, Model, Verdict, check};
use crate::exchange::Exchange;
use crate::replay::World;
use crate::session::{Message, Value};
use crate::target::Target;
use crate::wire::{Codec, Protocol, Reply};
use draw::Draw;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What each client does is drawn from it.
    pub seed: u64,
    /// Clients at a time.
    pub clients: u32,
    /// Calls of each.
    pub calls: u32,
    /// Keys or pages that they share.
    pub keys: u32,
    /// One call in so many is its client's last: it does not wait for the reply. 0 for none.
    pub deaths: u64,
    /// The longest pause between two calls of a client.
    pub pause: Duration,
    /// The longest wait for a reply.
    pub timeout: Duration,
    /// What clients of a memcached speak, if not the protocol of the target: text, or meta with some text among it.
    pub speaks: Option<Protocol>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            clients: 8,
            calls: 200,
            keys: 8,
            deaths: 40,
            pause: Duration::ZERO,
            timeout: Duration::from_secs(20),
            speaks: None,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Calls that were made, ends of sessions included.
    pub calls: usize,
    /// Those without a reply.
    pub open: usize,
    /// Whether there is an order of them.
    pub verdict: Verdict<String>,
}

/// No history: a call failed that may not fail, so that there is nothing to be judged.
#[derive(Debug, thiserror::Error)]
pub enum StressError {
    /// The protocol's clients share nothing.
    #[error("{} has no state that clients share", .0.name())]
    NothingShared(Protocol),
    /// A connection or a call failed.
    #[error("session {session}: {call}: {error}")]
    Failed {
        /// The session.
        session: u64,
        /// What it asked for.
        call: String,
        /// What happened.
        error: io::Error,
    },
    /// A reply that this request never has.
    #[error("session {session}: {call}: the reply does not fit: {reply}")]
    Misfit {
        /// The session.
        session: u64,
        /// What it asked for.
        call: String,
        /// What came.
        reply: String,
    },
}

impl StressError {
    fn failed(session: u64, call: &(impl ToString + ?Sized), error: io::Error) -> Self {
        Self::Failed { session, call: call.to_string(), error }
    }
}

/// Lets clients work on the target, and judges what they saw. The target's address is the world's affair.
///
/// # Errors
///
/// A call that failed: the server did not answer, or not as the protocol says.
pub async fn stress<W: World>(
    world: &W,
    target: &Target,
    options: Options,
) -> Result<Outcome, StressError> {
    let spoken = options.speaks.filter(|spoken| spoken.server() == target.protocol());
    match spoken.unwrap_or(target.protocol()) {
        Protocol::Memcached => run::<_, memcached::Items>(world, target, options).await,
        Protocol::Text => run::<_, text::Items>(world, target, options).await,
        Protocol::Meta => run::<_, meta::Items>(world, target, options).await,
        Protocol::NetMem => run::<_, netmem::Pages>(world, target, options).await,
        Protocol::Locker => run::<_, locker::Locks>(world, target, options).await,
        Protocol::Echo => Err(StressError::NothingShared(Protocol::Echo)),
    }
}

/// What a protocol's clients do.
trait Work: Sized {
    type Model: Model<Input = Self::Input, Output = Self::Output>;
    type Input: Clone + std::fmt::Display;
    type Output: Clone + std::fmt::Display;
    /// What a client remembers.
    type Memory: Default;

    /// Looks at what is there, and makes room.
    async fn prepare<S: Stream>(
        exchange: &mut Exchange<S>,
        target: &Target,
        options: &Options,
    ) -> io::Result<Self>;

    fn model(&self) -> &Self::Model;

    /// What a client asks for next.
    fn draw(&self, memory: &Self::Memory, draw: &mut Draw) -> Self::Input;

    /// The same as a message.
    fn message(&self, input: &Self::Input) -> Message<Value>;

    /// Whether another line belongs to that reply, and says nothing: text's END behind a value.
    fn has_an_end(_: &Reply) -> bool {
        false
    }

    /// What a reply to it means, if it is one.
    fn output(&self, input: &Self::Input, reply: &Reply) -> Option<Self::Output>;

    /// The client learns of it.
    fn learn(memory: &mut Self::Memory, input: &Self::Input, output: &Self::Output);

    /// The end of a session, where sessions hold something.
    fn end() -> Option<Self::Input>;

    /// Leaves everything as it was.
    async fn tidy<S: Stream>(&self, exchange: &mut Exchange<S>) -> io::Result<()>;
}

trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin {}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Stream for S {}

/// What all clients of a run share.
struct Stage<'a, W, P: Work> {
    world: &'a W,
    codec: Codec,
    options: Options,
    work: P,
    history: RefCell<History<P::Input, P::Output>>,
    sessions: Cell<u64>,
}

async fn run<W: World, P: Work>(
    world: &W,
    target: &Target,
    options: Options,
) -> Result<Outcome, StressError> {
    let failed = |error| StressError::failed(0, "preparation", error);
    let protocol = options.speaks.unwrap_or(target.codec.protocol);
    let codec = Codec { protocol, ..target.codec };
    let mut first = Exchange::new(codec, world.connect().await.map_err(failed)?);
    let work = P::prepare(&mut first, target, &options).await.map_err(failed)?;
    let (history, sessions) = (RefCell::default(), Cell::new(0));
    let stage = Stage { world, codec, options, work, history, sessions };
    try_join_all((0..options.clients).map(|number| stage.client(number))).await?;
    let Stage { work, history, .. } = stage;
    work.tidy(&mut first).await.map_err(failed)?;
    let history = history.into_inner();
    let open = |call: &&super::Operation<_, _>| call.reply.is_none();
    Ok(Outcome {
        calls: history.operations().len(),
        open: history.operations().iter().filter(open).count(),
        verdict: check(work.model(), &history, BUDGET).with_names(),
    })
}
