//! What peers do after a good handshake: end, stall, drip, and not read before they are read.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use lockproof_client::blocking::{go_on, open};
use lockproof_client::memcached::{self, Meta, Outcome, Submission};
use lockproof_client::{Cause, Endpoint, Error, connect, locker};
use tokio::runtime::Runtime;

use crate::certificates::Authority;
use crate::server::{PATIENCE, Played, Secured, asked, play, reply};
use crate::{blocking, get};

const NOOP: u8 = 0x0a;

/// One call in the async shell.
fn in_async<R>(
    endpoint: &Endpoint,
    timeout: Duration,
    call: impl AsyncFnOnce(&mut memcached::Client<lockproof_client::Stream>) -> R,
) -> R {
    Runtime::new().expect("a runtime").block_on(async {
        let stream = connect(endpoint, PATIENCE).await.expect("the peer is there");
        call(&mut memcached::Client::new(stream, timeout)).await
    })
}

/// A server that does not read on before its replies are read: who first sends all and then reads waits for ever.
fn one_by_one(mut stream: Secured) {
    loop {
        let (opcode, opaque) = asked(&mut stream);
        let value: &[u8] = if opcode == NOOP { &[] } else { &[b'v'; 100] };
        stream.write_all(&reply(opcode, opaque, value)).expect("the client reads");
        if opcode == NOOP {
            return;
        }
    }
}

#[test]
fn a_long_batch_is_sent_and_read_at_the_same_time() {
    const KEYS: usize = 100_000;
    let authority = Authority::new();
    let requests =
        || -> Vec<Submission> { (0..KEYS).map(|key| get(&format!("{key:0>200}"))).collect() };
    let whole = |outcomes: Vec<Outcome>| {
        assert_eq!(outcomes.len(), KEYS);
        let is_hit =
            |outcome: &Outcome| matches!(outcome, Outcome::Item(item) if item.value.len() == 100);
        assert!(outcomes.iter().all(is_hit));
    };
    let server = play(&authority, one_by_one);
    whole(blocking(&server.endpoint).quiet(requests(), false).expect("a hit for each"));
    server.thread.join().expect("no panic");
    let server = play(&authority, one_by_one);
    let outcomes = in_async(&server.endpoint, PATIENCE, async |client| {
        client.quiet(requests(), false).await.expect("a hit for each")
    });
    whole(outcomes);
    server.thread.join().expect("no panic");
}

/// Half of a reply, and then what `end` does.
fn dies(authority: &Authority, end: impl FnOnce(&mut Secured) + Send + 'static) -> Played<()> {
    play(authority, |mut stream| {
        let (opcode, opaque) = asked(&mut stream);
        let reply = reply(opcode, opaque, &[b'v'; 1000]);
        stream.write_all(&reply[..500]).expect("the client reads");
        end(&mut stream);
    })
}

#[test]
fn a_peer_that_dies_in_mid_reply_is_a_failure_and_no_answer() {
    let authority = Authority::new();
    let said_goodbye = |stream: &mut Secured| {
        stream.conn.send_close_notify();
        stream.flush().expect("the client is there");
    };
    for died in [dies(&authority, |_| {}), dies(&authority, said_goodbye)] {
        let got = blocking(&died.endpoint).get(b"key");
        let Err(Error::Transport { source, .. }) = got else { panic!("{got:?}") };
        assert_eq!(source.kind(), ErrorKind::UnexpectedEof);
        died.thread.join().expect("no panic");
    }
    for died in [dies(&authority, |_| {}), dies(&authority, said_goodbye)] {
        let got = in_async(&died.endpoint, PATIENCE, async |client| client.get(b"key").await);
        assert!(matches!(got, Err(Error::Transport { .. })), "{got:?}");
        died.thread.join().expect("no panic");
    }
}

