//! memcached over real sockets.

mod common;

use std::time::Duration;

use common::{Client, Running};
use lockproof_reference_server::{ConnectionConfig, Ending, Memcached, MemcachedConfig, Speaks};
use lockproof_state_machine::sasl::Credentials;

const GET: u8 = 0x00;
const SET: u8 = 0x01;
const DELETE: u8 = 0x04;
const QUIT: u8 = 0x07;
const GETQ: u8 = 0x09;
const NOOP: u8 = 0x0a;
const VERSION: u8 = 0x0b;
const GETKQ: u8 = 0x0d;
const STAT: u8 = 0x10;
const SETQ: u8 = 0x11;
const ADDQ: u8 = 0x12;
const DELETEQ: u8 = 0x14;
const SASL_AUTH: u8 = 0x21;

/// A reply's header fields that tests look at, and its value.
#[derive(Debug, Eq, PartialEq)]
struct Reply {
    opcode: u8,
    status: u16,
    opaque: u32,
    key: Vec<u8>,
    value: Vec<u8>,
}

fn request(opcode: u8, opaque: u32, extras: &[u8], key: &[u8], value: &[u8]) -> Vec<u8> {
    let key_len = u16::try_from(key.len()).unwrap();
    let body_len = u32::try_from(extras.len() + key.len() + value.len()).unwrap();
    [
        &[0x80, opcode][..],
        &key_len.to_be_bytes(),
        &[u8::try_from(extras.len()).unwrap(), 0, 0, 0],
        &body_len.to_be_bytes(),
        &opaque.to_be_bytes(),
        &[0; 8],
        extras,
        key,
        value,
    ]
    .concat()
}

fn bare(opcode: u8, opaque: u32) -> Vec<u8> {
    request(opcode, opaque, &[], &[], &[])
}

fn get(opcode: u8, opaque: u32, key: &str) -> Vec<u8> {
    request(opcode, opaque, &[], key.as_bytes(), &[])
}

