//! NetMem over real sockets: waiting, granting, and the ends of sessions in between.

mod common;

use common::{Client, Running, eventually};
use lockproof_reference_server::protocols::SERVER_VERSION;
use lockproof_reference_server::{ConnectionConfig, Ending, NetMem, NetMemConfig, Protocol};

const READ: u8 = 2;
const LOCK: u8 = 3;
const UNLOCK: u8 = 4;
const UPDATE: u8 = 5;
const NO_SUCH_PAGE: u8 = 100;
const NOT_LOCKED: u8 = 101;

const PAGES: u32 = 37;

fn frame(kind: u8, page: u32, version: i32, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap();
    [&[kind][..], &page.to_be_bytes(), &length.to_be_bytes(), &version.to_be_bytes(), data].concat()
}

fn start() -> Running<NetMem> {
    let config = NetMemConfig { pages: PAGES, page_len: 4, ..NetMemConfig::default() };
    Running::start(NetMem::new(config), ConnectionConfig::default())
}

/// Locks a page that is free, of version 1 and zeroed.
async fn lock(client: &mut Client, page: u32) {
    client.ask(&frame(LOCK, page, 0, &[]), &frame(LOCK, page, 1, &[0; 4])).await;
}

/// Asks for a lock, and waits until the server has read that.
async fn queue(server: &Running<NetMem>, client: &mut Client, page: u32) {
    let before = server.protocol.counters().bytes_read();
    client.send(&frame(LOCK, page, 1, &[])).await;
    eventually("the request is read", || server.protocol.counters().bytes_read() > before).await;
}

async fn granted(client: &mut Client, page: u32) {
    client.expect(&frame(LOCK, page, 1, &[])).await;
}

#[tokio::test]
async fn facts_are_the_servers() {
    let server = start();
    let mut client = server.connect().await;
    let (major, minor) = SERVER_VERSION;
    let version = i32::from_be_bytes([0, 2, major, minor]);
    client.ask(&frame(0, 9, 9, &[]), &frame(0, 0, version, &[])).await;
    client.ask(&frame(1, 9, 9, &[]), &frame(1, PAGES, 4, &[])).await;
}

#[tokio::test]
async fn every_page_is_a_page_of_its_own() {
    let server = start();
    let mut client = server.connect().await;
    for page in 0..PAGES {
        let data = page.to_le_bytes();
        client.ask(&frame(UPDATE, page, 7, &data), &frame(UPDATE, page, 7, &[])).await;
    }
    for page in 0..PAGES {
        let data = page.to_le_bytes();
        client.ask(&frame(READ, page, 0, &[]), &frame(READ, page, 7, &data)).await;
    }
    for page in [PAGES, PAGES + 1, PAGES + 15, PAGES + 16, u32::MAX] {
        let none = frame(NO_SUCH_PAGE, page, 0, &[]);
        client.ask(&frame(READ, page, 0, &[]), &none).await;
        client.ask(&frame(LOCK, page, 0, &[]), &none).await;
        client.ask(&frame(UNLOCK, page, 0, &[1]), &none).await;
        client.ask(&frame(UPDATE, page, 0, &[1]), &none).await;
    }
    client.ask(&frame(UNLOCK, 0, 0, &[1]), &frame(NOT_LOCKED, 0, 0, &[])).await;
    client.ask(&frame(UPDATE, 0, 0, &[1; 5]), &frame(NO_SUCH_PAGE, 0, 0, &[])).await;
}

#[tokio::test]
async fn waiting_lock_blocks_only_its_own_connection() {
    let server = start();
    let (mut holder, mut waiter) = (server.connect().await, server.connect().await);
    lock(&mut holder, 5).await;
    queue(&server, &mut waiter, 5).await;
    // Behind the lock: not executed before it is granted (NM-FRAME-04).
    waiter.send(&frame(READ, 6, 1, &[])).await;
    let mut other = server.connect().await;
    other.ask(&frame(READ, 5, 1, &[]), &frame(READ, 5, 1, &[])).await;
    lock(&mut other, 6).await;
    holder.ask(&frame(UNLOCK, 5, 1, b"done"), &frame(UNLOCK, 5, 2, &[])).await;
    waiter.expect(&frame(LOCK, 5, 2, b"done")).await;
    waiter.expect(&frame(READ, 6, 1, &[])).await;
}

