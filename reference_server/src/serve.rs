//! The accept loop: one protocol on one listener, until it is told to stop.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::select;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Level, Span};

use crate::connection::{Connection, Context};
use crate::counters::Admission;
use crate::{ConnectionConfig, Listener, Mark, Peer, Protocol, Roster, Session, Spawn};

/// Serves `protocol` on `listener` until `shutdown`; then accepts nothing more, lets every
/// connection finish the batch in hand, and returns once all are closed. Connections that take
/// longer than `config.drain_deadline` are dropped. Dropping the future drops the connections too.
pub async fn serve<L: Listener, P: Protocol, S: Spawn>(
    listener: L,
    protocol: Arc<P>,
    config: ConnectionConfig,
    spawn: S,
    shutdown: CancellationToken,
) {
    let counters = Arc::clone(protocol.counters());
    let (context, _ends) = Context::new(config, counters, &shutdown);
    let tasks = TaskTracker::new();
    while let Some(accepted) = next(&listener, &context).await {
        if let Ok((io, peer)) = accepted {
            admit(io, peer, &protocol, &context, &spawn, &tasks);
        }
    }
    drop(listener);
    drain(&tasks, &context).await;
}

/// The next connection, or `None` when it is time to stop. A failure has been waited out.
pub(crate) async fn next<L: Listener>(
    listener: &L,
    context: &Context,
) -> Option<io::Result<(L::Io, Peer)>> {
    let accepted = select! {
        biased; // stopping wins: a crowd at the door must not keep it open
        () = context.shutdown.cancelled() => return None,
        accepted = listener.accept() => accepted,
    };
    if let Err(error) = &accepted {
        tracing::warn!(%error, "accept failed");
        Mark::AcceptFailed.hit();
        context.counters.count_accept_error();
        sleep(context.config.accept_pause).await;
    }
    Some(accepted)
}

/// Waits for all tasks, and ends those that need too long.
pub(crate) async fn drain(tasks: &TaskTracker, context: &Context) {
    context.stop();
    tasks.close();
    if timeout(context.config.drain_deadline, tasks.wait()).await.is_err() {
        Mark::DrainDeadline.hit();
        context.kill.cancel();
        tasks.wait().await;
    }
}

fn admit<Io, P: Protocol, S: Spawn>(
    io: Io,
    peer: Peer,
    protocol: &Arc<P>,
    context: &Arc<Context>,
    spawn: &S,
    tasks: &TaskTracker,
) where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(place) = Admission::take(&context.counters, context.config.connections_max) else {
        Mark::TooManyConnections.hit();
        refuse(P::NAME, peer);
        return;
    };
    let roster = context.config.roster.as_ref();
    let id = roster.map(Roster::next_id);
    let about = about(P::NAME, peer, id);
    let session = about.in_scope(|| protocol.open(peer));
    let seat = roster.zip(id).map(|(roster, id)| roster.take(id, P::NAME, peer, session.id()));
    let mut connection = Connection::new(io, session, Arc::clone(context), seat);
    let counters = Arc::clone(&context.counters);
    let running = tasks.token();
    let work = async move {
        let _running = running;
        let _place = place;
        let ending = connection.run().await;
        drop(connection);
        counters.count_ending(ending);
        tracing::debug!(?ending, "closed");
    };
    // To enter a span takes time whenever something comes, and room: only for those who want all the lines that are written then.
    if tracing::enabled!(Level::DEBUG) {
        spawn.spawn(work.instrument(about));
    } else {
        spawn.spawn(work);
    }
}

/// What lines about a connection say of it.
pub(crate) fn about(protocol: &'static str, peer: Peer, id: Option<u64>) -> Span {
    tracing::info_span!("session", id, protocol, %peer)
}

/// Says that a connection was closed at once.
pub(crate) fn refuse(protocol: &'static str, peer: Peer) {
    about(protocol, peer, None).in_scope(|| tracing::warn!("too many connections, closed"));
}
