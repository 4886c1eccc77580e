//! Who comes in, who does not, and what is said of it.

use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use lockproof_client::blocking::{go_on, open};
use lockproof_client::{Address, Endpoint, Error, Tls, TlsError, TlsFiles, connect, memcached};
use lockproof_reference_server::EmbeddedConfig;
use tokio::runtime::Runtime;

use crate::certificates::{Authority, Identity};
use crate::server::{PATIENCE, Server, by, by_tls, plain, play_socket};

/// What each shell says of a server where it does not come in: at the handshake, or at its first request.
fn refusals(endpoint: &Endpoint) -> [String; 2] {
    let blocking = open(endpoint, PATIENCE, go_on)
        .map_err(|error| error.to_string())
        .and_then(|stream| said(memcached::blocking::Client::new(stream, PATIENCE).noop()));
    let shaken = Runtime::new().expect("a runtime").block_on(async {
        let stream = connect(endpoint, PATIENCE).await.map_err(|error| error.to_string())?;
        said(memcached::Client::new(stream, PATIENCE).noop().await)
    });
    [blocking, shaken].map(|outcome| outcome.expect_err("nobody comes in here"))
}

fn said(outcome: Result<(), Error>) -> Result<(), String> {
    outcome.map_err(|error| error.to_string())
}

fn comes_in(endpoint: &Endpoint) {
    crate::blocking(endpoint).noop().expect("an answer");
    Runtime::new().expect("a runtime").block_on(async {
        let stream = connect(endpoint, PATIENCE).await.expect("the server is there");
        memcached::Client::new(stream, PATIENCE).noop().await.expect("an answer");
    });
}

#[test]
fn nobody_is_trusted_by_mistake() {
    let (authority, another) = (Authority::new(), Authority::new());
    let good = Server::with(&authority.sign("server", "127.0.0.1"), None);
    let expired = Server::with(&authority.sign_expired("expired", "127.0.0.1"), None);
    let elsewhere = Server::with(&authority.sign("elsewhere", "example.org"), None);
    let at = |server: &Server, root: &Authority| by_tls(server.embedded.memcached(), root.root());
    for (endpoint, problem, advice) in [
        (at(&good, &another), "no root that is trusted here", "name the file of its root (cafile)"),
        (at(&expired, &authority), "expired", "it must be renewed, or the clock"),
        (at(&elsewhere, &authority), "only valid for DnsName(\"example.org\")", "(server_name)"),
    ] {
        for said in refusals(&endpoint) {
            let whole = said.contains(problem) && said.contains(advice);
            assert!(whole && said.contains("the server's certificate is not accepted"), "{said}");
        }
    }
    comes_in(&at(&good, &authority));
    // The same one by its right name.
    let files = TlsFiles {
        roots: Some(authority.root()),
        server_name: Some("example.org".to_owned()),
        ..TlsFiles::default()
    };
    comes_in(&by(elsewhere.embedded.memcached(), &files));
}

#[test]
fn clients_show_a_certificate_where_that_is_wanted() {
    let (authority, clients, another) = (Authority::new(), Authority::new(), Authority::new());
    let server = Server::with(&authority.sign("server", "127.0.0.1"), Some(&clients));
    let shown = |shown: Option<Identity>| {
        let (certificate, key) = shown.map(|it| (it.certificate, it.key)).unzip();
        let roots = Some(authority.root());
        by(server.embedded.memcached(), &TlsFiles { roots, certificate, key, server_name: None })
    };
    let good = clients.sign("client", "me");
    comes_in(&shown(Some(good.clone())));
    // Both in one file, as other programs have it.
    let read = |path| std::fs::read_to_string(path).expect("a file");
    let both = clients.file("both.pem", &(read(&good.certificate) + &read(&good.key)));
    let files =
        TlsFiles { roots: Some(authority.root()), certificate: Some(both), ..TlsFiles::default() };
    comes_in(&by(server.embedded.memcached(), &files));
    for (endpoint, problem) in [
        (shown(None), "the server wants a certificate of its clients"),
        (shown(Some(clients.sign_expired("old", "me"))), "CertificateExpired"),
        (shown(Some(another.sign("other", "me"))), "does not accept this client's certificate"),
    ] {
        for said in refusals(&endpoint) {
            assert!(said.contains(problem), "{said}");
        }
    }
}

