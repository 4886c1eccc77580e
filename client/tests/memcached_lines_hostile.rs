//! Servers of text and meta that break the protocol: the connection ends, and says why; and right replies in any pieces.

mod peer;

use bytes::BytesMut;
use lockproof_client::memcached::{
    Client, Command, Core, Dialect, Direction, Lookup, Meta, Opcode, Outcome, batch, lease,
    operation,
};
use lockproof_client::{Cause, Conversation, Error, Violation};
use peer::{PATIENCE, pair};

const META: Meta = Meta { flags: 0, expiry: 0 };
const UP: Direction = Direction::Increment;

/// What a client makes of `reply` to its request, whose bytes are `request`; the connection is closed in every case.
macro_rules! ends {
    ($dialect:expr, $name:expr, $operation:expr, $request:expr, $reply:expr) => {{
        let (stream, mut peer) = pair();
        let mut client = Client::new(stream, PATIENCE).with_dialect($dialect);
        let (result, ()) = tokio::join!(client.perform($operation), async {
            peer.expect($request.as_bytes()).await;
            peer.send($reply.as_ref()).await;
        });
        let error = result.expect_err($name);
        assert!(matches!(error, Error::Protocol { .. }), "{}: {error}", $name);
        let again = client.get(b"key").await;
        assert!(matches!(again, Err(Error::Closed { cause: Cause::Protocol })), "{}", $name);
        peer.expect_end().await;
        error
    }};
}

