//! memcached's text and meta protocols over real sockets.

mod common;

use std::time::Duration;

use common::{Client, Running};
use lockproof_reference_server::{ConnectionConfig, Ending, Memcached, MemcachedConfig, Speaks};
use lockproof_state_machine::items;
use lockproof_state_machine::sasl::Credentials;

/// Requests and replies, as memcached 1.6.18 has them.
const GOLDEN: &str = include_str!("golden_text.txt");

fn start_with(config: MemcachedConfig) -> Running<Memcached> {
    Running::start(Memcached::new(config), ConnectionConfig::default())
}

/// One shard, so that the CAS values are known.
fn one_shard() -> MemcachedConfig {
    MemcachedConfig { workers: 1, ..MemcachedConfig::default() }
}

fn start() -> Running<Memcached> {
    start_with(one_shard())
}

fn text(line: &str) -> Vec<u8> {
    line.replace("\\r\\n", "\r\n").into_bytes()
}

fn golden() -> impl Iterator<Item = (&'static str, Vec<u8>, Vec<u8>)> {
    let mut lines = GOLDEN.lines().filter(|line| !line.starts_with('#'));
    core::iter::from_fn(move || {
        let name = lines.next()?;
        let request = lines.next()?.strip_prefix("> ").expect(name);
        let reply = lines.next()?.strip_prefix("< ").expect(name);
        Some((name, text(request), text(reply)))
    })
}

async fn ask(client: &mut Client, request: &[u8], reply: &[u8]) {
    client.send(request).await;
    let read = client.read(reply.len()).await;
    let (asked, got, wanted) = (request, &read, reply);
    assert_eq!(
        String::from_utf8_lossy(got),
        String::from_utf8_lossy(wanted),
        "{}",
        String::from_utf8_lossy(asked)
    );
}

/// What else a line says to a server that has nothing more to say.
async fn quit(mut client: Client) {
    client.send(b"quit\r\nversion\r\n").await;
    client.expect_clean_end().await;
}

#[tokio::test]
async fn golden_transcripts_are_answered_so() {
    let server = start();
    let mut client = server.connect().await;
    for (_, request, reply) in golden() {
        ask(&mut client, &request, &reply).await;
    }
    quit(client).await;
    server.ended(Ending::Protocol, 1).await;
}

/// MCT-CON-01, MCT-CON-02.
#[tokio::test]
async fn golden_transcripts_are_answered_so_in_one_piece_and_in_many() {
    let (requests, replies): (Vec<_>, Vec<_>) =
        golden().map(|(_, request, reply)| (request, reply)).unzip();
    let (requests, replies) = (requests.concat(), replies.concat());
    for piece in [1, 2, 7, 100, requests.len()] {
        let server = start();
        let mut client = server.connect().await;
        for part in requests.chunks(piece) {
            client.send(part).await;
        }
        ask(&mut client, b"", &replies).await;
        quit(client).await;
    }
}

/// MCT-KEY-07, MCM-GEN-17: one item, said three ways.
#[tokio::test]
async fn what_one_protocol_stores_the_others_read() {
    let server = start();
    let (mut binary, mut client) = (server.connect().await, server.connect().await);
    let set = b"\x80\x01\0\x03\x08\0\0\0\0\0\0\x0d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0a bhi";
    binary.send(set).await;
    binary.read(24).await;
    ask(&mut client, b"mg YSBi b k v f c\r\n", b"VA 2 kYSBi b f7 c1\r\nhi\r\n").await;
    ask(&mut client, b"set k 9 0 2\r\nxy\r\n", b"STORED\r\n").await;
    ask(&mut client, b"mg k v f c t\r\n", b"VA 2 f9 c2 t-1\r\nxy\r\n").await;
    ask(
        &mut client,
        b"ms n 1 F3\r\n5\r\nincr n 2\r\ngets n\r\n",
        b"HD\r\n7\r\nVALUE n 3 1 4\r\n7\r\nEND\r\n",
    )
    .await;
    let get = b"\x80\x00\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0n";
    binary.send(get).await;
    let reply = binary.read(24 + 4 + 1).await;
    assert_eq!(reply[16..], *b"\0\0\0\0\0\0\0\x04\0\0\0\x037");
}

