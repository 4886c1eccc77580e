//! The player against scripted servers, in memory and in virtual time: what it accepts, what it refuses, and that it
//! always ends.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use lockproof_conformance::replay::{Delivery, Options, Played, Ticking, World, play};
use lockproof_conformance::session::{Datum, Scope, Session};
use lockproof_conformance::wire::Codec;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::LocalSet;

/// What a scripted server does with one connection.
type Script = Rc<dyn Fn(usize, DuplexStream) -> std::pin::Pin<Box<dyn Future<Output = ()>>>>;

/// Streams in memory; every connection is handed to the script with its number.
struct Scripted {
    script: Script,
    connections: RefCell<usize>,
    clock: Ticking,
}

impl World for Scripted {
    type Stream = DuplexStream;
    type Clock = Ticking;

    async fn connect(&self) -> io::Result<DuplexStream> {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let number = self.connections.replace_with(|number| *number + 1);
        tokio::task::spawn_local((self.script)(number, theirs));
        Ok(ours)
    }

    fn reset(&self, stream: DuplexStream) {
        drop(stream);
    }

    fn clock(&self) -> &Ticking {
        &self.clock
    }
}

async fn played(body: &str, delivery: Delivery, script: Script) -> Played {
    let text = format!("case   echo/a/b\nlevel  must\nconn   A\n\n{body}");
    let session = Session::parse(&text).expect(body);
    let world =
        Scripted { script, connections: RefCell::new(0), clock: Ticking::starting_at(1_000_000) };
    let options = Options { delivery, timeout: Duration::from_secs(5), seed: 7 };
    let mut scope = Scope::default();
    scope.vars.insert("k".to_owned(), Datum::Bytes(b"key".to_vec()));
    let codec = Codec::new(session.header.protocol());
    LocalSet::new().run_until(play(&session, &world, codec, scope, options)).await
}

/// A server that sends every byte back.
fn echo() -> Script {
    Rc::new(|_, mut stream| {
        Box::pin(async move {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
        })
    })
}

/// A server that sends `bytes` to whoever connects, then ends or waits.
fn says(bytes: &'static [u8], ends: bool) -> Script {
    Rc::new(move |_, mut stream| {
        Box::pin(async move {
            let _ = stream.write_all(bytes).await;
            if !ends {
                let mut sink = Vec::new();
                let _ = stream.read_to_end(&mut sink).await;
            }
        })
    })
}

fn problem(played: &Played) -> &str {
    played.failure.as_ref().map_or("", |failure| failure.problem.as_str())
}