#[tokio::test]
async fn a_wrong_reply_by_text_ends_the_connection() {
    let long = format!("VALUE key 0 1 {}\r\n", "9".repeat(5000));
    let cases: [(&str, &str); 19] = [
        ("another key", "VALUE other 0 1 7\r\nv\r\nEND\r\n"),
        ("the value twice", "VALUE key 0 1 7\r\nv\r\nVALUE key 0 1 7\r\nv\r\nEND\r\n"),
        ("no CAS", "VALUE key 0 1\r\nv\r\nEND\r\n"),
        ("flags that are none", "VALUE key x 1 7\r\nv\r\nEND\r\n"),
        ("flags above 32 bits", "VALUE key 4294967296 1 7\r\nv\r\nEND\r\n"),
        ("a length that is none", "VALUE key 0 -1 7\r\nv\r\nEND\r\n"),
        ("a length of 4 GiB", "VALUE key 0 4294967295 7\r\nv\r\nEND\r\n"),
        ("a length above 64 bits", "VALUE key 0 99999999999999999999 7\r\nv\r\nEND\r\n"),
        ("a longer block", "VALUE key 0 1 7\r\nvv\r\nEND\r\n"),
        ("a block that ends in LF", "VALUE key 0 1 7\r\nv\nEND\r\n"),
        ("a line that ends in LF", "END\n"),
        ("an over-long line", &long),
        ("a reply to something else", "STORED\r\n"),
        ("meta", "EN\r\n"),
        ("a frame", "\x01\0\0\0\0\0\0\0"),
        ("another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("lower case", "end\r\n"),
        ("an empty line", "\r\n"),
        ("END twice", "END\r\nEND\r\n"),
    ];
    for (name, reply) in cases {
        let error = ends!(Dialect::Text, name, operation::get("key".into()), "gets key\r\n", reply);
        assert!(!error.maybe_applied(), "{name}: a read changes nothing");
    }
    let set = || operation::set("k".into(), "v".into(), META);
    let error = ends!(Dialect::Text, "END", set(), "set k 0 0 1\r\nv\r\n", "END\r\n");
    assert!(error.maybe_applied());
    let count = operation::count(UP, "k".into(), 1, None);
    ends!(Dialect::Text, "a word", count, "incr k 1\r\n", "OK\r\n");
    let stats = || operation::stats("".into());
    ends!(Dialect::Text, "no statistic", stats(), "stats\r\n", "STORED\r\n");
}

#[tokio::test]
async fn a_wrong_reply_by_meta_ends_the_connection() {
    let cases = [
        ("another opaque", "VA 1 c7 f0 O2\r\nv\r\n"),
        ("no opaque", "VA 1 c7 f0\r\nv\r\n"),
        ("a miss without an opaque", "EN\r\n"),
        ("an opaque that is no number", "EN Ox\r\n"),
        ("no flags", "VA 1 c7 O1\r\nv\r\n"),
        ("no CAS", "VA 1 f0 O1\r\nv\r\n"),
        ("no value", "HD c7 f0 O1\r\n"),
        ("a longer block", "VA 1 c7 f0 O1\r\nvv\r\n"),
        ("a length of 4 GiB", "VA 4294967295 c7 f0 O1\r\nv\r\n"),
        ("no length", "VA c7 f0 O1\r\nv\r\n"),
        ("NF is not a read's", "NF O1\r\n"),
        ("the fence's answer", "MN\r\n"),
        ("text", "VALUE key 0 1 7\r\nv\r\nEND\r\n"),
        ("an unknown code", "ZZ O1\r\n"),
        ("the reply twice", "VA 1 c7 f0 O1\r\nv\r\nVA 1 c7 f0 O1\r\nv\r\n"),
        ("another protocol", "-ERR unknown command\r\n"),
    ];
    let asked = "mg key v c f O1\r\n";
    for (name, reply) in cases {
        let error = ends!(Dialect::Meta, name, operation::get("key".into()), asked, reply);
        assert!(!error.maybe_applied(), "{name}: a read changes nothing");
    }
    let set = || operation::set("k".into(), "v".into(), META);
    for (name, reply) in
        [("a hit", "VA 1 c7 O1\r\nv\r\n"), ("no CAS", "HD O1\r\n"), ("EN", "EN O1\r\n")]
    {
        let error = ends!(Dialect::Meta, name, set(), "ms k 1 c O1\r\nv\r\n", reply);
        assert!(error.maybe_applied(), "{name}");
    }
    let count = operation::count(UP, "k".into(), 1, None);
    ends!(Dialect::Meta, "words", count, "ma k v c D1 O1\r\n", "VA 2 c7 O1\r\nab\r\n");
    let many = batch::get_many(["a".into(), "b".into()]);
    let asked = "mg a v c f q O1\r\nmg b v c f q O2\r\nmn\r\n";
    let reply = "VA 1 c7 f0 O2\r\nv\r\nVA 1 c7 f0 O1\r\nv\r\nMN\r\n";
    ends!(Dialect::Meta, "out of order", many, asked, reply);
    let lookup = lease::lookup("k".into(), Lookup { vivify: Some(5), ..Lookup::default() });
    let error = ends!(Dialect::Meta, "no value", lookup, "mg k v c f N5 O1\r\n", "HD O1 W\r\n");
    assert!(error.maybe_applied(), "a stub may have been made");
}

/// Where a server refuses a block by its line, nobody knows whether it reads the block as commands (MCT-ERR-05).
#[tokio::test]
async fn a_refused_block_ends_the_connection_and_a_refused_line_does_not() {
    for (dialect, asked) in
        [(Dialect::Text, "set k 0 0 1\r\nv\r\n"), (Dialect::Meta, "ms k 1 c O1\r\nv\r\n")]
    {
        for refusal in ["ERROR\r\n", "CLIENT_ERROR bad data chunk\r\n"] {
            let (stream, mut peer) = pair();
            let mut client = Client::new(stream, PATIENCE).with_dialect(dialect);
            let (set, ()) = tokio::join!(client.set(b"k", b"v", META), async {
                peer.expect(asked.as_bytes()).await;
                peer.send(refusal.as_bytes()).await;
            });
            assert!(matches!(set, Err(Error::Refused { maybe_applied: false, .. })), "{set:?}");
            let again = client.get(b"k").await;
            assert!(matches!(again, Err(Error::Closed { cause: Cause::Refused })), "{again:?}");
        }
        let (stream, mut peer) = pair();
        let mut client = Client::new(stream, PATIENCE).with_dialect(dialect);
        let (set, ()) = tokio::join!(client.set(b"k", b"v", META), async {
            peer.expect(asked.as_bytes()).await;
            peer.send(b"SERVER_ERROR out of memory storing object\r\n").await;
        });
        assert!(matches!(set, Err(Error::Refused { .. })), "{set:?}");
        assert!(client.is_open());
    }
}

#[tokio::test]
async fn bytes_that_came_before_they_were_asked_for_end_the_connection() {
    for dialect in [Dialect::Text, Dialect::Meta] {
        let (stream, mut peer) = pair();
        let mut client = Client::new(stream, PATIENCE).with_dialect(dialect);
        peer.send(b"END\r\n").await;
        let found = client.get(b"key").await;
        let surplus = Violation::Surplus { bytes: 5 }.to_string();
        assert!(found.expect_err("unasked").to_string().contains(&surplus));
        peer.expect_end().await;
    }
}

/// Some requests of every shape, their replies, and what came of them.
type Script = (Dialect, Vec<(Opcode, Command)>, &'static str, Vec<Outcome>);

fn scripts() -> Vec<Script> {
    use lockproof_client::memcached::{Item, Status};
    let get = |opcode, key: &'static str| (opcode, Command::Get { key: key.into() });
    let delete = |key: &'static str| (Opcode::DELETEQ, Command::Delete { key: key.into() });
    let item =
        |value: &'static str, cas| Outcome::Item(Item { value: value.into(), flags: 5, cas });
    let stats = || (Opcode::STAT, Command::Stat { group: "".into() });
    let requests = || {
        vec![
            get(Opcode::GETQ, "a"),
            get(Opcode::GETQ, "b"),
            get(Opcode::GETQ, "c"),
            get(Opcode::GET, "d"),
            delete("e"),
            delete("f"),
            (Opcode::VERSION, Command::Version),
            get(Opcode::GETQ, "g"),
            stats(),
            (Opcode::NOOP, Command::Noop),
        ]
    };
    let outcomes = || {
        vec![
            Outcome::Silent,
            item("END\r\n", 7),
            Outcome::Silent,
            Outcome::Refused(Status::KEY_NOT_FOUND),
            Outcome::Silent,
            Outcome::Refused(Status::KEY_NOT_FOUND),
            Outcome::Text("1.6".into()),
            Outcome::Silent,
            Outcome::Stats(vec![("a".into(), "b c".into())]),
            Outcome::Done,
        ]
    };
    let text = "VALUE b 5 5 7\r\nEND\r\n\r\nEND\r\nEND\r\nDELETED\r\nNOT_FOUND\r\nVERSION 1.6\r\n\
                END\r\nSTAT a b c\r\nEND\r\nVERSION 1.6\r\n";
    let meta = "VA 5 c7 f5 O2\r\nEND\r\n\r\nEN O4\r\nHD O5\r\nNF O6\r\nVERSION 1.6\r\n\
                STAT a b c\r\nEND\r\nMN\r\n";
    vec![
        (Dialect::Text, requests(), text, outcomes()),
        (Dialect::Meta, requests(), meta, outcomes()),
    ]
}

#[test]
fn right_replies_mean_the_same_in_any_pieces() {
    for (dialect, requests, replies, expected) in scripts() {
        for at in 0..=replies.len() {
            let mut core = Core::speaking(dialect);
            let tickets: Vec<_> = requests
                .iter()
                .map(|(opcode, command)| core.submit(*opcode, 0, command.clone()).unwrap())
                .collect();
            let _ = core.take_output();
            let mut answers = Vec::new();
            let mut input = BytesMut::new();
            for part in [&replies[..at], &replies[at..]] {
                input.extend_from_slice(part.as_bytes());
                while let Some(answer) = core.receive(&mut input).expect("right replies") {
                    answers.push(answer);
                }
            }
            assert!(!core.is_waiting() && input.is_empty(), "{dialect:?} at {at}");
            let outcomes: Vec<_> = answers.iter().map(|answer| answer.outcome.clone()).collect();
            assert_eq!(outcomes, expected, "{dialect:?} at {at}");
            let order: Vec<_> = answers.iter().map(|answer| answer.ticket).collect();
            assert_eq!(order, tickets, "{dialect:?}: answers in the order of requests");
        }
    }
}

#[test]
fn a_stream_that_is_cut_anywhere_leaves_something_to_wait_for() {
    for (dialect, requests, replies, _) in scripts() {
        for at in 0..replies.len() {
            let mut core = Core::speaking(dialect);
            for (opcode, command) in &requests {
                core.submit(*opcode, 0, command.clone()).unwrap();
            }
            let mut input = BytesMut::from(&replies.as_bytes()[..at]);
            while core.receive(&mut input).expect("right replies").is_some() {}
            assert!(core.is_waiting(), "{dialect:?}: cut at {at}");
        }
    }
}

#[test]
fn any_changed_byte_is_a_violation_or_another_outcome_and_never_a_panic() {
    for (dialect, requests, replies, _) in scripts() {
        for at in 0..replies.len() {
            for byte in [0, b'\n', b' ', b'9', 0xff] {
                let mut core = Core::speaking(dialect);
                for (opcode, command) in &requests {
                    core.submit(*opcode, 0, command.clone()).unwrap();
                }
                let mut bytes = replies.as_bytes().to_vec();
                bytes[at] = byte;
                let mut input = BytesMut::from(&bytes[..]);
                let mut answers = 0;
                while let Ok(Some(_)) = core.receive(&mut input) {
                    answers += 1;
                }
                assert!(answers <= requests.len(), "{dialect:?}: byte {at}");
            }
        }
    }
}

#[test]
fn keys_of_a_batch_share_lines_that_are_not_too_long() {
    let mut core = Core::speaking(Dialect::Text);
    for at in 0..100 {
        let key = format!("{at:0>100}").into();
        core.submit(Opcode::GETKQ, 0, Command::Get { key }).unwrap();
    }
    core.submit(Opcode::NOOP, 0, Command::Noop).unwrap();
    let output = core.take_output();
    let lines: Vec<_> = output[..].split(|byte| *byte == b'\n').collect();
    assert!(lines.iter().all(|line| line.len() <= 2048));
    assert_eq!(lines.len(), 6 + 1 + 1, "six lines of keys, the fence, and nothing behind it");
}

/// A blocking client that was used a moment ago looks for stray bytes unless every answer is known by its opaque, which
/// an error line and the answer to a fence have not.
#[test]
fn only_frames_are_named_without_exception() {
    let named = [Dialect::Binary, Dialect::Text, Dialect::Meta]
        .map(|dialect| Core::speaking(dialect).answers_are_named());
    assert_eq!(named, [true, false, false]);
}
