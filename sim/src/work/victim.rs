//! A client that asks for the big value without end, and treats its connection as it is told.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::acts::act;
use super::expected::{Conversation, half_a_request};
use super::{Setting, actor, locker_victim, now};
use crate::config::Protocol;
use crate::host::{Manner, Victim};
use crate::net::{Sim, SimStream};

/// Requests that wait for their replies, at any time: far more bytes than a window.
const OUTSTANDING: usize = 8;

/// A dripping reader takes so much…
const DROP_BYTES: usize = 256;
/// …so often.
const DROP_EVERY: Duration = Duration::from_millis(500);

/// A client that is well gives up a connection on which nothing comes for so long: its server may have lost its power.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// Pause before a new connection.
const RETRY: Duration = Duration::from_millis(100);

/// Starts a victim's host.
pub(crate) fn start(sim: &mut Sim, setting: &Setting, index: usize) -> Victim {
    let name = format!("victim-{index}");
    let setting = setting.of(name.clone());
    Victim::start(sim, name, move |manners| {
        let setting = setting.clone();
        async move {
            match setting.config.hazard {
                Some(hazard) => actor::play(&setting, index, hazard).await,
                None => run(setting, index, manners).await,
            }
        }
    })
}

async fn run(setting: Setting, index: usize, mut manners: watch::Receiver<Manner>) {
    while !setting.is_over() {
        let _ = setting.filled.subscribe().wait_for(|filled| *filled).await;
        // An error is what faults are for; only wrong replies count.
        let _ = match setting.config.protocol {
            Protocol::Locker => locker_victim::converse(&setting, index, &mut manners).await,
            _ => converse(&setting, index, &mut manners).await,
        };
        let manner = *manners.borrow();
        if matches!(manner, Manner::Silent | Manner::Torn) {
            let _ = begin_anew(&setting, index, manner).await;
        }
        if let Manner::Acts(kind) = manner {
            // A server that came back meanwhile has nothing to flood anybody with.
            let _ = setting.filled.subscribe().wait_for(|filled| *filled).await;
            act(&setting, index, kind, &mut manners).await;
        }
        // One that is broken for ever does not come back.
        let healthy = |manner: &Manner| *manner == Manner::Healthy;
        if manners.wait_for(healthy).await.is_err() {
            return;
        }
        sleep(RETRY).await;
    }
}

/// A new connection with nothing on it, or half a request and the end.
async fn begin_anew(setting: &Setting, index: usize, manner: Manner) -> io::Result<()> {
    let mut stream = setting.connect().await?;
    if manner == Manner::Torn {
        stream.write_all(&half_a_request(&setting.config)).await?;
        stream.shutdown().await?;
    }
    setting.ledger.borrow_mut().obeyed.insert(index, now());
    // Nothing should come; whatever does, the connection is kept.
    let _ = stream.read_u8().await;
    std::future::pending().await
}

async fn converse(
    setting: &Setting,
    index: usize,
    manners: &mut watch::Receiver<Manner>,
) -> io::Result<()> {
    let mut stream = setting.connect().await?;
    // The server may have come back while this knocked, and know nothing yet.
    let _ = setting.filled.subscribe().wait_for(|filled| *filled).await;
    let mut talk = Conversation::new(&setting.config);
    let mut input = BytesMut::new();
    let mut missing = OUTSTANDING;
    // One that is broken stays so, whether or not the others still work.
    while !(setting.is_over() && *manners.borrow() == Manner::Healthy) {
        let mut requests = BytesMut::new();
        (0..missing).for_each(|_| talk.ask(&mut requests));
        stream.write_all(&requests).await?;
        if read(&mut stream, &mut input, manners).await? == 0 {
            return Ok(());
        }
        missing = match talk.take(&mut input) {
            Ok(count) => count,
            Err(error) => {
                let mut ledger = setting.ledger.borrow_mut();
                ledger.torn.push(format!("victim {index}: {error}"));
                return Ok(());
            }
        };
        if missing > 0 {
            setting.ledger.borrow_mut().last_reply.insert(index, now());
        }
    }
    Ok(())
}

/// The next bytes, in the manner that is asked for; none at the end.
async fn read(
    stream: &mut SimStream,
    input: &mut BytesMut,
    manners: &mut watch::Receiver<Manner>,
) -> io::Result<usize> {
    loop {
        let manner = *manners.borrow_and_update();
        match manner {
            Manner::Healthy => tokio::select! {
                biased; // told to stop, it stops
                Ok(()) = manners.changed() => {}
                read = timeout(PATIENCE, stream.read_buf(input)) => return read?,
            },
            Manner::Dripping => {
                sleep(DROP_EVERY).await;
                let mut drop = [0; DROP_BYTES];
                let read = tokio::select! {
                    biased; // well again, it reads as much as there is
                    Ok(()) = manners.changed() => continue,
                    read = stream.read(&mut drop) => read?,
                };
                input.extend_from_slice(&drop[..read]);
                return Ok(read);
            }
            Manner::Stopped | Manner::HalfClosed => {
                if manner == Manner::HalfClosed {
                    // Asked twice, it is closed already.
                    let _ = stream.shutdown().await;
                }
                if manners.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
            Manner::Silent | Manner::Torn | Manner::Acts(_) => return Ok(0),
        }
    }
}
