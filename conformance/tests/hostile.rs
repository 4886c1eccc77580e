//! Whatever bytes come, from a server, in a session file or through the recorder: no panic, and an end.

use std::sync::Arc;
use std::time::Duration;

use lockproof_conformance::record::record;
use lockproof_conformance::replay::{Delivery, Monologue, Options, Played, World, play};
use lockproof_conformance::session::{Datum, Scope, Session};
use lockproof_conformance::suite::{self, Case};
use lockproof_conformance::wire::{Codec, Protocol};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// Groups that send megabytes: what they would show here the others show too.
const LARGE: [&str; 6] = ["robustness", "concurrency", "clients", "lim", "con", "limits"];

/// With this seed the first opaques are multiples of [`OPAQUE_STEP`].
const SEED: u64 = 0;
const OPAQUE_STEP: u32 = 0x9e37_79b1;

/// More than any case waits, and its time limits.
const LONGEST: Duration = Duration::from_mins(10);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn cases(protocol: Protocol) -> Vec<Arc<Case>> {
    let small = |case: &Arc<Case>| {
        let group = case.id().split('/').nth(1).expect("PROTOCOL/GROUP/NAME");
        case.protocol() == protocol && !LARGE.contains(&group)
    };
    suite::all().expect("the suite").into_iter().filter(small).collect()
}

/// Plays a session against a server that says these bytes; how much time it took the player.
fn heard(session: &Session, delivery: Delivery, bytes: &[u8], ends: bool) -> (Played, Duration) {
    let world = Monologue::new(bytes, ends);
    let mut scope = Scope { page_length: 64, ..Scope::default() };
    let own = session.own_keys.iter().map(|name| (name.clone(), Datum::Bytes(b"key".to_vec())));
    scope.vars.extend(own);
    let pages = session.own_pages.iter().map(|name| (name.clone(), Datum::Number(1)));
    scope.vars.extend(pages);
    let limits = ["pages", "length", "max_value", "max_body", "max_keys", "max_key"];
    scope.vars.extend(limits.map(|name| (name.to_owned(), Datum::Number(64))));
    let options = Options { delivery, timeout: Duration::from_secs(5), seed: SEED };
    let codec = Codec::new(session.header.protocol());
    let played = runtime().block_on(play(session, &world, codec, scope, options));
    (played, world.now())
}

/// Replies that are nearly right, which go further than noise.
fn reply(protocol: Protocol) -> BoxedStrategy<Vec<u8>> {
    let word = || prop_oneof![Just(0_u32), Just(1), Just(8), Just(u32::MAX), any::<u32>()];
    match protocol {
        Protocol::Memcached => {
            let opaque = (1..6_u32).prop_map(|times| OPAQUE_STEP.wrapping_mul(times));
            let status = select(vec![0_u16, 1, 2, 4, 5, 0x81, 0xffff]);
            let parts = (0..0x24_u8, status, 0..3_u16, 0..9_u8, 0..20_u32, opaque, word());
            parts
                .prop_map(|(opcode, status, key, extras, more, opaque, cas)| {
                    let body = u32::from(key) + u32::from(extras) + more;
                    let mut bytes = vec![0x81, opcode];
                    bytes.extend(key.to_be_bytes());
                    bytes.extend([extras, 0]);
                    bytes.extend(status.to_be_bytes());
                    bytes.extend(body.to_be_bytes());
                    bytes.extend(opaque.to_be_bytes());
                    bytes.extend(u64::from(cas).to_be_bytes());
                    bytes.resize(24 + body as usize, b'k');
                    bytes
                })
                .boxed()
        }
        Protocol::NetMem => (0..8_u8, word(), 0..80_u32, word())
            .prop_map(|(code, page, length, version)| {
                let words = [page.to_be_bytes(), length.to_be_bytes(), version.to_be_bytes()];
                let mut bytes = [&[code], words.concat().as_slice()].concat();
                bytes.resize(13 + length as usize, 0);
                bytes
            })
            .boxed(),
        Protocol::Locker => {
            (0..8_u8, 0..9_u8).prop_map(|(cmd, outcome)| vec![cmd, outcome]).boxed()
        }
        Protocol::Text | Protocol::Meta => {
            let lines = ["END", "STORED", "HD", "MN", "VERSION 1.2.3", "ERROR", "VA 2 t-1\r\nab"];
            let more = ["VALUE key 0 1\r\nv", "VALUE key 0 4294967295", "VA x", "EN", "5"];
            let line = select([&lines[..], &more[..]].concat());
            line.prop_map(|line| format!("{line}\r\n").into_bytes()).boxed()
        }
        Protocol::Echo => {
            select(vec![&b"hello\0"[..], b"a", b"\0"]).prop_map(<[u8]>::to_vec).boxed()
        }
    }
}

