//! The recording proxy: what went through it is a session that another server passes as it stands.

use std::net::SocketAddr;
use std::time::Duration;

use lockproof_conformance::record::record;
use lockproof_conformance::replay::{Delivery, Options, TcpWorld, play};
use lockproof_conformance::session::{Scope, Session};
use lockproof_conformance::stage::Stage;
use lockproof_conformance::target::Target;
use lockproof_conformance::wire::{Codec, Protocol};
use lockproof_reference_server::{Embedded, EmbeddedConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const OPTIONS: Options =
    Options { delivery: Delivery::Whole, timeout: Duration::from_secs(10), seed: 7 };

async fn embedded() -> Embedded {
    Embedded::start(EmbeddedConfig::default()).await.expect("ports")
}

fn address(server: &Embedded, protocol: Protocol) -> SocketAddr {
    match protocol {
        Protocol::Memcached | Protocol::Text | Protocol::Meta => server.memcached(),
        Protocol::NetMem => server.netmem(),
        Protocol::Locker => server.locker(),
        Protocol::Echo => server.echo(),
    }
}

/// Runs `client` against a recorder in front of `upstream`; the session that the recorder writes.
async fn recorded<F: Future<Output = ()>>(
    upstream: SocketAddr,
    protocol: Protocol,
    client: impl FnOnce(SocketAddr) -> F,
) -> Session {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let front = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let upstream = upstream.into();
    let recording = record(listener, &upstream, Codec::new(protocol), async {
        let _ = stopped.await;
    });
    let clients = async {
        client(front).await;
        stop.send(()).expect("the recorder runs");
    };
    let (session, ()) = tokio::join!(recording, clients);
    session.expect("a session")
}

/// Plays a session's steps through the recorder, then what was recorded against a fresh server.
async fn record_and_replay(protocol: Protocol, steps: &str) -> String {
    let text = format!("case {}/record/live\nlevel must\nconn A\n\n{steps}", protocol.name());
    let live = Session::parse(&text).expect("a session");
    let server = embedded().await;
    let session = recorded(address(&server, protocol), protocol, |front| async move {
        let played =
            play(&live, &TcpWorld::new(front), Codec::new(protocol), Scope::default(), OPTIONS)
                .await;
        assert!(played.failure.is_none(), "live: {:?}", played.failure);
    })
    .await;
    server.stop().await;
    let text = session.to_string();
    let reread = Session::parse(&text).expect("a session");
    assert_eq!(reread.to_string(), text, "canonical");
    replay(protocol, &reread).await;
    text
}

async fn replay(protocol: Protocol, session: &Session) {
    let fresh = embedded().await;
    let url = format!("{}://{}", protocol.name(), address(&fresh, protocol));
    let stage = Stage::new(Target::parse(&url).expect("a target"), OPTIONS.timeout)
        .await
        .expect("a server");
    for delivery in [Delivery::Whole, Delivery::Bytes] {
        let played = stage.play(session, Options { delivery, ..OPTIONS }).await;
        let failure = played
            .failure
            .map(|failure| format!("{} at {}: {}", delivery.name(), failure.step, failure.problem));
        assert!(failure.is_none(), "{session}\n{failure:?}");
        if protocol == Protocol::Memcached || protocol == Protocol::NetMem {
            // The second delivery would find what the first one stored.
            break;
        }
    }
    fresh.stop().await;
}

#[tokio::test]
async fn memcached_traffic_becomes_a_session_that_passes() {
    let text = record_and_replay(
        Protocol::Memcached,
        "A> set key=\"k\" value=\"v\" flags=7 exp=100\n\
         A< ok set cas=$c\n\
         A> get key=\"k\" | split 3 *\n\
         A< ok get value=\"v\" flags=7 cas=$c\n\
         A> getq key=\"gone\" | more\n\
         A> getq key=\"k\" @1 | more\n\
         A> noop\n\
         A< ok getq value=\"v\" flags=7 @1\n\
         A< ok noop\n\
         open B\n\
         B> set key=\"k\" value=\"w\" cas=$c\n\
         B< ok set cas=$d\n\
         A> delete key=\"k\" cas=$c\n\
         A< key_exists delete\n\
         A> version\n\
         A< ok version value=*\n\
         A> stat\n\
         A< stats pid=*\n\
         B> quit\n\
         B< ok quit\n\
         B< closed\n\
         close A\n",
    )
    .await;
    assert!(text.contains("A> delete key=\"k\" cas=$c1\nA< key_exists delete\n"), "{text}");
    assert!(text.contains("A< ok version value=*\n"), "{text}");
    assert!(text.contains("A< stats pid=/^\\d+$/"), "{text}");
}

#[tokio::test]
async fn netmem_traffic_becomes_a_session_that_passes() {
    let text = record_and_replay(
        Protocol::NetMem,
        "A> params\n\
         A< params pages=* length=*\n\
         A> lock page=2\n\
         A< lock version=$v data=*\n\
         open B\n\
         B> lock page=2\n\
         B quiet 50ms\n\
         A> unlock page=2 data=\"new\"\n\
         A< unlock version=*\n\
         B< lock version=* data=*\n\
         B> unlock page=2\n\
         B< unlock version=*\n\
         A> update page=3 version=9 data=rep(\"z\",64)\n\
         A< update version=9\n\
         A> read page=3 version=9\n\
         A< read version=9\n\
         A> read page=99\n\
         A< no_such_page\n\
         close B\n\
         close A\n",
    )
    .await;
    assert!(text.contains("B> lock page=2\nB quiet 100ms\n"), "{text}");
    assert!(text.contains("A< unlock version=$v1+1\n"), "{text}");
}

#[tokio::test]
async fn locker_traffic_becomes_a_session_that_passes() {
    let text = record_and_replay(
        Protocol::Locker,
        "A> batch_get \"a\" \"b\"\n\
         A< ok batch_get\n\
         open B\n\
         B> get \"a\"\n\
         B< busy get\n\
         reset A\n\
         B> query \"never\"\n\
         B< ok query\n\
         close B\n",
    )
    .await;
    assert!(text.contains("A> batch_get \"a\" \"b\"\nA< ok batch_get\n"), "{text}");
    assert!(text.contains("\nreset A\n"), "{text}");
}

#[tokio::test]
async fn echo_traffic_becomes_a_session_that_passes() {
    let text = record_and_replay(
        Protocol::Echo,
        "A> \"hello\\0\"\n\
         A< \"hello\\0\"\n\
         A> rep(\"ab\",600)\n\
         A< rep(\"ab\",600)\n\
         finish A\n\
         A< closed\n",
    )
    .await;
    assert!(text.contains("A> rep(\"ab\",600)\nA< rep(\"ab\",600)\n"), "{text}");
}

#[tokio::test]
async fn a_half_close_and_its_late_answer_pass_through() {
    // The upstream answers only once it has seen the end of the stream.
    let upstream = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = upstream.local_addr().expect("an address");
    let server = tokio::spawn(async move {
        let (mut stream, _) = upstream.accept().await.expect("a client");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.expect("an end of stream");
        stream.write_all(&all).await.expect("a client that reads");
    });
    let session = recorded(address, Protocol::Echo, |front| async move {
        let mut stream = TcpStream::connect(front).await.expect("the recorder");
        stream.write_all(b"late\0").await.expect("the recorder");
        stream.shutdown().await.expect("the recorder");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.expect("an end of stream");
        assert_eq!(all, b"late\0");
    })
    .await;
    server.await.expect("no panic");
    assert!(
        session.to_string().ends_with("A> \"late\\0\"\nfinish A\nA< \"late\\0\"\nA< closed\n"),
        "{session}"
    );
}

#[tokio::test]
async fn a_reset_of_the_server_reaches_the_client() {
    let upstream = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = upstream.local_addr().expect("an address");
    let server = tokio::spawn(async move {
        let (stream, _) = upstream.accept().await.expect("a client");
        stream.peek(&mut [0]).await.expect("bytes");
        // Closed with bytes unread: that is a reset.
    });
    let session = recorded(address, Protocol::Echo, |front| async move {
        let mut stream = TcpStream::connect(front).await.expect("the recorder");
        stream.write_all(b"x").await.expect("the recorder");
        let error = stream.read_u8().await.expect_err("a reset");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    })
    .await;
    server.await.expect("no panic");
    assert!(session.to_string().ends_with("A> \"x\"\nA< closed\n"), "{session}");
}

#[tokio::test]
async fn an_upstream_that_is_down_is_part_of_the_recording() {
    let unused = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = unused.local_addr().expect("an address");
    drop(unused);
    let session = recorded(address, Protocol::Echo, |front| async move {
        let mut stream = TcpStream::connect(front).await.expect("the recorder");
        let mut all = Vec::new();
        assert_eq!(stream.read_to_end(&mut all).await.unwrap_or_default(), 0);
    })
    .await;
    assert!(session.to_string().ends_with("conn   A\n\nA< closed\n"), "{session}");
}
