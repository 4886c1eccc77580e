//! Limits of `lockproof serve` that have a flag: the last that fits, and one more.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::memcached::{get, is_alive, set};
use crate::support::served::Served;
use crate::support::{connect, echoes, is_closed};

/// GET of one key in locker's natural layout, and the outcome.
fn lock(stream: &mut TcpStream, key: &str) -> u8 {
    ask(stream, 0x7f, 1, key)
}

/// `BATCH_GET` of these keys.
fn lock_all(stream: &mut TcpStream, keys: &[&str]) -> u8 {
    ask(stream, 0x7e, u8::try_from(keys.len()).unwrap(), &keys.join(SEPARATOR))
}

fn ask(stream: &mut TcpStream, command: u8, count: u8, body: &str) -> u8 {
    let mut frame = vec![command, 0, 0, 0, count, 0, 0, 0];
    frame.extend((body.len() as u64).to_le_bytes());
    frame.extend(body.as_bytes());
    stream.write_all(&frame).unwrap();
    let mut reply = [0; 2];
    stream.read_exact(&mut reply).unwrap();
    reply[1]
}

/// `LOCK_PAGE` of page 0, whose bytes are known.
fn lock_page(stream: &mut TcpStream) {
    stream.write_all(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]).unwrap();
}

fn has_page(stream: &mut TcpStream) -> bool {
    let mut reply = [0; 13];
    stream.read_exact(&mut reply).is_ok() && reply[0] == 3
}

/// What stands between two keys.
const SEPARATOR: &str = "#!@^^$#";

/// The outcomes of locker's small dialect.
const OK: u8 = 0;
const TOO_LARGE: u8 = 5;
const NO_RESOURCES: u8 = 6;
const SELF_HELD: u8 = 7;

#[test]
fn length_of_a_key() {
    let served = Served::start(&["--only", "locker", "--max-key-length", "4"]);
    let mut client = connect(served.address("locker"));
    assert_eq!((lock(&mut client, "four"), lock(&mut client, "five5")), (OK, TOO_LARGE));
    assert_eq!(lock(&mut client, "next"), OK, "the frame was whole, and so it goes on");
}

#[test]
fn keys_of_a_request() {
    let served = Served::start(&["--only", "locker", "--max-keys-per-request", "2"]);
    let mut client = connect(served.address("locker"));
    assert_eq!(lock_all(&mut client, &["a", "b"]), OK);
    assert_eq!(lock_all(&mut client, &["c", "d", "e"]), TOO_LARGE);
    assert_eq!(lock(&mut client, "c"), OK, "nothing of it was taken");
}

#[test]
fn size_of_a_request() {
    let served = Served::start(&["--only", "locker", "--max-request-size", "1k"]);
    let mut client = connect(served.address("locker"));
    let long = "l".repeat(1_000);
    assert_eq!(lock_all(&mut client, &[&long, &"a".repeat(24 - SEPARATOR.len())]), OK);
    assert_eq!(
        lock_all(&mut client, &["o", &long, &"b".repeat(23 - 2 * SEPARATOR.len())]),
        SELF_HELD
    );
    assert_eq!(
        lock_all(&mut client, &["o", &long, &"b".repeat(24 - 2 * SEPARATOR.len())]),
        TOO_LARGE
    );
    assert!(is_closed(&mut client));
}

#[test]
fn waiters_of_a_page() {
    let served = Served::start(&["--only", "netmem", "--max-waiters", "2"]);
    let mut clients = [(); 4].map(|()| connect(served.address("netmem")));
    lock_page(&mut clients[0]);
    assert!(has_page(&mut clients[0]));
    // One of the three others is too many: whoever comes last, and that is not known.
    let [holder, waiters @ ..] = &mut clients;
    waiters.iter_mut().for_each(lock_page);
    let closed = closed_of(waiters);
    // An unlock without bytes sets the first of them free, and its unlock the second.
    let unlock = [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    holder.write_all(&unlock).unwrap();
    let mut left: Vec<_> = (0..3).filter(|at| *at != closed).collect();
    while !left.is_empty() {
        let next = first_granted(waiters, &left);
        assert!(has_page(&mut waiters[next]));
        waiters[next].write_all(&unlock).unwrap();
        left.retain(|at| *at != next);
    }
    let mut late = connect(served.address("netmem"));
    lock_page(&mut late);
    assert!(has_page(&mut late), "the page is free, and who was turned away does not hold it");
}

/// Which of them the server closes.
fn closed_of(clients: &[TcpStream]) -> usize {
    some_of(clients, &[0, 1, 2], |got| matches!(got, Ok(0)))
}

/// Which of them has something to read.
fn first_granted(clients: &[TcpStream], among: &[usize]) -> usize {
    some_of(clients, among, |got| matches!(got, Ok(1..)))
}

fn some_of(
    clients: &[TcpStream],
    among: &[usize],
    is_it: impl Fn(&std::io::Result<usize>) -> bool,
) -> usize {
    let mut found = None;
    let looked = crate::support::eventually(|| {
        found = among.iter().copied().find(|at| {
            clients[*at].set_nonblocking(true).unwrap();
            let got = clients[*at].peek(&mut [0]);
            clients[*at].set_nonblocking(false).unwrap();
            is_it(&got)
        });
        found.is_some()
    });
    assert!(looked, "none of {among:?}");
    found.unwrap()
}

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
