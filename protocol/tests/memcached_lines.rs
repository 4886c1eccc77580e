//! The client's half of text and meta: what is written is what a server reads, and replies are read by their lengths.

mod common;

use bytes::{Bytes, BytesMut};
use common::{any_bytes, any_cuts, cuts, every_byte, feed};
use lockproof_protocol::FrameError;
use lockproof_protocol::memcached::{
    Command, DO_NOT_CREATE, Direction, Lookup, Recache, Side, StoreMode, Value,
};
use lockproof_protocol::memcached_binary::Status;
use lockproof_protocol::memcached_meta as meta;
use lockproof_protocol::memcached_meta::{Action, Code, Line, Tokens};
use lockproof_protocol::memcached_text as text;
use lockproof_protocol::memcached_text::{
    Answer, Ask, Get, REPLY_LINE_MAX, ReplyDecoder, ReplyFrame, Request, RequestDecoder,
};
use proptest::prelude::*;

const VALUE_MAX: u32 = 64;

/// What a server reads of one request.
fn read(request: &BytesMut) -> Request {
    let mut input = request.clone();
    let read = RequestDecoder::new(1 << 20).decode(&mut input).expect("a short line");
    assert!(input.is_empty(), "{request:?} is one request");
    read.expect("a whole request")
}

fn text_of(command: &Command, cas: u64) -> BytesMut {
    let mut out = BytesMut::new();
    text::check_command(command, cas).expect("text has words for it");
    text::put_command(command, cas, &mut out);
    out
}

fn meta_of(command: &Command, cas: u64) -> BytesMut {
    let mut out = BytesMut::new();
    meta::check_command(command, cas).expect("meta has words for it");
    meta::put_command(command, cas, 7, false, &mut out);
    out
}

fn any_command(key: BoxedStrategy<Bytes>) -> impl Strategy<Value = Command> {
    let value = any_bytes(80).prop_map(|value| Value::Present(value.into())).boxed();
    let mode = prop::sample::select(vec![StoreMode::Set, StoreMode::Add, StoreMode::Replace]);
    let side = prop::sample::select(vec![Side::Append, Side::Prepend]);
    let direction = prop::sample::select(vec![Direction::Increment, Direction::Decrement]);
    let expiry = 0..=0x7fff_ffffu32;
    prop_oneof![
        (mode, key.clone(), any::<u32>(), expiry.clone(), value.clone()).prop_map(
            |(mode, key, flags, expiry, value)| Command::Store { mode, key, flags, expiry, value }
        ),
        (side, key.clone(), value).prop_map(|(side, key, value)| Command::Concat {
            side,
            key,
            value
        }),
        key.clone().prop_map(|key| Command::Delete { key }),
        (direction, key, any::<u64>()).prop_map(|(direction, key, delta)| {
            Command::Arithmetic { direction, key, delta, initial: 0, expiry: DO_NOT_CREATE }
        }),
        expiry.prop_map(|delay| Command::Flush { delay }),
    ]
}

fn plain_key() -> BoxedStrategy<Bytes> {
    let byte = any::<u8>().prop_filter("not in a line", |byte| *byte > b' ' && *byte != 0x7f);
    prop::collection::vec(byte, 1..=250).prop_map(Bytes::from).boxed()
}

fn any_key() -> BoxedStrategy<Bytes> {
    prop::collection::vec(any::<u8>(), 1..=186).prop_map(Bytes::from).boxed()
}

proptest! {
    #[test]
    fn a_server_reads_the_text_command_that_was_meant(command in any_command(plain_key())) {
        let ask = Ask { command: command.clone(), cas: None, is_silent: false };
        prop_assert_eq!(read(&text_of(&command, 0)), Request::Item(ask));
    }

    #[test]
    fn a_server_reads_the_meta_command_that_was_meant(command in any_command(any_key())) {
        let request = read(&meta_of(&command, 0));
        if let Command::Flush { .. } = command {
            let ask = Ask { command, cas: None, is_silent: false };
            prop_assert_eq!(request, Request::Item(ask));
        } else {
            let Request::Meta(request) = request else { panic!("{request:?}") };
            let Action::Change { command: read, cas: None, .. } = request.action else {
                panic!("{request:?}");
            };
            prop_assert_eq!(read, command);
            prop_assert!(!request.is_quiet);
        }
    }

    #[test]
    fn any_bytes_in_any_pieces_read_alike(stream in any_bytes(300), at in any_cuts()) {
        let mut whole = ReplyDecoder::new(VALUE_MAX);
        let mut cut = ReplyDecoder::new(VALUE_MAX);
        let held = REPLY_LINE_MAX + VALUE_MAX as usize + 2;
        let expected = feed(&stream, &[], held, |input| whole.decode(input));
        let at = cuts(&at, stream.len());
        prop_assert_eq!(feed(&stream, &at, held, |input| cut.decode(input)), expected);
    }
}