fn speech(protocol: Protocol) -> impl Strategy<Value = Vec<u8>> {
    let noise = vec(any::<u8>(), 0..200);
    prop_oneof![
        noise.clone(),
        vec(reply(protocol), 0..12).prop_map(|replies| replies.concat()),
        (vec(reply(protocol), 0..6), noise)
            .prop_map(|(replies, noise)| [replies.concat(), noise].concat()),
    ]
}

/// Every protocol's cases against that protocol's speeches.
fn ends_whatever_is_said(protocol: Protocol) {
    let strategy =
        (select(cases(protocol)), select(Delivery::ALL.to_vec()), speech(protocol), any::<bool>());
    proptest!(ProptestConfig::with_cases(1000), |((case, delivery, bytes, ends) in strategy)| {
        let (played, took) = heard(&case.session, delivery, &bytes, ends);
        prop_assert!(took < LONGEST, "{}: {took:?}, {:?}", case.id(), played.failure);
    });
}

#[test]
fn memcached_player_ends_whatever_is_said() {
    ends_whatever_is_said(Protocol::Memcached);
}

#[test]
fn text_player_ends_whatever_is_said() {
    ends_whatever_is_said(Protocol::Text);
}

#[test]
fn meta_player_ends_whatever_is_said() {
    ends_whatever_is_said(Protocol::Meta);
}

#[test]
fn netmem_player_ends_whatever_is_said() {
    ends_whatever_is_said(Protocol::NetMem);
}

#[test]
fn locker_player_ends_whatever_is_said() {
    ends_whatever_is_said(Protocol::Locker);
}

#[test]
fn echo_player_ends_whatever_is_said() {
    ends_whatever_is_said(Protocol::Echo);
}

fn session(protocol: Protocol, steps: &str) -> Result<Session, String> {
    let text = format!("case   {}/a/b\nlevel  must\nconn   A\n\n{steps}", protocol.name());
    Session::parse(&text).map_err(|error| error.to_string())
}

/// A server that always answers, but slowly, is given up after 24 time limits.
#[test]
fn slow_server_is_given_up() {
    let slow = session(Protocol::Echo, "repeat 1000 {\n  A> \"a\"\n  A quiet 1s\n}\nfinish A\n")
        .expect("a session");
    assert!(heard(&slow, Delivery::Whole, b"", false).0.failure.is_none(), "it waits on purpose");
    let hasty = session(Protocol::Echo, "repeat 1000 { any { A< \"x\" } or { A quiet 1ms } }\n")
        .expect("a session");
    let (played, took) = heard(&hasty, Delivery::Whole, b"", false);
    let problem = played.failure.expect("a failure").problem;
    assert!(problem.contains("too slowly"), "{problem}");
    assert!(took < Duration::from_secs(24 * 5 + 10), "{took:?}");
}