fn set(opcode: u8, opaque: u32, key: &str, value: &[u8]) -> Vec<u8> {
    request(opcode, opaque, &[0; 8], key.as_bytes(), value)
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

async fn reply(client: &mut Client) -> Reply {
    let header = client.read(24).await;
    assert_eq!(header[0], 0x81);
    let body = client.read(number(&header[8..12])).await;
    let (key_len, extras_len) = (number(&header[2..4]), usize::from(header[4]));
    let (key, value) = body[extras_len..].split_at(key_len);
    Reply {
        opcode: header[1],
        status: u16::try_from(number(&header[6..8])).unwrap(),
        opaque: u32::try_from(number(&header[12..16])).unwrap(),
        key: key.to_vec(),
        value: value.to_vec(),
    }
}

/// The opaque and status of the next replies.
async fn statuses(client: &mut Client, count: usize) -> Vec<(u32, u16)> {
    let mut seen = Vec::new();
    for _ in 0..count {
        let reply = reply(client).await;
        seen.push((reply.opaque, reply.status));
    }
    seen
}

fn start_with(config: MemcachedConfig) -> Running<Memcached> {
    Running::start(Memcached::new(config), ConnectionConfig::default())
}

fn start() -> Running<Memcached> {
    start_with(MemcachedConfig::default())
}

#[tokio::test]
async fn quiet_batch_is_answered_as_the_catalogue_says() {
    let server = start();
    let mut client = server.connect().await;
    client.send(&[set(SETQ, 0, "h1", b"1"), set(SETQ, 0, "h2", b"2")].concat()).await;
    let batch = [
        get(GETQ, 1, "h1"),
        get(GETQ, 2, "miss"),
        set(SETQ, 3, "s", b"x"),
        set(ADDQ, 4, "s", b"y"),
        get(GETKQ, 5, "h2"),
        get(DELETEQ, 6, "nope"),
        bare(NOOP, 7),
    ]
    .concat();
    client.send(&batch).await;
    assert_eq!(statuses(&mut client, 5).await, [(1, 0), (4, 2), (5, 0), (6, 1), (7, 0)]);
    // The same again, a byte at a time: only the ADDQ fails the same way.
    for byte in batch {
        client.send(&[byte]).await;
    }
    assert_eq!(statuses(&mut client, 5).await, [(1, 0), (4, 2), (5, 0), (6, 1), (7, 0)]);
}

#[tokio::test]
async fn keys_of_all_shards_are_found_flushed_and_counted() {
    let server = start();
    let mut client = server.connect().await;
    for number in 0..100 {
        client.send(&set(SETQ, 0, &format!("key {number}"), b"v")).await;
    }
    for number in 0..100 {
        client.send(&get(GET, number, &format!("key {number}"))).await;
        let reply = reply(&mut client).await;
        assert_eq!((reply.status, &reply.value[..]), (0, &b"v"[..]));
    }
    let counted = stat(&mut client, "curr_items").await;
    assert_eq!(counted, "100");
    client.send(&bare(0x08, 0)).await;
    client.send(&get(GET, 1, "key 77")).await;
    assert_eq!(statuses(&mut client, 2).await, [(0, 0), (1, 1)]);
    assert_eq!(stat(&mut client, "get_misses").await, "1");
    assert_eq!(stat(&mut client, "cmd_flush").await, "1");
    assert_eq!(stat(&mut client, "curr_connections").await, "1");
}

async fn stat(client: &mut Client, name: &str) -> String {
    client.send(&bare(STAT, 5)).await;
    let mut found = None;
    loop {
        let reply = reply(client).await;
        assert_eq!((reply.opcode, reply.status, reply.opaque), (STAT, 0, 5));
        if reply.key.is_empty() {
            return found.unwrap_or_else(|| panic!("no statistic {name}"));
        }
        if reply.key == name.as_bytes() {
            found = Some(String::from_utf8(reply.value).unwrap());
        }
    }
}

#[tokio::test]
async fn version_is_one_that_libmemcached_accepts() {
    let server = start();
    let mut client = server.connect().await;
    client.send(&bare(VERSION, 1)).await;
    let version = String::from_utf8(reply(&mut client).await.value).unwrap();
    let numbers: Vec<u8> = version.split('.').map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 3);
    assert_ne!(numbers[0], 0);
    assert_eq!(stat(&mut client, "version").await, version);
}

#[tokio::test]
async fn quit_answers_and_executes_nothing_behind_it() {
    let server = start();
    let mut client = server.connect().await;
    client.send(&[set(SETQ, 1, "k", b"v"), bare(QUIT, 2), get(DELETE, 3, "k")].concat()).await;
    assert_eq!(statuses(&mut client, 1).await, [(2, 0)]);
    client.expect_clean_end().await; // MCB-QUI-01
    let mut other = server.connect().await;
    other.send(&get(GET, 4, "k")).await;
    assert_eq!(statuses(&mut other, 1).await, [(4, 0)]);
}

#[tokio::test]
async fn other_protocols_are_closed_without_an_answer() {
    let server = start_with(MemcachedConfig { speaks: Speaks::Binary, ..Default::default() });
    let mut text = server.connect().await;
    text.send(b"get key\r\n").await;
    assert_eq!(text.read_to_end().await, b"");
    // MCB-NEG-04: the replies to good frames before the bad one arrive.
    let mut mixed = server.connect().await;
    mixed.send(&[bare(NOOP, 1), vec![0x81; 24], bare(NOOP, 2)].concat()).await;
    assert_eq!(mixed.read_to_end().await.len(), 24);
    drop((text, mixed));
    server.ended(Ending::Protocol, 2).await;
}

#[tokio::test]
async fn fatal_error_is_delivered_over_unread_input() {
    let server = start();
    for _ in 0..20 {
        let mut client = server.connect().await;
        let unread = vec![0; 2_000_000];
        client.send(&[bare(NOOP, 1), bare(GET, 2), unread].concat()).await;
        assert_eq!(statuses(&mut client, 2).await, [(1, 0), (2, 4)]);
        // A server that had closed both directions would answer this with a reset.
        client.send(&vec![0; 2_000_000]).await;
        client.expect_clean_end().await;
    }
}