#[test]
fn reads_are_written_as_a_server_reads_them() {
    let get = text_of(&Command::Get { key: "k".into() }, 0);
    assert_eq!(get, "gets k\r\n");
    let mut many = BytesMut::new();
    text::put_get([&b"a"[..], b"b"], &mut many);
    let Request::Get(Get { keys, with_cas: true, expiry: None }) = read(&many) else {
        panic!("{many:?}");
    };
    assert_eq!(keys.iter().collect::<Vec<_>>(), [b"a", b"b"]);
    let gat = text_of(&Command::GetAndTouch { key: "k".into(), expiry: u32::MAX }, 0);
    assert_eq!(gat, "gats 2147483647 k\r\n", "the latest date there is");
    let touch = text_of(&Command::Touch { key: "k".into(), expiry: 5 }, 0);
    assert_eq!(touch, "touch k 5\r\n");
    let cas = Command::Store {
        mode: StoreMode::Set,
        key: "k".into(),
        flags: 1,
        expiry: 2,
        value: Value::Present("abc".into()),
    };
    assert_eq!(text_of(&cas, 9), "cas k 1 2 3 9\r\nabc\r\n");
    assert_eq!(meta_of(&cas, 9), "ms k 3 c F1 T2 C9 O7\r\nabc\r\n");
    assert_eq!(meta_of(&Command::Touch { key: "k".into(), expiry: 5 }, 0), "mg k c T5 O7\r\n");
    let mut quiet = BytesMut::new();
    meta::put_command(&Command::Get { key: "a b".into() }, 0, 7, true, &mut quiet);
    assert_eq!(quiet, "mg YSBi b v c f q O7\r\n");
    let seeded = Command::Arithmetic {
        direction: Direction::Decrement,
        key: "k".into(),
        delta: 3,
        initial: 10,
        expiry: 60,
    };
    assert_eq!(meta_of(&seeded, 0), "ma k v c MD D3 N60 J10 O7\r\n");
}

#[test]
fn what_is_about_no_item_goes_by_text() {
    let rows: [(Command, &str, &str); 7] = [
        (Command::Noop, "version\r\n", "mn\r\n"),
        (Command::Version, "version\r\n", "version\r\n"),
        (Command::Quit, "version\r\nquit\r\n", "mn\r\nquit\r\n"),
        (Command::Flush { delay: 0 }, "flush_all\r\n", "flush_all\r\n"),
        (Command::Flush { delay: 9 }, "flush_all 9\r\n", "flush_all 9\r\n"),
        (Command::Stat { group: Bytes::new() }, "stats\r\n", "stats\r\n"),
        (Command::Stat { group: "detail on".into() }, "stats detail on\r\n", "stats detail on\r\n"),
    ];
    for (command, by_text, by_meta) in rows {
        assert_eq!(text_of(&command, 0), by_text);
        assert_eq!(meta_of(&command, 0), by_meta);
    }
    let payload = Value::Present(Bytes::from_static(b"\0jo\0pass word"));
    let login = Command::SaslAuth { mechanism: "PLAIN".into(), payload };
    assert_eq!(text_of(&login, 0), "set auth 0 0 12\r\njo pass word\r\n");
    let mut probe = BytesMut::new();
    meta::put_probe(&mut probe);
    assert!(probe.len() >= 24 && matches!(read(&probe), Request::Meta(_)), "{probe:?}");
}

