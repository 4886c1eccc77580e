//! Memory of requests and replies that wait: what fits is served, one too many is told, and nobody else is harmed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::support::memcached::{get, header, is_alive, set};
use crate::support::served::Served;
use crate::support::{connect, eventually};

const OK: u16 = 0;
const OUT_OF_MEMORY: u16 = 0x82;
const MIB: usize = 1 << 20;

/// A number of `/metrics`.
fn metric(served: &Served, name: &str) -> u64 {
    let ready: serde_json::Value = serde_json::from_str(&served.ready).unwrap();
    let address: SocketAddr = ready["http"].as_str().unwrap().parse().unwrap();
    let mut stream = connect(address);
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name)).expect(name);
    line.trim().parse().unwrap()
}

fn memcached(arguments: &[&str]) -> Served {
    let always = ["--only", "memcached", "--http", "127.0.0.1:0", "-m", "2048", "-I", "256m"];
    Served::start(&[&always[..], arguments].concat())
}

/// A SET that announces `length` bytes and sends `sent` of them.
fn begin(stream: &mut TcpStream, length: usize, sent: usize) {
    let frame = [&header(0x01, 8, 1, length)[..], &[0; 8], b"h", &vec![b'h'; sent]].concat();
    stream.write_all(&frame).unwrap();
}

#[test]
fn request_that_is_too_much_is_told_and_the_next_is_served() {
    let served = memcached(&["--buffer-memory", "1m"]);
    let mut client = connect(served.address("memcached"));
    assert_eq!(set(&mut client, "k", &vec![b'o'; 300_000]).status, OK);
    assert_eq!(set(&mut client, "k", &vec![b'n'; 2 * MIB]).status, OUT_OF_MEMORY);
    assert_eq!(get(&mut client, "k").status, 1, "a SET that fails takes the old value with it");
    assert_eq!(set(&mut client, "k", &vec![b's'; 300_000]).status, OK);
    assert!(get(&mut client, "k").value == vec![b's'; 300_000]);
    assert!(metric(&served, "lockproof_buffer_refused_total") > 0);
    assert_eq!(metric(&served, "lockproof_buffer_limit_bytes"), MIB as u64);
    assert_eq!(metric(&served, "lockproof_buffer_bytes"), 0, "it is given back");
}

#[test]
fn what_one_keeps_the_other_lacks_until_it_is_gone() {
    let served = memcached(&["--buffer-memory", "2m"]);
    let (mut one, mut other) =
        (connect(served.address("memcached")), connect(served.address("memcached")));
    begin(&mut one, 900_000, 600_000);
    assert!(eventually(|| metric(&served, "lockproof_buffer_bytes") >= 596_000));
    assert_eq!(set(&mut other, "k", &vec![b'n'; 900_000]).status, OUT_OF_MEMORY);
    assert_eq!(set(&mut other, "k", b"small").status, OK);
    one.write_all(&vec![b'h'; 300_000]).unwrap();
    let mut reply = [0; 24];
    one.read_exact(&mut reply).unwrap();
    assert_eq!(reply[6..8], [0, 0], "it was there first, and is served");
    assert_eq!(set(&mut other, "k", &vec![b'n'; 900_000]).status, OK);
    begin(&mut one, 900_000, 600_000);
    assert!(eventually(|| metric(&served, "lockproof_buffer_bytes") >= 596_000));
    drop(one);
    assert!(eventually(|| metric(&served, "lockproof_buffer_bytes") == 0));
}

/// What is left of a batch when a socket is full depends on the kernel: of one it may be so little that there is memory for it,
/// of a dozen it is not.
#[test]
fn peers_that_take_no_replies_are_closed_when_memory_is_short() {
    let served = memcached(&["--buffer-memory", "100k", "--write-deadline", "5m"]);
    let mut other = connect(served.address("memcached"));
    let keys = "abcdefghijkl";
    for (index, key) in keys.char_indices() {
        let value = vec![b'v'; 20_000 + 777 * index];
        assert_eq!(set(&mut other, &key.to_string(), &value).status, OK);
    }
    let slow = keys.bytes().map(|key| {
        let mut slow = connect(served.address("memcached"));
        let ask = [&header(0x00, 0, 1, 0)[..], &[key]].concat();
        slow.write_all(&ask.repeat(1_000)).unwrap();
        slow
    });
    let slow: Vec<TcpStream> = slow.collect();
    let ended = "lockproof_connections_ended_total{protocol=\"memcached\",reason=\"memory\"}";
    assert!(eventually(|| metric(&served, ended) > 0));
    assert!(metric(&served, "lockproof_buffer_bytes") <= 100 << 10);
    assert_eq!(set(&mut other, "small", b"v").status, OK);
    assert_eq!(get(&mut other, "small").value, b"v", "the other is served on");
    drop(slow);
    assert!(eventually(|| metric(&served, "lockproof_buffer_bytes") == 0));
}

#[test]
fn locker_says_too_large() {
    let limits = ["--max-request-size", "8m", "--max-key-length", "8000000"];
    let memory = ["--only", "locker", "--buffer-memory", "1m"];
    let served = Served::start(&[&limits[..], &memory].concat());
    let mut client = connect(served.address("locker"));
    let length: u64 = 4 << 20;
    client.write_all(&[&[0x7f, 0, 0, 0, 1, 0, 0, 0], &length.to_le_bytes()[..]].concat()).unwrap();
    // A part of it is enough.
    client.write_all(&vec![b'k'; 700_000]).unwrap();
    let mut reply = [0; 2];
    client.read_exact(&mut reply).unwrap();
    assert_eq!(reply[1], 5, "too large");
}

/// The system has no memory, whatever the limits say: first for the request as it comes, then for the item that is made of
/// it.
#[test]
fn allocation_that_fails_is_an_error_reply() {
    let served = memcached(&["-t", "1"]);
    let mut client = connect(served.address("memcached"));
    assert_eq!(set(&mut client, "old", &vec![b'o'; MIB]).status, OK);
    // 128 MiB come in: 128 and the 64 before them, at the worst. Then the item needs as much again.
    may_grow_by(&served, 224 * MIB);
    assert_eq!(set(&mut client, "new", &vec![b'n'; 127 * MIB]).status, OUT_OF_MEMORY);
    assert!(is_alive(&mut client));
    may_grow_by(&served, 48 * MIB);
    assert_eq!(set(&mut client, "new", &vec![b'n'; 127 * MIB]).status, OUT_OF_MEMORY);
    assert_eq!(set(&mut client, "new", b"small").status, OK);
    assert!(get(&mut client, "old").value == vec![b'o'; MIB], "what was there is there");
    may_grow_by(&served, 1024 * MIB);
    assert_eq!(set(&mut client, "new", &vec![b'n'; 127 * MIB]).status, OK);
    assert!(get(&mut client, "new").value == vec![b'n'; 127 * MIB]);
}

/// Limits the address space to what is taken now and so much more.
fn may_grow_by(served: &Served, bytes: usize) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.id())).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let kib: usize = size.trim().trim_end_matches(" kB").parse().unwrap();
    let limit = format!("--as={}:unlimited", kib * 1024 + bytes);
    let pid = served.id().to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
}
