//! A client of the lock server to which faults happen: it holds a key, and asks on without waiting for replies.
//!
//! Replies have two bytes, so only many of them fill a window: unlike the one that asks for big values, this victim
//! sends whether or not it reads.

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use lockproof_protocol::locker::{Dialect, Outcome, Reply, ReplyDecoder, Request, Verb};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::locker::victims_key;
use super::{Setting, now};
use crate::host::Manner;
use crate::net::SimStream;

/// Time between two pairs of requests.
const SEND_EVERY: Duration = Duration::from_millis(12);

/// A dripping reader takes the bytes of half a reply so often.
const DROP_EVERY: Duration = Duration::from_millis(250);

/// A client that is well gives up a connection on which nothing comes for so long.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// What is asked again and again about the victim's own key, and what must come.
const ROUND: [(Verb, Outcome); 6] = [
    (Verb::Get, Outcome::Ok),
    (Verb::Query, Outcome::SelfHeld),
    (Verb::Get, Outcome::SelfHeld),
    (Verb::Release, Outcome::Ok),
    (Verb::Release, Outcome::NotHeld),
    (Verb::Query, Outcome::Ok),
];

/// One connection, until it fails, the run is over, or the manner asks for another.
pub(super) async fn converse(
    setting: &Setting,
    index: usize,
    manners: &mut watch::Receiver<Manner>,
) -> io::Result<()> {
    let (reader, writer) = split(setting.connect().await?);
    // No other connection has this key, so that no ghost of an earlier one can be in the way.
    let own = Bytes::from(format!("own-{index}-{}", now().as_micros()));
    let talk = RefCell::new(Talk { asked: 0, answered: 0, is_first: false });
    let (sending, receiving) = (manners.clone(), manners.clone());
    let ended = tokio::select! {
        biased; // told to leave, it does not send
        _ = manners.wait_for(|manner| matches!(manner, Manner::Silent | Manner::Torn | Manner::Acts(_))) => Ok(()),
        ended = receive(setting, index, reader, &talk, receiving) => ended,
        ended = send(setting, index, writer, &own, &talk, sending) => ended,
    };
    ended
}

struct Talk {
    asked: usize,
    answered: usize,
    /// Whether the server has never heard of this victim before.
    is_first: bool,
}

/// The request of that number; the first takes the key that is watched.
fn request(number: usize, index: usize, own: &Bytes) -> Request {
    let (verb, key) = match number.checked_sub(1) {
        None => (Verb::Get, Bytes::from(victims_key(index))),
        Some(number) => (ROUND[number % ROUND.len()].0, own.clone()),
    };
    Request { verb, batch: number % 4 == 3, keys: vec![key] }
}

async fn send(
    setting: &Setting,
    index: usize,
    mut writer: WriteHalf<SimStream>,
    own: &Bytes,
    talk: &RefCell<Talk>,
    mut manners: watch::Receiver<Manner>,
) -> io::Result<()> {
    while !setting.is_over() {
        if *manners.borrow_and_update() == Manner::HalfClosed {
            writer.shutdown().await?;
            return std::future::pending().await;
        }
        let mut pair = BytesMut::new();
        for _ in 0..2 {
            let asked = talk.borrow().asked;
            if asked == 0 {
                talk.borrow_mut().is_first = setting.ledger.borrow_mut().locks.asks_first(index);
            }
            request(asked, index, own).encode(Dialect::default(), &mut pair);
            talk.borrow_mut().asked += 1;
        }
        writer.write_all(&pair).await?;
        sleep(SEND_EVERY).await;
    }
    // One that is broken stays so, whether or not the others still work. One that drips is alive, and leaves with them.
    let leaves = |manner: &Manner| matches!(manner, Manner::Healthy | Manner::Dripping);
    if manners.wait_for(leaves).await.is_err() {
        std::future::pending::<()>().await;
    }
    Ok(())
}

async fn receive(
    setting: &Setting,
    index: usize,
    mut reader: ReadHalf<SimStream>,
    talk: &RefCell<Talk>,
    mut manners: watch::Receiver<Manner>,
) -> io::Result<()> {
    let mut input = BytesMut::new();
    loop {
        let manner = *manners.borrow_and_update();
        let read = match manner {
            Manner::Healthy => tokio::select! {
                biased; // told to stop, it stops
                Ok(()) = manners.changed() => continue,
                read = timeout(PATIENCE, reader.read_buf(&mut input)) => read??,
            },
            Manner::Dripping => {
                sleep(DROP_EVERY).await;
                tokio::select! {
                    biased; // well again, it reads as much as there is
                    Ok(()) = manners.changed() => continue,
                    byte = reader.read_u8() => { input.extend_from_slice(&[byte?]); 1 }
                }
            }
            _ => {
                if manners.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                continue;
            }
        };
        if read == 0 {
            return Ok(());
        }
        loop {
            let taken = take(&mut input, &mut talk.borrow_mut()).transpose();
            let Some(taken) = taken else { break };
            let mut ledger = setting.ledger.borrow_mut();
            match taken {
                Err(error) => {
                    ledger.torn.push(format!("victim {index}: {error}"));
                    return Ok(());
                }
                // A server that begins knows of nobody (LKR-411).
                Ok(Outcome::Busy) if talk.borrow().is_first => {
                    let at = now().as_secs_f64();
                    let text = format!(
                        "victim {index}'s key is held at {at:.3} s, and nobody has asked this server for it"
                    );
                    ledger.locks.kept.push(text);
                }
                Ok(_) => {}
            }
            ledger.last_reply.insert(index, now());
        }
    }
}

/// Takes one reply off the input, and holds it against its request.
fn take(input: &mut BytesMut, talk: &mut Talk) -> Result<Option<Outcome>, String> {
    let number = talk.answered;
    let reply = ReplyDecoder::new(Dialect::default()).decode(input);
    let Some(reply) = reply.map_err(|error| format!("reply {number}: {error}"))? else {
        return Ok(None);
    };
    if number >= talk.asked {
        return Err(format!("reply {number} is to no request"));
    }
    talk.answered += 1;
    let cmd = request(number, 0, &Bytes::new()).cmd();
    let may_be = match number.checked_sub(1) {
        // The ghost of an earlier connection may hold it still.
        None => [Outcome::Ok, Outcome::Busy],
        Some(number) => [ROUND[number % ROUND.len()].1; 2],
    };
    if let Some(outcome) = may_be.into_iter().find(|one| Reply::to(cmd, *one) == reply) {
        return Ok(Some(outcome));
    }
    Err(format!("reply {number} is {reply:?}, and should say {may_be:?} to {cmd}"))
}
