//! The clients by TLS: against the reference server, and against peers that a test plays by hand. Both shells do each.
//!
//! Leaves out what answers mean: `played` plays the conformance suite's cases over TLS as well.

mod certificates;
mod conversation;
mod handshake;
mod server;

use lockproof_client::blocking::{go_on, open};
use lockproof_client::memcached::{self, Command, Meta, Opcode, Outcome, Submission};
use lockproof_client::{Endpoint, connect, echo, locker, netmem};
use lockproof_protocol::locker::Outcome as LockOutcome;

use certificates::Authority;
use server::{PATIENCE, Server, by_tls};

/// A client of the blocking shell.
fn blocking(endpoint: &Endpoint) -> memcached::blocking::Client {
    let stream = open(endpoint, PATIENCE, go_on).expect("the server is there");
    memcached::blocking::Client::new(stream, PATIENCE)
}

#[test]
fn blocking_clients_of_every_protocol_speak_tls() {
    let authority = Authority::new();
    let server = Server::with(&authority.sign("server", "127.0.0.1"), None);
    let at = |address| {
        open(&by_tls(address, authority.root()), PATIENCE, go_on).expect("the server is there")
    };
    let mut cache = memcached::blocking::Client::new(at(server.embedded.memcached()), PATIENCE);
    cache.set(b"key", b"value", Meta::default()).expect("stored");
    assert_eq!(cache.get(b"key").expect("a hit").as_deref(), Some(&b"value"[..]));
    cache.quit().expect("a good-bye");
    let pages = netmem::blocking::Client::connect(at(server.embedded.netmem()), PATIENCE, go_on);
    let mut pages = pages.expect("a good handshake");
    pages.update(1, b"data", None).expect("written");
    assert_eq!(&pages.read(1).expect("a page").data[..4], b"data");
    let mut locks = locker::blocking::Client::new(at(server.embedded.locker()), PATIENCE);
    assert_eq!(locks.get(b"name").expect("an answer"), LockOutcome::Ok);
    let mut echo = echo::blocking::Client::new(at(server.embedded.echo()), PATIENCE);
    assert_eq!(&echo.send_bytes(b"hello").expect("an echo")[..], b"hello");
}

#[test]
fn async_clients_of_every_protocol_speak_tls() {
    let authority = Authority::new();
    let server = Server::with(&authority.sign("server", "127.0.0.1"), None);
    server.block_on(async {
        let at = async |address| {
            let opened = connect(&by_tls(address, authority.root()), PATIENCE).await;
            opened.expect("the server is there")
        };
        let mut cache = memcached::Client::new(at(server.embedded.memcached()).await, PATIENCE);
        cache.set(b"key", b"value", Meta::default()).await.expect("stored");
        assert_eq!(cache.get(b"key").await.expect("a hit").as_deref(), Some(&b"value"[..]));
        cache.quit().await.expect("a good-bye");
        let pages = netmem::Client::connect(at(server.embedded.netmem()).await, PATIENCE).await;
        let mut pages = pages.expect("a good handshake");
        pages.update(1, b"data", None).await.expect("written");
        assert_eq!(&pages.read(1).await.expect("a page").data[..4], b"data");
        let mut locks = locker::Client::new(at(server.embedded.locker()).await, PATIENCE);
        assert_eq!(locks.get(b"name").await.expect("an answer"), LockOutcome::Ok);
        let mut echo = echo::Client::new(at(server.embedded.echo()).await, PATIENCE);
        assert_eq!(&echo.send_bytes(b"hello").await.expect("an echo")[..], b"hello");
    });
}

/// As large as the server takes, and of no pattern that a mix-up of records would leave whole.
fn large() -> Vec<u8> {
    (0..1_000_000_u32).map(|i| i.wrapping_mul(i).to_be_bytes()[1]).collect()
}

#[test]
fn large_values_go_both_ways() {
    let authority = Authority::new();
    let server = Server::with(&authority.sign("server", "127.0.0.1"), None);
    let (endpoint, large) = (by_tls(server.embedded.memcached(), authority.root()), large());
    let mut client = blocking(&endpoint);
    for _ in 0..3 {
        client.set(b"large", &large, Meta::default()).expect("stored");
        assert!(client.get(b"large").expect("a hit").expect("there") == large);
    }
    server.block_on(async {
        let stream = connect(&endpoint, PATIENCE).await.expect("the server is there");
        let mut client = memcached::Client::new(stream, PATIENCE);
        assert!(client.get(b"large").await.expect("a hit").expect("there") == large);
        client.set(b"again", &large, Meta::default()).await.expect("stored");
        assert!(client.get(b"again").await.expect("a hit").expect("there") == large);
    });
}

/// Five thousand values of ten kilobytes: fifty megabytes of replies to one batch.
#[test]
fn batches_of_thousands_come_back_whole() {
    const KEYS: usize = 5000;
    let authority = Authority::new();
    let server = Server::with(&authority.sign("server", "127.0.0.1"), None);
    let endpoint = by_tls(server.embedded.memcached(), authority.root());
    let mut client = blocking(&endpoint);
    let value = &large()[..10_000];
    client.set(b"key", value, Meta::default()).expect("stored");
    let requests = || (0..KEYS).map(|_| get("key")).collect();
    let whole = |outcomes: Vec<Outcome>| {
        assert_eq!(outcomes.len(), KEYS);
        let is_whole =
            |outcome: &Outcome| matches!(outcome, Outcome::Item(item) if item.value == value);
        assert!(outcomes.iter().all(is_whole));
    };
    whole(client.quiet(requests(), false).expect("a hit for each"));
    server.block_on(async {
        let stream = connect(&endpoint, PATIENCE).await.expect("the server is there");
        let mut client = memcached::Client::new(stream, PATIENCE);
        whole(client.quiet(requests(), false).await.expect("a hit for each"));
    });
}

fn get(key: &str) -> Submission {
    (Opcode::GETQ, 0, Command::Get { key: key.to_owned().into() })
}
