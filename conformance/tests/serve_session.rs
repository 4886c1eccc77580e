//! The judge of clients, judged: a careful client passes, and each careless one is caught by the case that is about its
//! habit.

#[path = "serve_session/careless.rs"]
mod careless;

use std::time::Duration;

use careless::{CAREFUL, Client, Habits};
use lockproof_conformance::replay::{Delivery, Failure, Options, Played};
use lockproof_conformance::serve_session::serve_session;
use lockproof_conformance::session::Session;
use lockproof_conformance::suite;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const OPTIONS: Options =
    Options { delivery: Delivery::Whole, timeout: Duration::from_mins(1), seed: 1 };

/// What a client that lacks a habit runs into.
const CARELESS: [(&str, Habits); 11] = [
    ("wrong-opaque", Habits { checks_opaque: false, ..CAREFUL }),
    ("wrong-opcode", Habits { checks_opcode: false, ..CAREFUL }),
    ("request-magic", Habits { checks_magic: false, ..CAREFUL }),
    ("short-extras", Habits { checks_extras: false, ..CAREFUL }),
    ("long-extras", Habits { checks_extras: false, ..CAREFUL }),
    ("body-shorter-than-its-parts", Habits { checks_lengths: false, ..CAREFUL }),
    ("close-inside-the-value", Habits { notices_the_end: false, ..CAREFUL }),
    ("read-refused", Habits { tells_errors_from_misses: false, ..CAREFUL }),
    ("reply-byte-by-byte", Habits { reads_on: false, ..CAREFUL }),
    ("binary-value", Habits { takes_any_byte: false, ..CAREFUL }),
    ("huge-body-length", Habits { closes_in_doubt: false, ..CAREFUL }),
];

#[tokio::test]
async fn a_careless_client_is_caught_and_a_careful_one_is_not() {
    for (name, habits) in CARELESS {
        let (right, failure) = judged(name, CAREFUL).await;
        assert!(right && failure.is_none(), "{name}: the careful client: {right} {failure:?}");
        let (right, failure) = judged(name, habits).await;
        assert!(!right || failure.is_some(), "{name}: a careless client came through");
    }
}

/// Whether the call came to a right outcome, and what was wrong on the wire.
async fn judged(name: &str, habits: Habits) -> (bool, Option<Failure>) {
    let all = suite::for_clients().expect("every session parses");
    let id = format!("memcached/client/{name}");
    let case = all.iter().find(|case| case.id() == id).expect("the case is there");
    let call = &case.session.header.calls[0];
    // Long enough for every careful client, and not much to wait for those that keep what they should close.
    let options = Options { timeout: Duration::from_secs(2), ..OPTIONS };
    let client = async |stream| {
        let mut client = Client::new(stream, habits);
        let outcome = client.get(&call.arguments[0]).await;
        client.leave().await;
        outcome
    };
    let (outcome, played) = play(&case.session, options, client).await;
    (call.allows(&outcome), played.failure)
}

/// Plays `session` to `client`, which is handed one connection.
async fn play<T>(
    session: &Session,
    options: Options,
    client: impl AsyncFnOnce(TcpStream) -> T,
) -> (T, Played) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let client =
        async { client(TcpStream::connect(address).await.expect("the listener is there")).await };
    let (outcome, played) = tokio::join!(client, serve_session(session, &listener, options));
    (outcome, played.expect("it plays the server"))
}

/// A session of these steps, played to a client that sends `bytes` and leaves when `replies` bytes have come.
async fn failure_of(protocol: &str, steps: &str, bytes: &[u8], replies: usize) -> Option<String> {
    let text =
        format!("case {protocol}/a/b\nplays server\nlevel must\nconn A\n\n{}\n", steps.trim());
    let session = Session::parse(&text).expect("a session");
    let client = async |mut stream: TcpStream| {
        stream.write_all(bytes).await.expect("the server reads");
        let mut came = vec![0; replies];
        stream.read_exact(&mut came).await.expect("the server answers");
    };
    let ((), played) = play(&session, OPTIONS, client).await;
    played.failure.map(|failure| {
        let differences = failure.differences.iter().map(ToString::to_string);
        let words: Vec<String> =
            [failure.step, failure.problem].into_iter().chain(differences).collect();
        words.join("; ")
    })
}

/// `get "k"` with opaque 7.
const GET: &[u8] = b"\x80\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\x07\0\0\0\0\0\0\0\0k";