#[test]
fn what_cannot_be_said_is_refused() {
    let key = |key: &'static [u8]| Command::Delete { key: Bytes::from_static(key) };
    for broken in [&b"a b"[..], b"a\r\nflush_all", b"\0", b"\x7f", b"a\tb"] {
        assert!(text::check_command(&key(broken), 0).is_err(), "{broken:?}");
        assert!(meta::check_command(&key(broken), 0).is_ok(), "{broken:?}");
    }
    assert!(text::check_command(&key("schlüssel".as_bytes()), 0).is_ok());
    let long = Bytes::from(vec![b' '; 187]);
    assert!(meta::check_command(&Command::Get { key: long.slice(..186) }, 0).is_ok());
    assert!(meta::check_command(&Command::Get { key: long }, 0).is_err());
    let counter = Command::Arithmetic {
        direction: Direction::Increment,
        key: "k".into(),
        delta: 1,
        initial: 0,
        expiry: 0,
    };
    assert!(text::check_command(&counter, 0).is_err());
    assert!(text::check_command(&key(b"k"), 1).is_err(), "text has no such condition");
    assert!(meta::check_command(&key(b"k"), 1).is_ok());
    let group = Command::Stat { group: "a\r\nflush_all".into() };
    assert!(text::check_command(&group, 0).is_err() && meta::check_command(&group, 0).is_err());
}

#[test]
fn a_lookup_goes_and_comes_back() {
    let recache = |after_touch| Some(Recache { below: 30, after_touch });
    let rows = [
        Lookup::default(),
        Lookup { vivify: Some(5), ..Lookup::default() },
        Lookup { recache: recache(false), ..Lookup::default() },
        Lookup { touch: Some(9), vivify: Some(5), recache: recache(false), ..Lookup::default() },
        Lookup { touch: Some(9), recache: recache(true), is_peek: true, ..Lookup::default() },
    ];
    for lookup in rows {
        let mut out = BytesMut::new();
        meta::put_lookup(b"k", &lookup, 7, &mut out);
        let Request::Meta(request) = read(&out) else { panic!("{out:?}") };
        assert_eq!(request.action, Action::Get(lookup), "{out:?}");
        assert!(request.wants_value && !request.is_quiet);
    }
    let mut out = BytesMut::new();
    meta::put_invalidate(b"k", 9, Some(30), 7, &mut out);
    assert_eq!(out, "md k I T30 C9 O7\r\n");
}

fn frame(line: &'static str, value: Option<&'static str>) -> ReplyFrame {
    ReplyFrame { line: line.into(), value: value.map(Bytes::from) }
}

#[test]
fn replies_are_read_in_any_pieces_and_by_length_alone() {
    let stream = "VALUE k 5 7 9\r\nEND\r\nab\r\nEND\r\nVA 0 c7\r\n\r\nVA 4 W O3\r\n\r\n\r\n\r\n\
                  STAT VALUE 1\r\nSTORED\r\n18446744073709551615\r\nHD\r\nMN\r\nVALUE x 0 1\r\n";
    let expected = [
        frame("VALUE k 5 7 9", Some("END\r\nab")),
        frame("END", None),
        frame("VA 0 c7", Some("")),
        frame("VA 4 W O3", Some("\r\n\r\n")),
        frame("STAT VALUE 1", None),
        frame("STORED", None),
        frame("18446744073709551615", None),
        frame("HD", None),
        frame("MN", None),
    ];
    let every_split = (0..=stream.len()).map(|at| vec![at]);
    for cuts in every_split.chain([every_byte(stream.len())]) {
        let mut decoder = ReplyDecoder::new(VALUE_MAX);
        let fed = feed(stream.as_bytes(), &cuts, stream.len(), |input| decoder.decode(input));
        assert_eq!(fed.frames, expected, "{cuts:?}");
        assert_eq!((fed.error, &fed.rest[..]), (None, &b"VALUE x 0 1\r\n"[..]), "{cuts:?}");
    }
}

#[test]
fn what_is_no_reply_is_an_error_as_soon_as_it_is_seen() {
    let long = ["STAT a ", &"b".repeat(REPLY_LINE_MAX)].concat();
    let rows: [(&str, &str, u64); 12] = [
        ("\u{1}", "line", 1),
        ("stored", "line", u64::from(b's')),
        ("\r\n", "line", 13),
        ("END\n", "line end", 10),
        (&long, "line end", REPLY_LINE_MAX as u64),
        ("VALUE k 0 65\r\n", "value length", 65),
        ("VA 4294967296\r\n", "value length", 1 << 32),
        ("VA 18446744073709551615\r\n", "value length", u64::MAX),
        ("VALUE k 0 -1\r\n", "value length", 0),
        ("VA\r\n", "value length", 0),
        ("VALUE k 0 1\r\nab", "value end", u64::from(b'b')),
        ("VA 1\r\na\rb", "value end", u64::from(b'b')),
    ];
    for (stream, field, value) in rows {
        for cuts in [Vec::new(), every_byte(stream.len())] {
            let mut decoder = ReplyDecoder::new(VALUE_MAX);
            let held = REPLY_LINE_MAX + VALUE_MAX as usize;
            let fed = feed(stream.as_bytes(), &cuts, held, |input| decoder.decode(input));
            let error: FrameError = fed.error.unwrap_or_else(|| panic!("{stream:?} is an error"));
            assert_eq!((error.field, error.value), (field, value), "{stream:?}");
        }
    }
}

