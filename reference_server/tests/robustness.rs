//! What hostile and dying peers may not do, whatever the protocol.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::BytesMut;
use common::{Client, LIMIT, Running, eventually};
use lockproof_reference_server::{
    ConnectionConfig, Counters, Ending, Locker, LockerConfig, Memcached, MemcachedConfig, NetMem,
    NetMemConfig, Output, Peer, Protocol, Session, Step,
};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

const READ: u8 = 2;
const LOCK: u8 = 3;

/// A NetMem request, or a reply without data.
fn page(kind: u8, page: u32, version: i32) -> Vec<u8> {
    [&[kind][..], &page.to_be_bytes(), &[0; 4], &version.to_be_bytes()].concat()
}

/// A Locker GET of one key.
fn get(key: &str) -> Vec<u8> {
    let length = (key.len() as u64).to_le_bytes();
    [&[127, 0, 0, 0, 1, 0, 0, 0][..], &length, key.as_bytes()].concat()
}

fn netmem(page_len: u32, config: ConnectionConfig) -> Running<NetMem> {
    let pages = NetMemConfig { pages: 2, page_len, ..NetMemConfig::default() };
    Running::start(NetMem::new(pages), config)
}

fn impatient() -> ConnectionConfig {
    let write_deadline = Duration::from_millis(300);
    ConnectionConfig { write_deadline, ..ConnectionConfig::default() }
}

#[tokio::test]
async fn reader_that_stalls_delays_nobody_and_loses_its_locks() {
    let server = netmem(1 << 20, impatient());
    let mut stalled = server.connect().await;
    stalled.ask(&page(LOCK, 0, 1), &page(LOCK, 0, 1)).await;
    stalled.send(&page(READ, 0, 0).repeat(200)).await;

    let (mut waiter, mut other) = (server.connect().await, server.connect().await);
    waiter.send(&page(LOCK, 0, 1)).await;
    for _ in 0..100 {
        other.ask(&page(READ, 0, 1), &page(READ, 0, 1)).await;
        other.ask(&page(LOCK, 1, 1), &page(LOCK, 1, 1)).await;
    }
    waiter.expect(&page(LOCK, 0, 1)).await;
    server.ended(Ending::WriteDeadline, 1).await;
    server.connections(2).await;
}

#[tokio::test]
async fn nothing_is_executed_behind_a_full_output() {
    let write_deadline = LIMIT * 10;
    let server =
        netmem(1 << 20, ConnectionConfig { write_deadline, ..ConnectionConfig::default() });
    let (mut stalled, mut other) = (server.connect().await, server.connect().await);
    stalled.send(&[page(READ, 0, 0).repeat(200), page(LOCK, 1, 1)].concat()).await;
    eventually("replies are sent", || server.protocol.counters().bytes_written() > 0).await;
    other.ask(&page(LOCK, 1, 1), &page(LOCK, 1, 1)).await;
}

#[tokio::test]
async fn reader_that_drips_does_not_extend_the_deadline() {
    let (page_len, write_deadline) = (32 << 20, Duration::from_secs(1));
    let config = ConnectionConfig { write_deadline, ..ConnectionConfig::default() };
    let server = netmem(page_len, config);
    let mut client = server.connect().await;
    client.send(&page(READ, 0, 0)).await;
    let (mut taken, mut buffer) = (0, vec![0; 64 * 1024]);
    // Reading it all takes about five seconds, but no write waits for one: a deadline for each
    // write would never be reached.
    while let Ok(bytes @ 1..) = timeout(LIMIT, client.stream.read(&mut buffer)).await.unwrap() {
        taken += bytes;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(taken < page_len as usize, "the whole reply was sent");
    eventually("it is closed for that", || {
        server.protocol.counters().ended(Ending::WriteDeadline) == 1
    })
    .await;
}

#[tokio::test]
async fn death_in_mid_frame_has_no_effect() {
    let server = Running::start(Locker::new(LockerConfig::default()), ConnectionConfig::default());
    for cut in 1..get("key").len() {
        let (mut by_fin, mut by_reset) = (server.connect().await, server.connect().await);
        by_fin.send(&get("key")[..cut]).await;
        by_reset.send(&get("key")[..cut]).await;
        by_reset.reset();
    }
    server.connections(0).await;
    assert_eq!(server.protocol.lock_counters().requests, [0; 6]);
    server.connect().await.ask(&get("key"), &[1, 0]).await;
}

#[tokio::test]
async fn connection_over_the_limit_is_closed_and_the_place_comes_back() {
    let config = ConnectionConfig { connections_max: 2, ..ConnectionConfig::default() };
    let server = Running::start(Locker::new(LockerConfig::default()), config);
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    first.ask(&get("a"), &[1, 0]).await;
    second.ask(&get("b"), &[1, 0]).await;
    let mut third = server.connect().await;
    assert_eq!(third.read_to_end().await, b"");
    assert_eq!(server.protocol.counters().refused(), 1);
    drop(second);
    server.connections(1).await;
    server.connect().await.ask(&get("b"), &[1, 0]).await;
    first.ask(&get("a"), &[1, 7]).await;
}

#[tokio::test]
async fn silent_peer_meets_the_idle_timeout_when_there_is_one() {
    let idle_timeout = Some(Duration::from_millis(100));
    let config = ConnectionConfig { idle_timeout, ..ConnectionConfig::default() };
    let server = Running::start(Locker::new(LockerConfig::default()), config);
    let mut client = server.connect().await;
    client.ask(&get("a"), &[1, 0]).await;
    assert_eq!(client.read_to_end().await, b"");
    server.ended(Ending::Idle, 1).await;
    server.connect().await.ask(&get("a"), &[1, 0]).await;
}

#[tokio::test]
async fn shutdown_delivers_what_is_due_and_drains() {
    let server =
        Running::start(Memcached::new(MemcachedConfig::default()), ConnectionConfig::default());
    let (mut idle, mut half, mut busy) =
        (server.connect().await, server.connect().await, server.connect().await);
    half.send(&[0x80, 0]).await;
    let noop = [&[0x80, 0x0a][..], &[0; 22]].concat();
    busy.send(&noop.repeat(1000)).await;
    eventually("the batch is there", || server.protocol.counters().bytes_read() == 24_002).await;
    server.shutdown.cancel();
    assert_eq!(busy.read_to_end().await.len(), 24_000);
    assert_eq!(idle.read_to_end().await, b"");
    assert_eq!(half.read_to_end().await, b"");
    drop((idle, half, busy));
    timeout(LIMIT, server.serving).await.expect("it drains").unwrap();
    assert_eq!(server.protocol.counters().current(), 0);
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err(), "still listening");
}

