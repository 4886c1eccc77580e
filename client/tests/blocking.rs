//! What only a blocking client can do wrong: wait too long, wait for the wrong thing, or send into a
//! connection that has ended. What answers mean is seen in `played` and `memcached`.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lockproof_client::blocking::{connect, go_on};
use lockproof_client::memcached::{Command, Meta, Opcode, Outcome, blocking::Client, operation};
use lockproof_client::{Cause, Error, locker};

/// Long enough never to be reached where it is not meant to be.
const PATIENCE: Duration = Duration::from_mins(1);

const NOOP: u8 = 0x0a;

/// A client, and what a server's thread makes of its connection.
fn served<R: Send + 'static>(
    timeout: Duration,
    server: impl FnOnce(TcpStream) -> R + Send + 'static,
) -> (Client, JoinHandle<R>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let stream = connect(address, PATIENCE, go_on).expect("the listener is there");
    let (accepted, _) = listener.accept().expect("the client");
    (Client::new(stream, timeout), thread::spawn(move || server(accepted)))
}

/// Reads one request and returns its opcode, opaque and value.
fn asked(stream: &mut TcpStream) -> (u8, [u8; 4], Vec<u8>) {
    let mut header = [0; 24];
    stream.read_exact(&mut header).expect("a header");
    let length = |at: usize| usize::from(header[at]) << 8 | usize::from(header[at + 1]);
    let mut body = vec![0; length(8) << 16 | length(10)];
    stream.read_exact(&mut body).expect("a body");
    let value = body.split_off(usize::from(header[4]) + length(2));
    (header[1], header[12..16].try_into().expect("four bytes"), value)
}

/// A hit for a GET with that opaque.
fn hit(opaque: [u8; 4], value: &[u8]) -> Vec<u8> {
    let body = u32::try_from(value.len() + 4).expect("a short value").to_be_bytes();
    let header = [&[0x81, 0, 0, 0, 4, 0, 0, 0], &body[..], &opaque, &[0; 8]].concat();
    [&header[..], &[0; 4], value].concat()
}

#[test]
fn a_timeout_is_for_the_whole_answer_not_for_each_piece_of_it() {
    let limit = Duration::from_millis(300);
    let (mut client, server) = served(limit, |mut stream| {
        let (_, opaque, _) = asked(&mut stream);
        let reply = hit(opaque, &[b'v'; 2000]);
        // Two hundred seconds of dripping, and no pause as long as the limit.
        reply
            .iter()
            .take_while(|byte| {
                thread::sleep(Duration::from_millis(100));
                stream.write_all(&[**byte]).is_ok()
            })
            .count()
    });
    let begun = Instant::now();
    let found = client.get(b"key");
    assert!(matches!(found, Err(Error::Timeout { after, .. }) if after == limit), "{found:?}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(!client.is_open());
    assert!(server.join().expect("no panic") < 2000, "the client has closed");
}

#[test]
fn silence_is_a_timeout_and_says_whether_a_change_may_have_happened() {
    let limit = Duration::from_millis(50);
    let (mut client, server) = served(limit, |mut stream| stream.read_to_end(&mut Vec::new()));
    let stored = client.set(b"key", b"value", Meta::default());
    assert!(matches!(stored, Err(Error::Timeout { maybe_applied: true, .. })), "{stored:?}");
    let again = client.get(b"key");
    assert!(matches!(again, Err(Error::Closed { cause: Cause::Timeout })), "{again:?}");
    server.join().expect("no panic").expect("the client closes");
}

/// A server that does not read on before its replies are read: a client that first sends all and then
/// reads would wait for ever.
#[test]
fn a_long_batch_is_sent_and_read_at_the_same_time() {
    const KEYS: usize = 100_000;
    let (mut client, server) = served(PATIENCE, |mut stream| {
        loop {
            let (opcode, opaque, _) = asked(&mut stream);
            let mut reply = hit(opaque, &[b'v'; 100]);
            reply[1] = opcode;
            if opcode == NOOP {
                reply =
                    [&[0x81, NOOP, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &opaque[..], &[0; 8]].concat();
            }
            stream.write_all(&reply).expect("the client reads");
            if opcode == NOOP {
                return;
            }
        }
    });
    let get = |key: usize| {
        let key = format!("{key:0>200}").into();
        (Opcode::GETQ, 0, Command::Get { key })
    };
    let outcomes = client.quiet((0..KEYS).map(get).collect(), false).expect("a hit for each");
    assert_eq!(outcomes.len(), KEYS);
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Item(item) if item.value.len() == 100))
    );
    server.join().expect("no panic");
}

#[test]
fn operations_of_one_exchange_have_their_own_results_and_the_last_ones_its_end() {
    let (mut client, server) = served(PATIENCE, |mut stream| {
        let (_, first, _) = asked(&mut stream);
        let (_, second, _) = asked(&mut stream);
        asked(&mut stream);
        asked(&mut stream);
        let miss = [&[0x81, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9][..], &second, &[0; 8], b"Not found"];
        stream.write_all(&[hit(first, b"v"), miss.concat()].concat()).expect("the client reads");
    });
    let get = |key: &'static [u8]| operation::get(key.into()).map(|item| item.is_some());
    let set = operation::set("c".into(), "v".into(), Meta::default()).map(|_| true);
    let results = client.perform_all(vec![get(b"a"), get(b"b"), set, get(b"d")]);
    let [Ok(true), Ok(false), Err(set), Err(get)] = results.as_slice() else {
        panic!("{results:?}");
    };
    assert!(set.maybe_applied(), "{set}");
    assert!(matches!(get, Error::Transport { maybe_applied: false, .. }), "{get}");
    server.join().expect("no panic");
    assert!(!client.is_open());
}

#[test]
fn a_connection_that_ended_while_it_rested_sends_nothing() {
    let (mut client, server) = served(PATIENCE, |mut stream| {
        let (_, opaque, _) = asked(&mut stream);
        stream.write_all(&hit(opaque, b"v")).expect("the client reads");
    });
    assert_eq!(client.get(b"key").expect("a hit").as_deref(), Some(&b"v"[..]));
    server.join().expect("no panic");
    thread::sleep(Duration::from_millis(50));
    let stored = client.set(b"key", b"value", Meta::default());
    let Err(Error::Transport { source, maybe_applied: false }) = stored else {
        panic!("{stored:?}");
    };
    assert_eq!(source.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_lock_client_sees_the_end_of_its_connection_without_asking() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let stream = connect(address, PATIENCE, go_on).expect("the listener is there");
    let mut client = locker::blocking::Client::new(stream, PATIENCE);
    let (accepted, _) = listener.accept().expect("the client");
    assert!(!client.has_ended());
    drop(accepted);
    let begun = Instant::now();
    while !client.has_ended() {
        assert!(begun.elapsed() < PATIENCE, "the end is never seen");
        thread::yield_now();
    }
}

#[test]
fn nobody_there_is_a_refusal_and_a_deaf_address_a_timeout() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let refused = connect(address, PATIENCE, go_on).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    // A backlog that nobody empties: the system stops answering when it is full.
    let deaf = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    deaf.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    deaf.listen(0).expect("it listens");
    let address = deaf.local_addr().unwrap().as_socket().unwrap();
    let mut queued = Vec::new();
    let refused = loop {
        match connect(address, Duration::from_millis(100), go_on) {
            Ok(stream) => queued.push(stream),
            Err(error) => break error,
        }
        assert!(queued.len() < 100, "the backlog never fills");
    };
    assert_eq!(refused.kind(), ErrorKind::TimedOut);
}
