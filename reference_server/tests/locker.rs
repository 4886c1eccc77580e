//! Locker over real sockets.

mod common;

use std::time::Duration;

use common::{Client, Running, eventually};
use lockproof_reference_server::{ConnectionConfig, Ending, Locker, LockerConfig, Protocol};

const GET: u8 = 127;
const BATCH_GET: u8 = 126;
const RELEASE: u8 = 125;

const OK: u8 = 0;
const BUSY: u8 = 1;
const NOT_HELD: u8 = 2;
const UNKNOWN_COMMAND: u8 = 4;
const TOO_LARGE: u8 = 5;
const SELF_HELD: u8 = 7;

fn frame(cmd: u8, keys: &[&str]) -> Vec<u8> {
    let body = keys.join("#!@^^$#");
    let mut frame = vec![cmd, 0xff, 0xff, 0xff];
    frame.extend(i32::try_from(keys.len()).unwrap().to_le_bytes());
    frame.extend((body.len() as u64).to_le_bytes());
    frame.extend(body.as_bytes());
    frame
}

async fn ask(client: &mut Client, cmd: u8, keys: &[&str], outcome: u8) {
    client.ask(&frame(cmd, keys), &[128 - cmd, outcome]).await;
}

/// Asks until the key is free.
async fn get_eventually(client: &mut Client, key: &str) {
    for _ in 0..10_000 {
        client.send(&frame(GET, &[key])).await;
        if client.read(2).await == [1, OK] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("{key} is never freed");
}

fn start(config: ConnectionConfig) -> Running<Locker> {
    let config_with_log = LockerConfig { log_entries_max: 1000, ..LockerConfig::default() };
    Running::start(Locker::new(config_with_log), config)
}

#[tokio::test]
async fn owner_is_the_session() {
    let server = start(ConnectionConfig::default());
    let (mut a, mut b) = (server.connect().await, server.connect().await);
    ask(&mut a, GET, &["k"], OK).await;
    ask(&mut a, GET, &["k"], SELF_HELD).await;
    ask(&mut b, GET, &["k"], BUSY).await;
    ask(&mut b, RELEASE, &["k"], NOT_HELD).await;
    ask(&mut b, BATCH_GET, &["free", "k"], BUSY).await;
    ask(&mut a, RELEASE, &["k"], OK).await;
    ask(&mut b, BATCH_GET, &["free", "k"], OK).await;
}

#[tokio::test]
async fn pipelined_and_split_requests_are_answered_in_order() {
    let server = start(ConnectionConfig::default());
    let mut client = server.connect().await;
    let requests =
        [frame(GET, &["a"]), frame(9, &["b"]), frame(GET, &["a"]), frame(RELEASE, &["a"])].concat();
    let replies = [1, OK, 0, UNKNOWN_COMMAND, 1, SELF_HELD, 3, OK];
    client.ask(&requests, &replies).await;
    for byte in requests {
        client.send(&[byte]).await;
    }
    client.expect(&replies).await;
}

#[tokio::test]
async fn every_end_of_a_session_frees_its_keys() {
    let server = start(ConnectionConfig::default());
    let mut watcher = server.connect().await;
    let mut closed = server.connect().await;
    ask(&mut closed, GET, &["closed"], OK).await;
    drop(closed);
    get_eventually(&mut watcher, "closed").await;

    let mut reset = server.connect().await;
    ask(&mut reset, GET, &["reset"], OK).await;
    reset.reset();
    get_eventually(&mut watcher, "reset").await;

    // LKR-403: the whole frame takes effect and is answered, the half one does not.
    let mut half_closed = server.connect().await;
    half_closed.send(&frame(GET, &["whole"])).await;
    half_closed.send(frame(GET, &["half"]).split_last().unwrap().1).await;
    half_closed.half_close().await;
    assert_eq!(half_closed.read_to_end().await, [1, OK]);
    get_eventually(&mut watcher, "whole").await;

    let mut too_large = server.connect().await;
    ask(&mut too_large, GET, &["too large"], OK).await;
    too_large.send(&[&[GET, 0, 0, 0, 1, 0, 0, 0][..], &u64::MAX.to_le_bytes()].concat()).await;
    assert_eq!(too_large.read_to_end().await, [1, TOO_LARGE]);
    get_eventually(&mut watcher, "too large").await;

    assert_eq!(server.protocol.lock_counters().freed_by_disconnect, 4);
    assert_eq!(server.protocol.lock_counters().holders, 1);
}

#[tokio::test]
async fn half_frame_meets_the_frame_deadline_and_an_idle_holder_does_not() {
    let frame_deadline = Some(Duration::from_millis(100));
    let server = start(ConnectionConfig { frame_deadline, ..ConnectionConfig::default() });
    let (mut holder, mut sloth) = (server.connect().await, server.connect().await);
    ask(&mut holder, GET, &["idle"], OK).await;
    ask(&mut sloth, GET, &["sloth"], OK).await;
    sloth.send(&frame(GET, &["x"])[..15]).await;
    assert_eq!(sloth.read_to_end().await, b"");
    server.ended(Ending::FrameDeadline, 1).await;
    ask(&mut holder, GET, &["sloth"], OK).await;
    ask(&mut holder, GET, &["idle"], SELF_HELD).await;
}

#[tokio::test]
async fn dripped_frame_does_not_extend_its_deadline() {
    let frame_deadline = Some(Duration::from_millis(200));
    let server = start(ConnectionConfig { frame_deadline, ..ConnectionConfig::default() });
    let mut client = server.connect().await;
    client.send(&[&[GET, 0, 0, 0, 1, 0, 0, 0][..], &100_000_u64.to_le_bytes()].concat()).await;
    let counters = server.protocol.counters();
    for _ in 0..10_000 {
        if counters.ended(Ending::FrameDeadline) == 1 {
            return;
        }
        // Each byte makes the server read; the body is far from its end.
        let _gone = tokio::io::AsyncWriteExt::write_all(&mut client.stream, &[0]).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("a dripping client keeps its connection");
}

#[tokio::test]
async fn keys_are_free_while_the_connection_lingers() {
    let linger_time = common::LIMIT * 10;
    let server = start(ConnectionConfig { linger_time, ..ConnectionConfig::default() });
    let (mut watcher, mut lingering) = (server.connect().await, server.connect().await);
    ask(&mut lingering, GET, &["k"], OK).await;
    lingering.send(&[&[GET, 0, 0, 0, 1, 0, 0, 0][..], &u64::MAX.to_le_bytes()].concat()).await;
    lingering.expect(&[1, TOO_LARGE]).await;
    get_eventually(&mut watcher, "k").await;
    assert_eq!(server.protocol.counters().current(), 2, "the other one still lingers");
}

#[tokio::test]
async fn dump_and_log_name_the_holder() {
    let server = start(ConnectionConfig::default());
    let mut client = server.connect().await;
    ask(&mut client, GET, &["k"], OK).await;
    let dump = server.protocol.dump();
    assert_eq!(dump.len(), 1);
    assert_eq!(dump[0].0.key, "k");
    assert_eq!(dump[0].1, Some(client.stream.local_addr().unwrap().into()));
    drop(client);
    eventually("the dump is empty", || server.protocol.dump().is_empty()).await;
    assert_eq!(server.protocol.take_log().len(), 2, "a GET and an end");
}

/// LKR-411: locks live in memory, and a stop ends every session, so that holders can notice.
#[tokio::test]
async fn restarted_server_has_an_empty_table() {
    let server = start(ConnectionConfig::default());
    let mut holder = server.connect().await;
    ask(&mut holder, GET, &["k"], OK).await;
    server.shutdown.cancel();
    holder.expect_clean_end().await;
    server.serving.await.unwrap();

    let restarted = start(ConnectionConfig::default());
    let mut client = restarted.connect().await;
    assert_eq!(restarted.protocol.lock_counters().held, 0);
    ask(&mut client, GET, &["k"], OK).await;
}

/// LKR-605: each of them holds a key, is refused another's, and frees its own.
#[tokio::test]
async fn thousand_sessions_are_sustained() {
    const SESSIONS: usize = 1_000;
    let server = start(ConnectionConfig::default());
    let mut clients = Vec::with_capacity(SESSIONS);
    for number in 0..SESSIONS {
        let mut client = server.connect().await;
        ask(&mut client, GET, &[&number.to_string()], OK).await;
        clients.push(client);
    }
    assert_eq!(server.protocol.lock_counters().held, SESSIONS as u64);
    // All of them ask before the first answer is read.
    for (number, client) in clients.iter_mut().enumerate() {
        let others = ((number + 1) % SESSIONS).to_string();
        client.send(&frame(GET, &[&others])).await;
    }
    for client in &mut clients {
        client.expect(&[1, BUSY]).await;
    }
    drop(clients);
    server.connections(0).await;
    assert_eq!(server.protocol.lock_counters().held, 0);
}