/// The server says why, and takes nothing more: that the rest could not be sent is not the news.
#[test]
fn who_is_refused_in_the_middle_of_a_long_request_is_told_why() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = Server::with(&authority.sign("server", "127.0.0.1"), Some(&clients));
    let endpoint = by_tls(server.embedded.memcached(), authority.root());
    let (long, meta) = (vec![0; 20_000_000], memcached::Meta::default());
    let runtime = Runtime::new().expect("a runtime");
    for _ in 0..10 {
        let blocking = crate::blocking(&endpoint).set(b"key", &long, meta);
        let shaken = runtime.block_on(async {
            let stream = connect(&endpoint, PATIENCE).await.expect("the server is there");
            memcached::Client::new(stream, PATIENCE).set(b"key", &long, meta).await
        });
        for outcome in [blocking, shaken] {
            let said = outcome.expect_err("nobody comes in here").to_string();
            assert!(said.contains("the server wants a certificate of its clients"), "{said}");
        }
    }
}

#[test]
fn a_server_that_speaks_no_tls_is_told_from_one_that_is_not_trusted() {
    let authority = Authority::new();
    let server = Server::start(EmbeddedConfig::default());
    for said in refusals(&by_tls(server.embedded.memcached(), authority.root())) {
        assert!(said.contains("perhaps it speaks no"), "{said}");
    }
    // Echo gives the client's own first words back.
    for said in refusals(&by_tls(server.embedded.echo(), authority.root())) {
        assert!(said.contains("TLS"), "{said}");
    }
}

#[test]
fn a_plain_client_of_a_server_with_tls_is_told_something() {
    let authority = Authority::new();
    let server = Server::with(&authority.sign("server", "127.0.0.1"), None);
    for said in refusals(&plain(server.embedded.memcached())) {
        assert!(!said.is_empty(), "{said}");
    }
}

/// A peer that says nothing, and one that says too little for ever: the limit is for the whole of the handshake.
#[test]
fn a_handshake_that_stalls_is_given_up_in_time() {
    let limit = Duration::from_millis(300);
    let authority = Authority::new();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent = by_tls(silent.local_addr().expect("an address"), authority.root());
    let dripping = || {
        play_socket(&authority, |mut socket| {
            // The beginning of a record that is announced to be long.
            let bytes = [0x16, 3, 3, 0x3f, 0xff].into_iter().chain(std::iter::repeat(0));
            for byte in bytes {
                thread::sleep(Duration::from_millis(50));
                if socket.write_all(&[byte]).is_err() {
                    return;
                }
            }
        })
    };
    let (first, second) = (dripping(), dripping());
    for endpoint in [&silent, &first.endpoint] {
        let error = open(endpoint, limit, go_on).expect_err("no handshake");
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    }
    Runtime::new().expect("a runtime").block_on(async {
        for endpoint in [&silent, &second.endpoint] {
            let error = connect(endpoint, limit).await.expect_err("no handshake");
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        }
    });
    first.thread.join().expect("the client has closed");
    second.thread.join().expect("the client has closed");
}

#[test]
fn files_that_are_wrong_are_named() {
    let authority = Authority::new();
    let (one, other) = (authority.sign("one", "a"), authority.sign("other", "b"));
    let junk = authority.file("junk.pem", "no certificate");
    let key_of = |certificate: &Identity, key: &Identity| TlsFiles {
        roots: Some(authority.root()),
        certificate: Some(certificate.certificate.clone()),
        key: Some(key.key.clone()),
        ..TlsFiles::default()
    };
    let rooted = |roots: &str| TlsFiles { roots: Some(roots.into()), ..TlsFiles::default() };
    let mut alone = key_of(&one, &one);
    alone.certificate = None;
    let mut keyless = key_of(&one, &one);
    keyless.key = None;
    let mut nameless = rooted(authority.root().to_str().expect("text"));
    nameless.server_name = Some("no name".to_owned());
    for (files, problem) in [
        (rooted("/nowhere.pem"), "/nowhere.pem: it cannot be read: No such file"),
        (rooted(junk.to_str().expect("text")), "junk.pem: a certificate in PEM is wanted"),
        (rooted(one.key.to_str().expect("text")), "one.key: a certificate in PEM is wanted"),
        (key_of(&one, &other), "one.pem: not with this key: "),
        (keyless, "one.pem: a private key without a password in PEM is wanted"),
        (alone, "a key is of use with its certificate only"),
        (nameless, "\"no name\" is no name that a certificate could have"),
    ] {
        let error = Tls::load(&files).expect_err(problem).to_string();
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn a_unix_socket_has_no_tls() {
    let authority = Authority::new();
    let files = TlsFiles { roots: Some(authority.root()), ..TlsFiles::default() };
    let tls = Tls::load(&files).expect("a root");
    let address: Address = "unix:///run/memcached.sock".parse().expect("an address");
    let refused = Endpoint::from(address).with_tls(&tls);
    assert!(matches!(refused, Err(TlsError::Unix)), "{refused:?}");
}