/// MCT-GET-06, MCT-LIN-10, MCT-CON-06: a long multi-get stops when the output is full, and goes on.
#[tokio::test]
async fn long_multi_get_is_answered_in_parts() {
    for workers in [1, 4] {
        let server = start_with(MemcachedConfig { workers, ..MemcachedConfig::default() });
        let mut client = server.connect().await;
        let value = "v".repeat(1_000);
        let large = "l".repeat(20_000);
        for (key, value) in [("a", &value), ("b", &value), ("c", &large)] {
            let set = format!("set {key} 0 0 {}\r\n{value}\r\n", value.len());
            ask(&mut client, set.as_bytes(), b"STORED\r\n").await;
        }
        let get = format!("get{}\r\nmn\r\n", " a miss b c".repeat(2_000));
        client.send(get.as_bytes()).await;
        let hits = format!(
            "VALUE a 0 1000\r\n{value}\r\nVALUE b 0 1000\r\n{value}\r\nVALUE c 0 20000\r\n{large}\r\n"
        );
        for _ in 0..2_000 {
            ask(&mut client, b"", hits.as_bytes()).await;
        }
        ask(&mut client, b"", b"END\r\nMN\r\n").await;
        let touch = format!("gat 0{}\r\n", " a miss b".repeat(100));
        client.send(touch.as_bytes()).await;
        let hits = format!("VALUE a 0 1000\r\n{value}\r\nVALUE b 0 1000\r\n{value}\r\n");
        ask(&mut client, b"", format!("{}END\r\n", hits.repeat(100)).as_bytes()).await;
        quit(client).await;
    }
}

/// MCT-CON-02, MCT-CON-07, MCT-KEY-03: runs of gets, over several shards and full outputs.
#[tokio::test]
async fn pipelined_gets_are_answered_in_their_order() {
    for workers in [1, 4] {
        let server = start_with(MemcachedConfig { workers, ..MemcachedConfig::default() });
        let mut client = server.connect().await;
        let large = "l".repeat(9_000);
        for (key, value) in [("a", "1"), ("b", "22"), ("c", ""), ("d", &large)] {
            let set = format!("set {key} 0 0 {}\r\n{value}\r\n", value.len());
            ask(&mut client, set.as_bytes(), b"STORED\r\n").await;
        }
        let (a, b) = ("VALUE a 0 1\r\n1\r\n", "VALUE b 0 2\r\n22\r\n");
        let (c, d) = ("VALUE c 0 0\r\n\r\n", format!("VALUE d 0 9000\r\n{large}\r\n"));
        let long = "k".repeat(251);
        let requests = format!(
            "get a\r\nget miss\r\nget b c d\r\nget a {long}\r\nget d\r\ngat 0 a miss d\r\nget b\r\nmn\r\n"
        );
        let replies = format!(
            "{a}END\r\nEND\r\n{b}{c}{d}END\r\nCLIENT_ERROR bad command line format\r\n{d}END\r\n{a}{d}END\r\n{b}END\r\nMN\r\n"
        );
        client.send(requests.repeat(300).as_bytes()).await;
        for _ in 0..300 {
            ask(&mut client, b"", replies.as_bytes()).await;
        }
        client.send(b"get a\r\nget b\r\nquit\r\nget a\r\n").await;
        ask(&mut client, b"", format!("{a}END\r\n{b}END\r\n").as_bytes()).await;
        client.expect_clean_end().await;
    }
}

/// MCT-LIM-01 to MCT-LIM-07, MCM-SET-12, MCM-SET-13.
#[tokio::test]
async fn too_large_values_are_swallowed() {
    let items = items::Config { item_max: 1_000, ..items::Config::default() };
    let server = start_with(MemcachedConfig { items, ..one_shard() });
    let mut client = server.connect().await;
    let block = "x".repeat(2_000);
    for (line, reply) in [
        ("set k 0 0 2000", "SERVER_ERROR object too large for cache\r\n"),
        ("set k 0 0 2000 noreply", ""),
        ("ms k 2000 q k O1", "SERVER_ERROR object too large for cache\r\n"),
    ] {
        ask(&mut client, b"set k 0 0 1\r\nv\r\n", b"STORED\r\n").await;
        let request = format!("{line}\r\n{block}\r\nmn\r\n");
        ask(&mut client, request.as_bytes(), format!("{reply}MN\r\n").as_bytes()).await;
        ask(&mut client, b"get k\r\n", b"END\r\n").await;
    }
    let half = "y".repeat(600);
    let set = format!(
        "set k 0 0 600\r\n{half}\r\nappend k 0 0 600\r\n{half}\r\nms k 600 MP\r\n{half}\r\n"
    );
    ask(&mut client, set.as_bytes(), b"STORED\r\nNOT_STORED\r\nNS\r\n").await;
}

/// MCT-CON-03, MCT-CON-04.
#[tokio::test]
async fn unfinished_request_has_no_effect() {
    let server = start();
    for unfinished in ["set k 0 0 1", "set k 0 0 1\r\n", "set k 0 0 1\r\nv", "set k 0 0 1\r\nv\r"] {
        let mut client = server.connect().await;
        client.send(format!("mn\r\n{unfinished}").as_bytes()).await;
        client.half_close().await;
        assert_eq!(client.read_to_end().await, b"MN\r\n");
    }
    let mut client = server.connect().await;
    ask(&mut client, b"get k\r\n", b"END\r\n").await;
    client.send(&[b'x'; 3_000]).await;
    assert_eq!(client.read_to_end().await, b"", "a line of 2,048 bytes at most (MCT-LIN-09)");
}