#[test]
fn bytes_that_are_no_record_end_the_connection() {
    let authority = Authority::new();
    let spoils = |mut stream: Secured| {
        asked(&mut stream);
        stream.sock.write_all(&[0x17, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).expect("sent");
        stream.sock.write_all(&[0; 10]).expect("sent");
        let _ = stream.read_to_end(&mut Vec::new());
    };
    let server = play(&authority, spoils);
    let mut client = blocking(&server.endpoint);
    let stored = client.set(b"key", b"value", Meta::default());
    assert!(matches!(stored, Err(Error::Transport { maybe_applied: true, .. })), "{stored:?}");
    assert!(!client.is_open());
    server.thread.join().expect("no panic");
}

#[test]
fn a_timeout_is_for_the_whole_answer_also_where_records_drip() {
    let limit = Duration::from_millis(300);
    let authority = Authority::new();
    let drips = |mut stream: Secured| {
        asked(&mut stream);
        // A record that is never whole, and no pause as long as the limit.
        let bytes = [0x17, 3, 3, 0x3f, 0xff].into_iter().chain(std::iter::repeat(0));
        for byte in bytes {
            thread::sleep(Duration::from_millis(100));
            if stream.sock.write_all(&[byte]).is_err() {
                return;
            }
        }
    };
    let dripping = play(&authority, drips);
    let stream = open(&dripping.endpoint, PATIENCE, go_on).expect("the peer is there");
    let mut client = memcached::blocking::Client::new(stream, limit);
    let begun = Instant::now();
    let stored = client.set(b"key", b"value", Meta::default());
    assert!(matches!(stored, Err(Error::Timeout { maybe_applied: true, .. })), "{stored:?}");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let again = client.get(b"key");
    assert!(matches!(again, Err(Error::Closed { cause: Cause::Timeout })), "{again:?}");
    dripping.thread.join().expect("the client has closed");
    let dripping = play(&authority, drips);
    let got = in_async(&dripping.endpoint, limit, async |client| client.get(b"key").await);
    assert!(matches!(got, Err(Error::Timeout { .. })), "{got:?}");
    dripping.thread.join().expect("the client has closed");
}

/// A server that takes nothing at all: what is left over at the timeout must not be sent after it.
#[test]
fn a_server_that_does_not_read_is_a_timeout() {
    let authority = Authority::new();
    let (give_up, wait) = std::sync::mpsc::channel::<()>();
    let deaf = play(&authority, move |mut stream| {
        stream.conn.complete_io(&mut stream.sock).expect("a handshake");
        let _ = wait.recv();
    });
    let stream = open(&deaf.endpoint, PATIENCE, go_on).expect("the peer is there");
    let mut client = memcached::blocking::Client::new(stream, Duration::from_millis(200));
    let stored = client.set(b"key", &vec![0; 50_000_000], Meta::default());
    assert!(matches!(stored, Err(Error::Timeout { maybe_applied: true, .. })), "{stored:?}");
    drop(give_up);
    deaf.thread.join().expect("no panic");
}

#[test]
fn a_connection_that_ended_while_it_rested_sends_nothing() {
    let authority = Authority::new();
    let (tell, told) = std::sync::mpsc::channel();
    let ends = move |mut stream: Secured| {
        let (opcode, opaque) = asked(&mut stream);
        stream.write_all(&reply(opcode, opaque, b"v")).expect("the client reads");
        // The end of the session, before that of the socket.
        stream.conn.send_close_notify();
        stream.flush().expect("the client is there");
        tell.send(()).expect("the test waits");
        let mut rest = Vec::new();
        let _ = stream.sock.read_to_end(&mut rest);
        rest.len()
    };
    let ended = play(&authority, ends);
    let mut client = blocking(&ended.endpoint);
    assert_eq!(client.get(b"key").expect("a hit").as_deref(), Some(&b"v"[..]));
    told.recv().expect("the peer has ended");
    thread::sleep(Duration::from_millis(50));
    let stored = client.set(b"key", b"value", Meta::default());
    let Err(Error::Transport { source, maybe_applied: false }) = stored else {
        panic!("{stored:?}");
    };
    assert_eq!(source.kind(), ErrorKind::UnexpectedEof);
    // A farewell at most: no request.
    assert!(ended.thread.join().expect("no panic") < 40);
}

/// A server gives tickets after the handshake, which nobody has asked for, and then it is gone.
#[test]
fn an_end_behind_matters_of_tls_is_seen_at_once() {
    let authority = Authority::new();
    let server = play(&authority, |mut stream| {
        stream.conn.complete_io(&mut stream.sock).expect("a handshake");
        stream.flush().expect("the client is there");
    });
    let stream = open(&server.endpoint, PATIENCE, go_on).expect("the peer is there");
    server.thread.join().expect("no panic");
    thread::sleep(Duration::from_millis(50));
    let mut client = locker::blocking::Client::new(stream, PATIENCE);
    assert!(client.has_ended());
}

#[test]
fn a_client_that_goes_says_so_and_one_that_is_watched_is_seen() {
    let authority = Authority::new();
    let (close, closed) = std::sync::mpsc::channel::<()>();
    let server = play(&authority, move |mut stream| {
        let (opcode, opaque) = asked(&mut stream);
        stream.write_all(&reply(opcode, opaque, b"v")).expect("the client reads");
        closed.recv().expect("a word");
        stream.read_to_end(&mut Vec::new()).expect("an end that is no cut");
    });
    let stream = open(&server.endpoint, PATIENCE, go_on).expect("the peer is there");
    let watch = stream.watch();
    let mut client = memcached::blocking::Client::new(stream, PATIENCE);
    client.get(b"key").expect("a hit");
    // Tickets and the like may lie there unread: that is no end.
    assert!(watch.is_connected());
    drop(client);
    assert!(!watch.is_connected());
    close.send(()).expect("the peer waits");
    server.thread.join().expect("no panic");
}

#[test]
fn a_watch_sees_the_end_behind_bytes_that_nobody_has_read() {
    let authority = Authority::new();
    let server = play(&authority, |mut stream| {
        let (opcode, opaque) = asked(&mut stream);
        stream.write_all(&reply(opcode, opaque, b"v")).expect("the client reads");
        stream.conn.send_close_notify();
        stream.flush().expect("the client is there");
        stream.sock.shutdown(Shutdown::Both).expect("it is open");
    });
    let stream = open(&server.endpoint, PATIENCE, go_on).expect("the peer is there");
    let watch = stream.watch();
    let mut client = memcached::blocking::Client::new(stream, PATIENCE);
    client.get(b"key").expect("a hit");
    server.thread.join().expect("no panic");
    let begun = Instant::now();
    while watch.is_connected() {
        assert!(begun.elapsed() < PATIENCE, "the end is never seen");
        thread::yield_now();
    }
    drop(client);
}