#[tokio::test]
async fn what_a_client_may_choose_is_bound_and_compared() {
    let steps = "A> getk|get key=$k opaque=$o\nA< ok value=$k\nA> get key=$k opaque=$o";
    let twice = [GET, GET].concat();
    assert_eq!(failure_of("memcached", steps, &twice, 29).await, None);
    let steps = "A> get key=$k opaque=$o\nA< ok\nA> get key=$k opaque=!$o";
    let failure = failure_of("memcached", steps, &twice, 28).await.expect("the opaque is the same");
    assert!(failure.contains("opaque: expected anything but 7, got 7"), "{failure}");
}

#[tokio::test]
async fn another_request_is_told_with_what_differs() {
    let failure =
        failure_of("memcached", "A> get key=\"other\"", GET, 0).await.expect("another key");
    assert_eq!(
        failure,
        "A> get key=\"other\"; it was: get key=\"k\" opaque=0x00000007; key: expected \"other\", got \"k\""
    );
    let failure = failure_of("memcached", "A> delete|touch key=\"k\"", GET, 0).await;
    let failure = failure.expect("another opcode");
    assert!(failure.ends_with("request: expected delete|touch, got get"), "{failure}");
    let failure =
        failure_of("locker", "A> get \"b\"", b"\x7f\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0a", 0).await;
    let failure = failure.expect("another key");
    assert!(failure.ends_with("key: expected \"b\", got \"a\""), "{failure}");
}

#[tokio::test]
async fn a_request_without_its_extras_is_another() {
    let bare = b"\x80\x01\0\x01\0\0\0\0\0\0\0\x02\0\0\0\x07\0\0\0\0\0\0\0\0kv";
    let steps = "A> set key=\"k\" value=\"v\" flags=* exp=*";
    let failure = failure_of("memcached", steps, bare, 0).await.expect("it has no extras");
    assert!(failure.ends_with("extras: expected what the opcode takes, got \"\""), "{failure}");
    let listed = "A> set key=\"k\" value=\"v\" extras=\"\"";
    assert_eq!(failure_of("memcached", listed, bare, 0).await, None);
}

#[tokio::test]
async fn a_client_that_leaves_early_or_says_too_much_fails() {
    let failure = failure_of("memcached", "A> get key=\"k\"\nA< ok\nA> noop", GET, 28).await;
    let failure = failure.expect("no second request");
    assert!(failure.contains("the client closed the connection"), "{failure}");
    let failure =
        failure_of("memcached", "A> get key=\"k\"\nA< ok", &[GET, GET].concat(), 28).await;
    let failure = failure.expect("a request too many");
    assert!(failure.contains("the client also sent: get key=\"k\""), "{failure}");
    let failure = failure_of("memcached", "A> get key=\"k\"", &GET[..20], 0).await;
    let failure = failure.expect("half a request");
    assert!(failure.contains("in the middle of a message (20 bytes came)"), "{failure}");
}

#[tokio::test]
async fn a_good_bye_is_not_too_much() {
    let quit = b"\x80\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let steps = "A> get key=\"k\"\nA< ok";
    assert_eq!(failure_of("memcached", steps, &[GET, quit].concat(), 28).await, None);
}

#[tokio::test]
async fn a_reply_to_nobody_must_say_whom_it_means() {
    let failure = failure_of("memcached", "A< ok get", b"", 0).await.expect("nobody asked");
    assert!(failure.contains("needs `opaque=`"), "{failure}");
    assert_eq!(failure_of("memcached", "A< ok get opaque=1", b"", 28).await, None);
}

#[tokio::test]
async fn replies_are_cut_as_the_delivery_says() {
    let text = "case memcached/a/b\nplays server\nlevel must\nconn A\n\nA> get key=\"k\"\nA< ok value=\"v\"\n";
    let session = Session::parse(text).expect("a session");
    for delivery in Delivery::ALL {
        let client = async |stream| {
            let mut client = Client::new(stream, CAREFUL);
            client.get(b"k").await
        };
        let (outcome, played) = play(&session, Options { delivery, ..OPTIONS }, client).await;
        assert_eq!((outcome.as_str(), played.failure.is_none()), ("\"v\"", true), "{delivery:?}");
    }
}

#[tokio::test]
async fn a_session_that_asks_is_not_played_as_one_that_answers() {
    let session =
        Session::parse("case echo/a/b\nlevel must\nconn A\n\nA> \"x\"\n").expect("a session");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let refused =
        serve_session(&session, &listener, OPTIONS).await.expect_err("it plays the client");
    assert!(refused.to_string().contains("plays  server"), "{refused}");
}