/// MCT-CON-08.
#[tokio::test]
async fn protocols_can_be_restricted() {
    let binary = start_with(MemcachedConfig { speaks: Speaks::Binary, ..one_shard() });
    let mut client = binary.connect().await;
    client.send(b"version\r\n").await;
    assert_eq!(client.read_to_end().await, b"");
    let ascii = start_with(MemcachedConfig { speaks: Speaks::Text, ..one_shard() });
    let mut client = ascii.connect().await;
    ask(&mut client, b"\x80\x01\r\nmn\r\n", b"ERROR\r\nMN\r\n").await;
}

/// MCT-AUT-01 to MCT-AUT-04.
#[tokio::test]
async fn text_client_shows_its_password_by_a_set() {
    let users = Some(Credentials::new().with("me", "secret").into());
    let server = start_with(MemcachedConfig { users, ..one_shard() });
    let mut client = server.connect().await;
    let refused = b"CLIENT_ERROR unauthenticated\r\n";
    for line in [&b"get k\r\n"[..], b"mn\r\n", b"quit\r\n", b"add k 0 0 1\r\nv\r\n"] {
        ask(&mut client, line, refused).await;
    }
    ask(&mut client, b"set _ _ _ 2\r\nme\r\n", b"CLIENT_ERROR bad authentication token format\r\n")
        .await;
    ask(&mut client, b"set _ _ _ 6\r\nme wro\r\n", b"CLIENT_ERROR authentication failure\r\n")
        .await;
    ask(&mut client, b"get k\r\n", refused).await;
    ask(&mut client, b"set _ _ _ 9\r\nme secret\r\nmn\r\n", b"STORED\r\nMN\r\n").await;
    let mut slow = start_with(MemcachedConfig {
        users: Some(Credentials::new().with("me", "secret").into()),
        auth_delay: Duration::from_millis(20),
        ..one_shard()
    })
    .connect()
    .await;
    ask(&mut slow, b"set a 0 0 4\r\nme x\r\nmn\r\n", b"CLIENT_ERROR authentication failure\r\n")
        .await;
    ask(&mut slow, b"", refused).await;
}

/// The names and values of a group of statistics.
async fn stats(client: &mut Client, group: &str) -> Vec<(String, String)> {
    client.send(format!("stats {group}\r\n").as_bytes()).await;
    let mut lines = Vec::new();
    while !lines.ends_with(b"END\r\n") {
        lines.extend(client.read(1).await);
    }
    let lines = String::from_utf8(lines).unwrap();
    let pair = |line: &str| {
        let (name, value) = line.strip_prefix("STAT ")?.split_once(' ')?;
        Some((name.to_owned(), value.to_owned()))
    };
    lines.lines().filter_map(pair).collect()
}

/// MCT-STT-01 to MCT-STT-07, MCT-ADM-01.
#[tokio::test]
async fn statistics_have_the_names_that_tools_read() {
    let server = start();
    let mut client = server.connect().await;
    ask(
        &mut client,
        b"set k 0 0 1\r\nv\r\nget k k miss\r\n",
        b"STORED\r\nVALUE k 0 1\r\nv\r\nVALUE k 0 1\r\nv\r\nEND\r\n",
    )
    .await;
    ask(&mut client, b"mg k\r\ncas k 0 0 1 999\r\nx\r\n", b"HD\r\nEXISTS\r\n").await;
    let general = stats(&mut client, "").await;
    let value =
        |name: &str| general.iter().find(|(found, _)| found == name).map(|(_, value)| &value[..]);
    let wanted = "pid uptime time version pointer_size curr_connections total_connections cmd_get cmd_set cmd_flush \
        cmd_touch cmd_meta get_hits get_misses get_expired get_flushed delete_misses delete_hits incr_misses incr_hits decr_misses decr_hits \
        cas_misses cas_hits cas_badval touch_hits touch_misses bytes_read bytes_written limit_maxbytes threads \
        bytes curr_items total_items evictions";
    for name in wanted.split_whitespace() {
        assert!(value(name).is_some(), "{name}");
    }
    for (name, count) in [
        ("cmd_get", "4"),
        ("get_hits", "3"),
        ("get_misses", "1"),
        ("cmd_meta", "1"),
        ("cas_badval", "1"),
        ("cmd_set", "2"),
    ] {
        assert_eq!(value(name), Some(count), "{name}");
    }
    for (group, name) in [
        ("settings", "maxconns"),
        ("items", "items:1:number"),
        ("slabs", "1:used_chunks"),
        ("sizes", "sizes_status"),
    ] {
        assert!(stats(&mut client, group).await.iter().any(|(found, _)| found == name), "{group}");
    }
    assert!(stats(&mut client, "conns").await.is_empty());
    ask(&mut client, b"stats proxy\r\nstats reset\r\n", b"ERROR\r\nRESET\r\n").await;
    assert!(stats(&mut client, "").await.contains(&("cmd_get".into(), "0".into())));
}
