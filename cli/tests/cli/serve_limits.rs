//! Limits of `lockproof serve` that have a flag: the last that fits, and one more.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::memcached::{get, is_alive, set};
use crate::support::served::Served;
use crate::support::{connect, echoes, is_closed};

/// GET of one key in locker's natural layout, and the outcome.
fn lock(stream: &mut TcpStream, key: &str) -> u8 {
    let mut frame = vec![0x7f, 0, 0, 0, 1, 0, 0, 0];
    frame.extend((key.len() as u64).to_le_bytes());
    frame.extend(key.as_bytes());
    stream.write_all(&frame).unwrap();
    let mut reply = [0; 2];
    stream.read_exact(&mut reply).unwrap();
    reply[1]
}

/// The outcomes of locker's small dialect.
const OK: u8 = 0;
const NO_RESOURCES: u8 = 6;

#[test]
fn locks_of_all_sessions() {
    let served = Served::start(&["--only", "locker", "--max-locks", "3"]);
    let (mut one, mut other) =
        (connect(served.address("locker")), connect(served.address("locker")));
    assert_eq!([lock(&mut one, "a"), lock(&mut one, "b"), lock(&mut other, "c")], [OK; 3]);
    assert_eq!(lock(&mut other, "d"), NO_RESOURCES);
    drop(one);
    assert!(crate::support::eventually(|| lock(&mut other, "d") == OK), "room is not given back");
}

#[test]
fn locks_of_a_session() {
    let served = Served::start(&["--only", "locker", "--max-locks-per-session", "2"]);
    let (mut one, mut other) =
        (connect(served.address("locker")), connect(served.address("locker")));
    assert_eq!(
        [lock(&mut one, "a"), lock(&mut one, "b"), lock(&mut one, "c")],
        [OK, OK, NO_RESOURCES]
    );
    assert_eq!(lock(&mut other, "c"), OK);
}

#[test]
fn connections() {
    let served = Served::start(&["--only", "echo", "--conn-limit", "2"]);
    let mut inside = [connect(served.address("echo")), connect(served.address("echo"))];
    assert!(inside.iter_mut().all(|stream| echoes(stream, b"x")));
    assert!(is_closed(&mut connect(served.address("echo"))), "one too many is served");
    assert!(
        inside.iter_mut().all(|stream| echoes(stream, b"y")),
        "those that were there are harmed"
    );
    drop(inside);
    let address = served.address("echo");
    assert!(crate::support::eventually(|| echoes(&mut connect(address), b"z")));
}

#[test]
fn the_size_of_an_item() {
    let served = Served::start(&["--only", "memcached", "-I", "2k"]);
    let mut client = connect(served.address("memcached"));
    assert_eq!(set(&mut client, "k", &[b'x'; 1900]).status, 0);
    assert_eq!(set(&mut client, "k", &[b'x'; 2049]).status, 3, "too large");
    assert!(is_alive(&mut client));
}

/// With an output of 1 KiB, a client that asks for a megabyte and reads nothing has no more than a reply of it in the server,
/// and gets it all when it reads.
#[test]
fn replies_that_wait() {
    let served = Served::start(&["--only", "memcached", "--output-limit", "1k"]);
    let mut client = connect(served.address("memcached"));
    set(&mut client, "k", &[b'v'; 10_000]);
    let mut asks = client.try_clone().unwrap();
    let asking = std::thread::spawn(move || {
        for _ in 0..1_000 {
            asks.write_all(b"\x80\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0k").unwrap();
        }
    });
    let mut replies = vec![0; 1_000 * (24 + 4 + 10_000)];
    client.read_exact(&mut replies).unwrap();
    asking.join().unwrap();
    let whole =
        replies.chunks(24 + 4 + 10_000).all(|reply| reply[0] == 0x81 && reply[6..8] == [0, 0]);
    assert!(whole, "a reply is torn");
    assert_eq!(get(&mut client, "k").value, [b'v'; 10_000]);
}