#[tokio::test]
async fn whole_frames_before_the_end_of_stream_are_answered() {
    let server = start();
    let mut client = server.connect().await;
    let half = &set(SET, 3, "k", b"half")[..30];
    client.send(&[&set(SET, 1, "k", b"whole")[..], &bare(NOOP, 2), half].concat()).await;
    client.half_close().await;
    assert_eq!(statuses(&mut client, 2).await, [(1, 0), (2, 0)]);
    assert_eq!(client.read_to_end().await, b"");
    let mut other = server.connect().await;
    other.send(&get(GET, 4, "k")).await;
    assert_eq!(reply(&mut other).await.value, b"whole");
}

#[tokio::test]
async fn large_values_read_late_arrive_in_order() {
    let server = start();
    let mut client = server.connect().await;
    let value: Vec<u8> = (0..=250).cycle().take(1_000_000).collect();
    client.send(&set(SETQ, 0, "big", &value)).await;
    client.send(&(0..50).flat_map(|opaque| get(GET, opaque, "big")).collect::<Vec<_>>()).await;
    tokio::time::sleep(Duration::from_millis(200)).await; // late, with nothing to wait for
    for opaque in 0..50 {
        let reply = reply(&mut client).await;
        assert_eq!((reply.opaque, reply.status), (opaque, 0));
        assert!(reply.value == value, "value {opaque} differs");
    }
}

#[tokio::test]
async fn too_large_value_is_skipped_and_refused() {
    let server = start();
    let mut client = server.connect().await;
    let large = vec![0; 1_048_577];
    client.send(&[set(SETQ, 1, "k", &large), bare(NOOP, 2)].concat()).await;
    assert_eq!(statuses(&mut client, 2).await, [(1, 3), (2, 0)]);
}

#[tokio::test]
async fn sasl_plain_guards_the_items() {
    let users = Some(Credentials::new().with("user", "password").into());
    let server = start_with(MemcachedConfig { users, ..MemcachedConfig::default() });
    let mut stranger = server.connect().await;
    stranger.send(&get(GETQ, 1, "k")).await;
    assert_eq!(statuses(&mut stranger, 1).await, [(1, 0x20)]);
    assert_eq!(stranger.read_to_end().await, b"");

    let mut client = server.connect().await;
    let auth = |opaque, secret: &[u8]| request(SASL_AUTH, opaque, &[], b"PLAIN", secret);
    client.send(&[bare(VERSION, 1), auth(2, b"\0user\0wrong")].concat()).await;
    client.send(&[auth(3, b"\0user\0password"), get(GET, 4, "k")].concat()).await;
    assert_eq!(statuses(&mut client, 4).await, [(1, 0), (2, 0x20), (3, 0), (4, 1)]);
    assert_eq!(stat(&mut client, "auth_cmds").await, "2");
    assert_eq!(stat(&mut client, "auth_errors").await, "1");
}

/// Large values take another way out than small ones; the bytes must not differ.
#[tokio::test]
async fn large_hit_has_the_layout_of_a_small_one() {
    let server = start();
    let mut client = server.connect().await;
    for length in [8191, 8192, 8193, 100_000] {
        let value = vec![7; length];
        client.send(&request(SETQ, 0, &[0xca, 0xfe, 0, 1, 0, 0, 0, 0], b"key", &value)).await;
        client.send(&[get(GETKQ, 9, "key"), get(GET, 8, "key")].concat()).await;
        for (opcode, opaque, key) in [(GETKQ, 9, &b"key"[..]), (GET, 8, b"")] {
            let header = client.read(24).await;
            let key_len = u8::try_from(key.len()).unwrap();
            assert_eq!(header[..8], [0x81, opcode, 0, key_len, 4, 0, 0, 0]);
            assert_eq!(number(&header[8..12]), 4 + key.len() + length);
            assert_eq!(number(&header[12..16]), opaque);
            assert_ne!(header[16..], [0; 8], "a CAS");
            client.expect(&[&[0xca, 0xfe, 0, 1], key, &value].concat()).await;
        }
    }
}
