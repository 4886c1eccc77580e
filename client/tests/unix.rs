//! The clients over Unix sockets.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use lockproof_client::blocking::{go_on, open};
use lockproof_client::memcached::Meta;
use lockproof_client::{Address, Endpoint, connect, echo, locker, memcached, netmem};
use lockproof_protocol::locker::Outcome;
use lockproof_reference_server::{Embedded, EmbeddedConfig};
use tokio::runtime::Runtime;

/// Long enough never to be reached where it is not meant to be.
const PATIENCE: Duration = Duration::from_mins(1);

fn at(directory: &Path, name: &str) -> Endpoint {
    let text = format!("unix://{}", directory.join(name).display());
    text.parse::<Address>().expect("an address").into()
}

fn serve(runtime: &Runtime, directory: &Path) -> Embedded {
    let sockets = Some(directory.to_owned());
    let config = EmbeddedConfig { sockets, ..EmbeddedConfig::default() };
    runtime.block_on(Embedded::start(config)).expect("a directory of our own")
}

#[test]
fn blocking_clients_of_every_protocol_come_in() {
    let (runtime, directory) = (Runtime::new().expect("a runtime"), tempfile::tempdir().unwrap());
    let _server = serve(&runtime, directory.path());
    let open = |name| open(&at(directory.path(), name), PATIENCE, go_on).expect("it is served");
    let mut cache = memcached::blocking::Client::new(open("memcached.sock"), PATIENCE);
    let large = vec![b'v'; 1_000_000];
    cache.set(b"key", &large, Meta::default()).expect("stored");
    assert!(cache.get(b"key").expect("a hit").expect("there") == large);
    let mut pages = netmem::blocking::Client::connect(open("netmem.sock"), PATIENCE, go_on)
        .expect("a good handshake");
    pages.update(1, b"data", None).expect("written");
    assert_eq!(&pages.read(1).expect("a page").data[..4], b"data");
    let mut locks = locker::blocking::Client::new(open("locker.sock"), PATIENCE);
    assert_eq!(locks.get(b"name").expect("an answer"), Outcome::Ok);
    let mut echo = echo::blocking::Client::new(open("echo.sock"), PATIENCE);
    assert_eq!(&echo.send_bytes(b"hello").expect("an echo")[..], b"hello");
}

#[test]
fn an_async_client_comes_in() {
    let (runtime, directory) = (Runtime::new().expect("a runtime"), tempfile::tempdir().unwrap());
    let _server = serve(&runtime, directory.path());
    runtime.block_on(async {
        let stream = connect(&at(directory.path(), "memcached.sock"), PATIENCE).await;
        let mut cache = memcached::Client::new(stream.expect("it is served"), PATIENCE);
        cache.set(b"key", b"value", Meta::default()).await.expect("stored");
        assert_eq!(cache.get(b"key").await.expect("a hit").as_deref(), Some(&b"value"[..]));
    });
}

#[test]
fn a_socket_that_is_not_there_is_no_connection() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = at(directory.path(), "nowhere.sock");
    let error = open(&nowhere, PATIENCE, go_on).expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let runtime = Runtime::new().expect("a runtime");
    let error = runtime.block_on(connect(&nowhere, PATIENCE)).expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// A queue that nobody empties: the system lets a connect wait, and the limit holds.
#[test]
fn a_server_that_takes_nobody_is_a_timeout() {
    let directory = tempfile::tempdir().unwrap();
    let deaf = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    let path = socket2::SockAddr::unix(directory.path().join("deaf.sock")).expect("a short path");
    deaf.bind(&path).expect("a free name");
    deaf.listen(0).expect("it listens");
    let mut queued = Vec::new();
    let error = loop {
        match open(&at(directory.path(), "deaf.sock"), Duration::from_millis(100), go_on) {
            Ok(stream) => queued.push(stream),
            Err(error) => break error,
        }
        assert!(queued.len() < 100, "the queue never fills");
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}
