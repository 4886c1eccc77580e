//! A client from its first byte to its last.

use std::future::pending;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::timeout;

use super::Echo;
use super::bytes::echo_of;
use super::defects::Switch;
use crate::Stream;
use crate::line::Line;

const GATHERING: Duration = Duration::from_millis(50);
const IDLE: Duration = Duration::from_millis(200);

/// Serves one client.
pub(super) async fn serve(server: Rc<Echo>, stream: Box<dyn Stream>) -> io::Result<()> {
    if refuses(&server) {
        return Ok(());
    }
    server.clients.set(server.clients.get() + 1);
    let ended = echo(&server, server.exchange.connect(stream)).await;
    if ended.is_err() && server.switches.on(Switch::DiesWithAClient) {
        server.stopped.set(true);
    }
    if ended.is_ok() || !server.switches.on(Switch::ResetsLeakASlot) {
        server.clients.set(server.clients.get() - 1);
    }
    ended
}

fn refuses(server: &Echo) -> bool {
    let at_most = |switch, most| server.switches.on(switch) && server.clients.get() >= most;
    server.stopped.get() || at_most(Switch::FourAtMost, 4) || at_most(Switch::ResetsLeakASlot, 64)
}

async fn echo(server: &Echo, mut line: Line) -> io::Result<()> {
    let one_at_a_time = server.switches.on(Switch::OneAtATime);
    let _turn = if one_at_a_time { Some(server.turn.lock().await) } else { None };
    let mut last = Vec::new();
    while read(server, &mut line).await? && !server.stopped.get() {
        if server.switches.on(Switch::EmptyStringSaysGoodbye) && line.buffer == b"\0" {
            return Ok(());
        }
        last = echo_of(server, &mut line.buffer);
        line.send(&last).await?;
        if server.switches.on(Switch::ClosesAfterOneEcho) && !last.is_empty() {
            return Ok(());
        }
    }
    if server.switches.on(Switch::LastBufferAgain) {
        line.send(&last).await?;
    }
    if server.switches.on(Switch::NeverCloses) {
        pending::<()>().await;
    }
    Ok(())
}

/// Waits for bytes; false when there are no more.
async fn read(server: &Echo, line: &mut Line) -> io::Result<bool> {
    if server.switches.on(Switch::IdleIsClosed) {
        return timeout(IDLE, line.read()).await.unwrap_or(Ok(false));
    }
    let more = line.read().await?;
    if server.switches.on(Switch::EndDropsEcho) {
        while let Ok(more) = timeout(GATHERING, line.read()).await {
            if !more? {
                return Ok(false);
            }
        }
    }
    Ok(more)
}