#[tokio::test]
async fn peer_that_does_not_read_cannot_stop_the_shutdown() {
    let drain_deadline = Duration::from_millis(100);
    let write_deadline = LIMIT * 10;
    let config = ConnectionConfig { drain_deadline, write_deadline, ..ConnectionConfig::default() };
    let server = netmem(1 << 20, config);
    let mut stalled = server.connect().await;
    stalled.send(&page(READ, 0, 0).repeat(200)).await;
    eventually("replies are sent", || server.protocol.counters().bytes_written() > 0).await;
    server.shutdown.cancel();
    timeout(LIMIT, server.serving).await.expect("it stops").unwrap();
    assert_eq!(server.protocol.counters().current(), 0);
}

#[tokio::test]
async fn waiter_does_not_stop_the_shutdown() {
    let server = netmem(4, ConnectionConfig::default());
    let (mut holder, mut waiter) = (server.connect().await, server.connect().await);
    holder.ask(&page(LOCK, 0, 1), &page(LOCK, 0, 1)).await;
    waiter.send(&page(LOCK, 0, 1)).await;
    eventually("it waits", || server.protocol.counters().bytes_read() == 26).await;
    server.shutdown.cancel();
    // Which of the two ends first is open; if it is the holder, the waiter may still be granted.
    assert!(waiter.read_to_end().await.len() <= 13);
    drop((holder, waiter));
    timeout(LIMIT, server.serving).await.expect("it stops").unwrap();
}

/// Locker with a session that panics when a flag is up.
#[derive(Debug)]
struct Fragile {
    locker: Arc<Locker>,
    panics: Arc<AtomicBool>,
}

struct FragileSession {
    inner: <Locker as Protocol>::Session,
    panics: Arc<AtomicBool>,
}

impl Protocol for Fragile {
    type Session = FragileSession;

    const NAME: &'static str = "fragile";

    fn open(self: &Arc<Self>, peer: Peer) -> FragileSession {
        FragileSession { inner: self.locker.open(peer), panics: Arc::clone(&self.panics) }
    }

    fn counters(&self) -> &Arc<Counters> {
        self.locker.counters()
    }
}

impl Session for FragileSession {
    fn execute(&mut self, input: &mut BytesMut, output: &mut Output) -> Step {
        let step = self.inner.execute(input, output);
        assert!(!self.panics.load(Relaxed), "injected by the test");
        step
    }
}

#[tokio::test]
async fn panic_in_a_session_frees_its_keys_and_harms_nobody() {
    let (locker, panics) = (Arc::new(Locker::new(LockerConfig::default())), Arc::default());
    let fragile = Fragile { locker: Arc::clone(&locker), panics: Arc::clone(&panics) };
    let server = Running::start(fragile, ConnectionConfig::default());
    let (mut victim, mut other) = (server.connect().await, server.connect().await);
    victim.ask(&get("a"), &[1, 0]).await;
    other.ask(&get("a"), &[1, 1]).await;
    panics.store(true, Relaxed);
    victim.send(&get("b")).await;
    assert_eq!(victim.read_to_end().await, b"");
    panics.store(false, Relaxed);
    server.connections(1).await;
    assert_eq!(locker.lock_counters().freed_by_disconnect, 2);
    other.ask(&get("a"), &[1, 0]).await;
    other.ask(&get("b"), &[1, 0]).await;
}

#[tokio::test]
async fn dropped_accept_loop_drops_its_connections() {
    let server = Running::start(Locker::new(LockerConfig::default()), ConnectionConfig::default());
    let (mut stalled, mut idle): (Client, Client) =
        (server.connect().await, server.connect().await);
    stalled.ask(&get("a"), &[1, 0]).await;
    server.serving.abort();
    assert_eq!(idle.read_to_end().await, b"");
    assert_eq!(stalled.read_to_end().await, b"");
    server.connections(0).await;
    assert_eq!(server.protocol.lock_counters().held, 0);
}