#[tokio::test]
async fn waiting_update_is_applied_at_the_unlock() {
    let server = start();
    let (mut holder, mut writer) = (server.connect().await, server.connect().await);
    lock(&mut holder, 3).await;
    let before = server.protocol.counters().bytes_read();
    let update = frame(UPDATE, 3, -1, b"new!");
    writer.send(&update).await;
    let after = before + update.len() as u64;
    eventually("the update is read", || server.protocol.counters().bytes_read() == after).await;
    holder.ask(&frame(READ, 3, 0, &[]), &frame(READ, 3, 1, &[0; 4])).await;
    holder.ask(&frame(UNLOCK, 3, 0, b"old!"), &frame(UNLOCK, 3, 2, &[])).await;
    writer.expect(&frame(UPDATE, 3, 3, &[])).await;
    holder.ask(&frame(READ, 3, 2, &[]), &frame(READ, 3, 3, b"new!")).await;
}

#[tokio::test]
async fn end_of_the_holder_grants_the_oldest_waiter() {
    let server = start();
    let (mut holder, mut first) = (server.connect().await, server.connect().await);
    let mut second = server.connect().await;
    lock(&mut holder, 0).await;
    queue(&server, &mut first, 0).await;
    queue(&server, &mut second, 0).await;
    holder.reset();
    granted(&mut first, 0).await;
    drop(first);
    granted(&mut second, 0).await;
}

#[tokio::test]
async fn reset_while_waiting_passes_the_grant_on() {
    let server = start();
    let (mut holder, mut dead) = (server.connect().await, server.connect().await);
    let mut next = server.connect().await;
    lock(&mut holder, 0).await;
    queue(&server, &mut dead, 0).await;
    queue(&server, &mut next, 0).await;
    dead.reset();
    server.connections(2).await;
    holder.ask(&frame(UNLOCK, 0, 0, &[]), &frame(UNLOCK, 0, 2, &[])).await;
    next.expect(&frame(LOCK, 0, 2, &[0; 4])).await;
    server.ended(Ending::Transport, 1).await;
}

#[tokio::test]
async fn end_of_stream_while_waiting_ends_the_wait() {
    let server = start();
    let (mut holder, mut gone) = (server.connect().await, server.connect().await);
    let mut next = server.connect().await;
    lock(&mut holder, 0).await;
    queue(&server, &mut gone, 0).await;
    queue(&server, &mut next, 0).await;
    gone.half_close().await;
    assert_eq!(gone.read_to_end().await, b"");
    drop(holder);
    granted(&mut next, 0).await;
}

/// The grant and the end of the waiter race here; whoever wins, the lock must move on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grant_to_an_ending_session_is_never_lost() {
    let server = start();
    let mut last = server.connect().await;
    for round in 0..200 {
        let (mut holder, mut dying) = (server.connect().await, server.connect().await);
        holder.ask(&frame(LOCK, 0, 1, &[]), &frame(LOCK, 0, 1, &[])).await;
        queue(&server, &mut dying, 0).await;
        if round % 2 == 0 {
            let unlocking = tokio::spawn(async move { drop(holder) });
            dying.reset();
            unlocking.await.unwrap();
        } else {
            let dying = tokio::spawn(async move { dying.reset() });
            drop(holder);
            dying.await.unwrap();
        }
        last.ask(&frame(LOCK, 0, 1, &[]), &frame(LOCK, 0, 1, &[])).await;
        last.ask(&frame(UPDATE, 0, 1, &[]), &frame(UPDATE, 0, 1, &[])).await;
    }
}

#[tokio::test]
async fn unknown_type_ends_the_connection_after_the_replies_that_are_due() {
    let server = start();
    let (mut holder, mut client) = (server.connect().await, server.connect().await);
    lock(&mut client, 1).await;
    client
        .send(&[frame(READ, 0, 1, &[]), frame(77, 0, 0, &[]), frame(READ, 0, 1, &[])].concat())
        .await;
    assert_eq!(client.read_to_end().await, frame(READ, 0, 1, &[]));
    lock(&mut holder, 1).await;
}

#[tokio::test]
async fn requests_behind_a_waiting_lock_are_read_ahead_only_so_far() {
    let pages = NetMemConfig { pages: 1, page_len: 4, ..NetMemConfig::default() };
    let config = ConnectionConfig { read_ahead_max: 100, ..ConnectionConfig::default() };
    let server = Running::start(NetMem::new(pages), config);
    let (mut holder, mut waiter) = (server.connect().await, server.connect().await);
    lock(&mut holder, 0).await;
    queue(&server, &mut waiter, 0).await;
    let before = server.protocol.counters().bytes_read();
    waiter.send(&frame(READ, 0, 1, &[]).repeat(1000)).await;
    let counters = server.protocol.counters();
    eventually("it reads ahead", || counters.bytes_read() == before + 100).await;
    holder.ask(&frame(READ, 0, 1, &[]), &frame(READ, 0, 1, &[])).await;
    assert_eq!(counters.bytes_read(), before + 100 + 13, "no more than that, and the holder's");
    drop(holder);
    granted(&mut waiter, 0).await;
    waiter.expect(&frame(READ, 0, 1, &[]).repeat(1000)).await;
}