#[test]
fn list_of_statistics_without_end_is_given_up() {
    let stat = session(Protocol::Memcached, "A> stat\nA< stats pid=*\n").expect("a session");
    let mut packet = [0x81, 0x10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2].to_vec();
    packet.extend(OPAQUE_STEP.to_be_bytes());
    packet.extend([0; 8]);
    packet.extend(b"a1");
    let (played, _) = heard(&stat, Delivery::Whole, &packet.repeat(10_000), false);
    let problem = played.failure.expect("a failure").problem;
    assert!(problem.contains("more than 4096 packets"), "{problem}");
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    let blocks = "repeat 1 { ".repeat(100_000);
    let brackets = format!("A> {}\n", "rep(".repeat(100_000));
    for steps in [blocks.as_str(), &blocks.replace("{ ", "{\n"), &brackets] {
        let problem = session(Protocol::Echo, steps).expect_err("too deep");
        assert!(problem.contains("inside each other"), "{problem}");
    }
}

/// Values and times that would not fit are errors, not panics.
#[test]
fn values_beyond_all_bounds_are_refused() {
    let long =
        session(Protocol::Echo, "A> rep(rep(\"x\",60000000),60000000)\n").expect("a session");
    let (played, _) = heard(&long, Delivery::Whole, b"", false);
    assert!(played.failure.expect("a failure").problem.contains("at most 64 MiB"));
    let later = session(Protocol::Echo, "advance 18446744073709551615s\n").expect_err("too long");
    assert!(later.contains("more than a day"), "{later}");
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_explained(bytes in vec(any::<u8>(), 0..400)) {
        let _ = Session::parse(&String::from_utf8_lossy(&bytes));
    }

    /// Lines of the suite in an order that nobody wrote.
    #[test]
    fn shuffled_lines_are_parsed_or_explained(picks in vec((any::<usize>(), any::<usize>()), 0..30)) {
        let all = suite::all().expect("the suite");
        let line = |(case, line): (usize, usize)| {
            let text = all[case % all.len()].session.to_string();
            text.lines().nth(line % text.lines().count()).map(str::to_owned)
        };
        let lines: Vec<String> = picks.into_iter().filter_map(line).collect();
        let _ = session(Protocol::Memcached, &lines.join("\n"));
    }
}

/// What both sides of a connection say, through the recorder.
async fn recorded(protocol: Protocol, client: Vec<u8>, server: Vec<u8>) -> Session {
    let upstream = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let front = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let addresses = (front.local_addr().expect("it"), upstream.local_addr().expect("it"));
    let (stop, stopped) = oneshot::channel::<()>();
    let to = addresses.1.into();
    let recording = record(front, &to, Codec::new(protocol), async {
        let _ = stopped.await;
    });
    let talk = async {
        let (mut near, accepted) = tokio::join!(TcpStream::connect(addresses.0), upstream.accept());
        let (near, far) = (near.as_mut().expect("the recorder"), &mut accepted.expect("it").0);
        near.write_all(&client).await.expect("the recorder");
        far.read_exact(&mut vec![0; client.len()]).await.expect("all of it");
        far.write_all(&server).await.expect("the recorder");
        far.shutdown().await.expect("the recorder");
        near.read_to_end(&mut Vec::new()).await.expect("the end");
        drop(stop);
    };
    tokio::join!(recording, talk).0.expect("a session")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn recorder_makes_a_session_of_any_bytes(
        protocol in select(Protocol::SERVERS.to_vec()),
        client in vec(any::<u8>(), 0..300),
        noise in vec(any::<u8>(), 0..100),
        right in Protocol::SERVERS.map(reply).to_vec(),
    ) {
        let right = right.concat();
        for server in [noise, right] {
            let text = runtime().block_on(recorded(protocol, client.clone(), server)).to_string();
            let again = Session::parse(&text);
            prop_assert!(again.is_ok(), "{:?} in:\n{text}", again.err());
            prop_assert_eq!(again.map(|session| session.to_string()).ok(), Some(text));
        }
    }
}