#[test]
fn lines_of_text_say_what_they_say() {
    let rows = [
        ("STORED", Answer::Stored),
        ("NOT_STORED", Answer::NotStored),
        ("EXISTS", Answer::Exists),
        ("NOT_FOUND", Answer::NotFound),
        ("DELETED", Answer::Deleted),
        ("TOUCHED", Answer::Touched),
        ("OK", Answer::Ok),
        ("END", Answer::End),
        ("RESET", Answer::Reset),
        ("VALUE k 7 3", Answer::Value { key: b"k", flags: 7, cas: None }),
        ("VALUE k 7 3 9", Answer::Value { key: b"k", flags: 7, cas: Some(9) }),
        ("STAT a b c", Answer::Stat { name: b"a", value: b"b c" }),
        ("STAT a ", Answer::Stat { name: b"a", value: b"" }),
        ("VERSION 1.6.18", Answer::Version(b"1.6.18")),
        ("0", Answer::Counter(0)),
        ("ERROR", Answer::Error(Status::UNKNOWN_COMMAND)),
        ("ERROR: shutdown not enabled", Answer::Error(Status::UNKNOWN_COMMAND)),
        ("CLIENT_ERROR bad data chunk", Answer::Error(Status::INVALID_ARGUMENTS)),
        ("SERVER_ERROR object too large for cache", Answer::Error(Status::TOO_LARGE)),
        ("SERVER_ERROR out of memory storing object", Answer::Error(Status::OUT_OF_MEMORY)),
        ("SERVER_ERROR Out of memory during read", Answer::Error(Status::OUT_OF_MEMORY)),
        ("SERVER_ERROR something else", Answer::Error(Status(0x84))),
        ("CLIENT_ERROR unauthenticated", Answer::Error(Status::AUTH_ERROR)),
        (
            "CLIENT_ERROR cannot increment or decrement non-numeric value",
            Answer::Error(Status::NON_NUMERIC),
        ),
    ];
    for (line, expected) in rows {
        assert_eq!(Answer::read(line.as_bytes()), Ok(expected), "{line}");
    }
    let wrong = [
        "",
        "ERROR Too many open connections",
        "STORED ",
        "ERRORS",
        "VALUE k 7",
        "VALUE k x 3",
        "VALUE k 7 3 x",
        "STAT",
    ];
    for line in wrong.into_iter().chain(["VALUE k 7 3 9 9", "-1", "1 2", "HTTP/1.1 200 OK", "HD"]) {
        assert!(Answer::read(line.as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn lines_of_meta_say_what_they_say() {
    let line = |line: &str| match Line::read(line.as_bytes()) {
        Ok(Line::Answer(answer)) => answer,
        other => panic!("{line}: {other:?}"),
    };
    let all = line("VA 2 s2 t-1 f5 kfoo O12 c9 b X W");
    let tokens = Tokens { is_taken: false, is_stale: true, is_won: true };
    assert_eq!(
        (all.code, all.opaque, all.cas, all.flags),
        (Code::Value, Some(12), Some(9), Some(5))
    );
    assert_eq!(all.tokens, tokens);
    assert_eq!(line("HD Z X").tokens, Tokens { is_taken: true, is_stale: true, is_won: false });
    let codes = [
        ("HD", Code::Done),
        ("EN", Code::Miss),
        ("NF", Code::NotFound),
        ("NS", Code::NotStored),
        ("EX", Code::Exists),
        ("MN", Code::Nop),
    ];
    for (text, code) in codes {
        assert_eq!(line(text).code, code);
    }
    assert_eq!(
        Line::read(b"CLIENT_ERROR duplicate flag"),
        Ok(Line::Error(Status::INVALID_ARGUMENTS))
    );
    for wrong in ["", "OK", "HDx", "HD O", "HD Ox", "HD c-1", "HD f4294967296", "STORED"] {
        assert!(Line::read(wrong.as_bytes()).is_err(), "{wrong}");
    }
}
