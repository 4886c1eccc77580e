//! The two ways to start all protocols at once.

mod common;

use std::time::Duration;

use common::{Client, LIMIT};
use lockproof_reference_server::{
    Embedded, EmbeddedConfig, Listen, SASL_PASSWORD, SASL_USER, Server, ServerConfig,
};
use tokio_util::sync::CancellationToken;

const NOOP: [u8; 24] = {
    let mut frame = [0; 24];
    frame[0] = 0x80;
    frame[1] = 0x0a;
    frame
};

const NOOP_REPLY: [u8; 24] = {
    let mut frame = NOOP;
    frame[0] = 0x81;
    frame
};

#[tokio::test]
async fn embedded_serves_every_protocol_and_stops() {
    let server = Embedded::start(EmbeddedConfig::default()).await.unwrap();
    Client::connect(server.memcached()).await.ask(&NOOP, &NOOP_REPLY).await;
    let parameters = [&[1][..], &16_u32.to_be_bytes(), &[0; 4], &64_u32.to_be_bytes()].concat();
    Client::connect(server.netmem()).await.ask(&[&[1][..], &[0; 12]].concat(), &parameters).await;
    let get = [&[127, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0][..], b"k"].concat();
    Client::connect(server.locker()).await.ask(&get, &[1, 0]).await;
    Client::connect(server.echo()).await.ask(b"hello\0", b"hello\0").await;

    let mut sasl = Client::connect(server.memcached_sasl()).await;
    let plain = format!("PLAIN\0{SASL_USER}\0{SASL_PASSWORD}");
    let length = u8::try_from(plain.len()).unwrap();
    let mut auth = vec![0x80, 0x21, 0, 5, 0, 0, 0, 0, 0, 0, 0, length];
    auth.extend([0; 12]);
    auth.extend(plain.as_bytes());
    sasl.send(&auth).await;
    assert_eq!(sasl.read(24 + 13).await[6..8], [0, 0]);
    sasl.ask(&NOOP, &NOOP_REPLY).await;

    let address = server.memcached();
    drop(sasl);
    tokio::time::timeout(LIMIT, server.stop()).await.expect("it stops");
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[test]
fn server_serves_what_has_an_address() {
    let any = || Some(Listen::Tcp("127.0.0.1:0".parse().unwrap()));
    let (memcached, echo) = (any(), any());
    let config = ServerConfig { memcached, echo, workers: 2, ..ServerConfig::default() };
    let runtime = config.runtime().unwrap();
    let server = Server::bind(config).unwrap();
    let addresses = server.addresses();
    assert_eq!((addresses.netmem, addresses.locker), (None, None));
    let shutdown = CancellationToken::new();
    let running = runtime.spawn(server.run(shutdown.clone()));
    runtime.block_on(async {
        Client::connect(addresses.memcached.unwrap().tcp().unwrap())
            .await
            .ask(&NOOP, &NOOP_REPLY)
            .await;
        Client::connect(addresses.echo.unwrap().tcp().unwrap()).await.ask(b"x", b"x").await;
        shutdown.cancel();
        tokio::time::timeout(LIMIT, running).await.expect("it stops").unwrap().unwrap();
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
}

#[test]
fn server_without_an_address_is_refused() {
    let error = Server::bind(ServerConfig::default()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = ServerConfig { locker: Some(address.into()), ..ServerConfig::default() };
    let error = Server::bind(config).unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}