#[tokio::test(start_paused = true)]
async fn a_right_server_passes_in_every_delivery() {
    for delivery in Delivery::ALL {
        let body = "A> \"a\\0\"\nA> \"b\\0\"\nA< \"a\\0\"\nA< \"b\\0\"\nA quiet\n";
        let played = played(body, delivery, echo()).await;
        assert!(played.failure.is_none(), "{delivery:?}: {:?}", played.failure);
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_passes_in_no_time() {
    let played = played("advance 3600s\nA> \"a\"\nA< \"a\"\n", Delivery::Whole, echo()).await;
    assert!(played.failure.is_none(), "{:?}", played.failure);
    assert!(played.transcript.events.iter().any(|event| event.at >= Duration::from_hours(1)));
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_failure_after_the_time_limit() {
    let played = played("A> \"a\"\nA< \"a\"\n", Delivery::Whole, says(b"", false)).await;
    assert_eq!(problem(&played), "nothing came within 5s");
}

#[tokio::test(start_paused = true)]
async fn other_bytes_are_shown() {
    let played = played("A> \"a\"\nA< \"a\"\n", Delivery::Whole, says(b"b", false)).await;
    let failure = played.failure.expect("a failure");
    assert_eq!((failure.line, failure.step.as_str()), (6, "A< \"a\""));
    assert_eq!(failure.differences[0].got, "\"b\"");
}

#[tokio::test(start_paused = true)]
async fn what_follows_the_last_step_is_a_failure() {
    let played = played("A> \"a\"\nA< \"a\"\n", Delivery::Whole, says(b"aa", false)).await;
    assert!(
        problem(&played).starts_with("more came than the session says"),
        "{}",
        problem(&played)
    );
}

#[tokio::test(start_paused = true)]
async fn an_end_of_stream_is_told_from_an_answer() {
    let early = played("A> \"a\"\nA< \"a\"\n", Delivery::Whole, says(b"", true)).await;
    assert!(
        problem(&early).contains("closed the connection with an end of stream"),
        "{}",
        problem(&early)
    );
    let right = played("A< \"a\"\nA< closed eof\n", Delivery::Whole, says(b"a", true)).await;
    assert!(right.failure.is_none(), "{:?}", right.failure);
    let open = played("A< \"a\"\nA< closed\n", Delivery::Whole, says(b"a", false)).await;
    assert!(problem(&open).contains("did not close"), "{}", problem(&open));
    let more = played("A< closed\n", Delivery::Whole, says(b"a", true)).await;
    assert!(problem(&more).contains("instead of closing"), "{}", problem(&more));
}

#[tokio::test(start_paused = true)]
async fn alternatives_are_tried_from_the_same_place() {
    let any = "any {\n  A< \"ab\"\n  A< \"x\"\n} or {\n  A< \"a\"\n  A< \"bc\"\n}\nA< closed\n";
    let lenient = played(any, Delivery::Whole, says(b"abc", true)).await;
    assert!(lenient.failure.is_none(), "{:?}", lenient.failure);
    assert_eq!(lenient.lenient, ["A< \"a\"; A< \"bc\""]);
    let either = played(&any.replace("any", "either"), Delivery::Whole, says(b"abc", true)).await;
    assert!(either.lenient.is_empty(), "equal alternatives are no leniency");
    let none = played(any, Delivery::Whole, says(b"zzz", true)).await;
    assert!(none.failure.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_bound_that_is_passed_is_a_failure() {
    let late: Script = Rc::new(|_, mut stream| {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let _ = stream.write_all(b"a").await;
        })
    });
    let slow = played("A< \"a\" within 200ms\n", Delivery::Whole, late.clone()).await;
    assert!(problem(&slow).contains("the session allows 200ms"), "{}", problem(&slow));
    let right = played("A< \"a\" within 400ms\n", Delivery::Whole, late).await;
    assert!(right.failure.is_none(), "{:?}", right.failure);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_connection_is_neither_read_nor_waited_for() {
    let body = "stall A\nA> rep(\"x\",300000)\nopen B\nB> \"b\"\nB< \"b\"\nresume A\nA< rep(\"x\",300000)\n";
    let played = played(body, Delivery::Whole, echo()).await;
    assert!(played.failure.is_none(), "{:?}", played.failure);
}

/// Whatever a hostile server sends, the player ends, with a failure that says why.
#[tokio::test(start_paused = true)]
async fn a_hostile_server_cannot_hold_the_player() {
    let body = "A> get key=$k\nA< ok get value=\"v\"\n";
    let text = format!("case   memcached/a/b\nlevel  must\nconn   A\n\n{body}");
    let session = Session::parse(&text).expect(body);
    let replies: [&'static [u8]; 5] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        &[0x81; 24],
        &[
            0x81, 0, 0xff, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0,
        ],
        &[0x81, 0, 0, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        b"",
    ];
    for reply in replies {
        let world = Scripted {
            script: says(reply, false),
            connections: RefCell::new(0),
            clock: Ticking::starting_at(1_000_000),
        };
        let options =
            Options { delivery: Delivery::Whole, timeout: Duration::from_secs(5), seed: 7 };
        let mut scope = Scope::default();
        scope.vars.insert("k".to_owned(), Datum::Bytes(b"key".to_vec()));
        let codec = Codec::new(session.header.protocol());
        let played = LocalSet::new().run_until(play(&session, &world, codec, scope, options)).await;
        assert!(played.failure.is_some(), "{reply:?}");
        assert!(world.now() <= Duration::from_secs(6), "{:?} of virtual time", world.now());
    }
}
