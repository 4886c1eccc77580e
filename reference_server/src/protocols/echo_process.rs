//! Echo in the manner of inetd: a process for each client (EC-PROC-01).
//!
//! The accepted socket becomes the child's standard input and output, so the child is a program
//! of a few lines, [`copy_stdio`]. This process keeps one descriptor of each connection, to end
//! the stream politely when the server stops, and closes it when the child has ended.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::{Child, Command};
use tokio::select;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::connection::Context;
use crate::counters::Admission;
use crate::input::READ_MAX;
use crate::roster::{Seat, told_to_end};
use crate::serve::{about, drain, next, refuse};
use crate::{ConnectionConfig, Counters, Echo, Ending, Protocol, Roster, Spawn, TcpAcceptor};

/// Serves echo clients with a process each until `shutdown`; then every child sees the end of its
/// input, and is killed when it does not end within `config.drain_deadline`. `argv` is the program
/// and its arguments.
pub async fn serve_processes<S: Spawn>(
    listener: TcpAcceptor,
    argv: Vec<String>,
    counters: Arc<Counters>,
    config: ConnectionConfig,
    spawn: S,
    shutdown: CancellationToken,
) {
    let (context, _ends) = Context::new(config, counters, &shutdown);
    let tasks = TaskTracker::new();
    while let Some(accepted) = next(&listener, &context).await {
        let Ok((stream, peer)) = accepted else { continue };
        let Some(place) = Admission::take(&context.counters, context.config.connections_max) else {
            refuse(Echo::NAME, peer);
            continue;
        };
        let roster = context.config.roster.as_ref();
        let id = roster.map(Roster::next_id);
        let about = about(Echo::NAME, peer, id);
        about.in_scope(|| tracing::info!("accepted")); // EC-LOG-01
        match start(stream, &argv) {
            Ok((socket, child)) => {
                let seat =
                    roster.zip(id).map(|(roster, id)| roster.take(id, Echo::NAME, peer, None));
                let (context, running) = (Arc::clone(&context), tasks.token());
                let work = async move {
                    let _running = running;
                    let _place = place;
                    attend(socket, child, seat.as_ref(), &context).await;
                };
                spawn.spawn(work.instrument(about));
            }
            Err(error) => about.in_scope(|| {
                tracing::error!(%error, "no process for this client, closed");
            }),
        }
    }
    drop(listener);
    drain(&tasks, &context).await;
}

/// What a child does: copies standard input to standard output, as it arrives, until it ends.
///
/// # Errors
/// When reading or writing fails, which mostly means that the client is gone.
pub fn copy_stdio() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut buffer = vec![0; READ_MAX];
    loop {
        let bytes = match input.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if bytes == 0 {
            return Ok(());
        }
        output.write_all(buffer.get(..bytes).unwrap_or_default())?;
        output.flush()?; // EC-ECHO-03: standard output would wait for a newline
    }
}

fn start(stream: tokio::net::TcpStream, argv: &[String]) -> io::Result<(TcpStream, Child)> {
    let socket = stream.into_std()?;
    // The flag belongs to the socket, not to the descriptor: the child expects to block.
    socket.set_nonblocking(false)?;
    let input = Stdio::from(OwnedFd::from(socket.try_clone()?));
    let output = Stdio::from(OwnedFd::from(socket.try_clone()?));
    let Some((program, arguments)) = argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no program for echo clients"));
    };
    let child = Command::new(program)
        .args(arguments)
        .stdin(input)
        .stdout(output)
        .kill_on_drop(true)
        .spawn()?;
    Ok((socket, child))
}

/// Waits for the child, so that it is reaped, and closes our descriptor with it.
async fn attend(socket: TcpStream, mut child: Child, seat: Option<&Seat>, context: &Context) {
    let pid = child.id();
    let ending = select! {
        biased; // a child that has ended needs no telling
        _ = child.wait() => Ending::Peer,
        () = context.shutdown.cancelled() => {
            stop(&socket, &mut child, context).await;
            Ending::Shutdown
        }
        () = told_to_end(seat) => {
            kill(&mut child).await;
            Ending::Operator
        }
    };
    context.counters.count_ending(ending);
    tracing::debug!(pid, ?ending, "process ended");
}

/// The child reads what has arrived, then the end of its input, and ends by itself; or it is
/// killed.
async fn stop(socket: &TcpStream, child: &mut Child, context: &Context) {
    // It fails when the client has gone already, and then the child sees that by itself.
    let _gone = socket.shutdown(Shutdown::Read);
    select! {
        biased; // a child that has ended needs no killing
        _ = child.wait() => {}
        () = context.kill.cancelled() => kill(child).await,
    }
}

async fn kill(child: &mut Child) {
    if let Err(error) = child.kill().await {
        tracing::warn!(pid = child.id(), %error, "process would not end");
    }
}
