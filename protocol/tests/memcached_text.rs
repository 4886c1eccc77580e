//! The text protocol's decoder: what lines say, in any segmentation and within its limits.

use bytes::{Bytes, BytesMut};
use lockproof_protocol::memcached::{
    Command, DO_NOT_CREATE, Direction, EXPIRED, Side, StoreMode, Value,
};
use lockproof_protocol::memcached_binary::{Reply, Status};
use lockproof_protocol::memcached_text::{
    Ask, Control, GET_LINE_MAX, LINE_MAX, LineTooLong, Login, Refusal, Request, RequestDecoder,
    put_reply, put_stats, put_value_line,
};
use proptest::prelude::*;

const VALUE_MAX: usize = 100;

fn all_of(input: &[u8]) -> Vec<Request> {
    let (mut decoder, mut input) = (RequestDecoder::new(VALUE_MAX), BytesMut::from(input));
    let mut requests = Vec::new();
    while let Some(request) = decoder.decode(&mut input).unwrap() {
        requests.push(request);
    }
    assert!(input.is_empty(), "{input:?}");
    requests
}

#[track_caller]
fn one(line: &str) -> Request {
    let mut requests = all_of(format!("{line}\r\n").as_bytes());
    assert_eq!(requests.len(), 1, "{line}: {requests:?}");
    requests.remove(0)
}

fn item(command: Command, cas: Option<u64>, is_silent: bool) -> Request {
    Request::Item(Ask { command, cas, is_silent })
}

fn store(mode: StoreMode, flags: u32, expiry: u32, value: &'static str) -> Command {
    let value = Value::Present(Bytes::from(value));
    Command::Store { mode, key: Bytes::from("k"), flags, expiry, value }
}

fn key() -> Bytes {
    Bytes::from("k")
}

/// MCT-SET-01 to MCT-CAS-01, MCT-NRP-01, MCT-LIN-02, MCT-LIN-03.
#[test]
fn storage_lines_say_what_the_binary_protocol_says() {
    use StoreMode::{Add, Replace, Set};
    let concat = |side| Command::Concat { side, key: key(), value: Value::Present("abc".into()) };
    let rows = [
        ("set k 5 60 3\r\nabc", item(store(Set, 5, 60, "abc"), None, false)),
        ("set k 5 60 3 noreply\r\nabc", item(store(Set, 5, 60, "abc"), None, true)),
        ("set k 5 60 3 NOREPLY\r\nabc", item(store(Set, 5, 60, "abc"), None, false)),
        ("  set  k   5 60 3  \nabc", item(store(Set, 5, 60, "abc"), None, false)),
        ("add k 4294967295 0 0\r\n", item(store(Add, u32::MAX, 0, ""), None, false)),
        ("replace k 0 -1 4\r\na\r\nb", item(store(Replace, 0, EXPIRED, "a\r\nb"), None, false)),
        ("cas k 1 2 3 4\r\nabc", item(store(Set, 1, 2, "abc"), Some(4), false)),
        ("cas k 1 2 3 0 noreply\r\nabc", item(store(Set, 1, 2, "abc"), Some(0), true)),
        ("append k 7 -1 3\r\nabc", item(concat(Side::Append), None, false)),
        ("prepend k 7 0 3\r\nabc", item(concat(Side::Prepend), None, false)),
    ];
    for (line, request) in rows {
        assert_eq!(one(line), request, "{line}");
    }
}

#[test]
fn other_lines_say_what_the_binary_protocol_says() {
    let count = |direction, delta| Command::Arithmetic {
        direction,
        key: key(),
        delta,
        initial: 0,
        expiry: DO_NOT_CREATE,
    };
    let rows = [
        ("delete k", item(Command::Delete { key: key() }, None, false)),
        ("delete k 0", item(Command::Delete { key: key() }, None, false)),
        ("delete k noreply", item(Command::Delete { key: key() }, None, true)),
        ("delete k 0 noreply", item(Command::Delete { key: key() }, None, true)),
        ("delete noreply", item(Command::Delete { key: "noreply".into() }, None, false)),
        ("incr k 007", item(count(Direction::Increment, 7), None, false)),
        ("decr k 1 noreply", item(count(Direction::Decrement, 1), None, true)),
        ("incr k 1 please", item(count(Direction::Increment, 1), None, false)),
        ("touch k 60", item(Command::Touch { key: key(), expiry: 60 }, None, false)),
        ("flush_all", item(Command::Flush { delay: 0 }, None, false)),
        ("flush_all 0 noreply", item(Command::Flush { delay: 0 }, None, true)),
        ("flush_all noreply", item(Command::Flush { delay: 0 }, None, true)),
        ("flush_all 9", item(Command::Flush { delay: 9 }, None, false)),
        ("version and more", Request::Control(Control::Version)),
        ("quit", Request::Control(Control::Quit)),
        ("verbosity 99999999999", Request::Control(Control::Verbosity { is_silent: false })),
        ("verbosity 1 noreply", Request::Control(Control::Verbosity { is_silent: true })),
        (
            "stats ",
            Request::Control(Control::Stats { group: Bytes::new(), arguments: Bytes::new() }),
        ),
        (
            "stats detail on",
            Request::Control(Control::Stats { group: "detail".into(), arguments: "on".into() }),
        ),
        ("GET / HTTP/1.1", Request::Control(Control::Quit)),
    ];
    for (line, request) in rows {
        assert_eq!(one(line), request, "{line}");
    }
}

/// MCT-GET-04 to MCT-GET-06, MCT-KEY-01 to MCT-KEY-06, MCT-LIN-10.
#[test]
fn multi_gets_have_any_number_of_keys() {
    for count in [1, 2, 22, 23, 24, 25, 47, 48, 300, 30_000] {
        let keys: Vec<String> = (0..count).map(|at| format!("k{at}")).collect();
        let Request::Get(mut get) = one(&format!("gets {}", keys.join(" "))) else { panic!() };
        assert!(get.with_cas && get.expiry.is_none());
        assert!(get.keys.iter().eq(keys.iter().map(String::as_bytes)));
        get.keys.drop_first(count / 2);
        assert_eq!(get.keys.first().as_deref(), Some(keys[count / 2].as_bytes()));
        get.keys.drop_first(count - count / 2);
        assert!(get.is_done());
    }
    let long = "k".repeat(250);
    let Request::Get(get) = one(&format!("gat -1 {long} \u{fc} noreply 0 get")) else { panic!() };
    assert_eq!((get.expiry, get.with_cas, get.keys.iter().count()), (Some(EXPIRED), false, 5));
}

/// MCT-LIN-04 to MCT-LIN-08, MCT-KEY-02, MCT-KEY-03, MCT-NUM-01 to MCT-NUM-09, MCT-NRP-03, MCT-NRP-07.
#[test]
fn what_is_wrong_is_refused_in_memcacheds_words() {
    let long = "k".repeat(251);
    let rows: Vec<(String, Refusal, bool)> = [
        ("", Refusal::UNKNOWN, false),
        ("   ", Refusal::UNKNOWN, false),
        ("x", Refusal::UNKNOWN, false),
        ("GET k", Refusal::UNKNOWN, false),
        ("get\tk", Refusal::UNKNOWN, false),
        ("get", Refusal::UNKNOWN, false),
        ("gat 1", Refusal::UNKNOWN, false),
        ("gat x k", Refusal::EXPIRY, false),
        ("get ok LONG ok", Refusal::FORMAT, false),
        ("get LONG noreply", Refusal::FORMAT, false),
        ("delete LONG", Refusal::FORMAT, false),
        ("delete k 5", Refusal::DELETE_USAGE, false),
        ("delete k noreply 0", Refusal::DELETE_USAGE, false),
        ("delete k 0 0 0", Refusal::UNKNOWN, false),
        ("incr k", Refusal::UNKNOWN, false),
        ("incr k 1 2 3", Refusal::UNKNOWN, false),
        ("incr k -1", Refusal::DELTA, false),
        ("incr k 18446744073709551616", Refusal::DELTA, false),
        ("incr k x noreply", Refusal::DELTA, true),
        ("incr LONG 1", Refusal::FORMAT, false),
        ("touch k 1.5", Refusal::EXPIRY, false),
        ("touch k", Refusal::UNKNOWN, false),
        ("flush_all x", Refusal::EXPIRY, false),
        ("flush_all 1 2 3", Refusal::UNKNOWN, false),
        ("verbosity", Refusal::UNKNOWN, false),
        ("verbosity -1", Refusal::FORMAT, false),
        ("set k 0 0", Refusal::UNKNOWN, false),
        ("set k 0 0 -1", Refusal::FORMAT, false),
        ("set k 0 0 2147483646", Refusal::FORMAT, false),
        ("set k 0 0 4294967297", Refusal::FORMAT, false),
        ("set k 0 0 x noreply", Refusal::FORMAT, true),
        ("set k 0 0 noreply", Refusal::FORMAT, true),
        ("shutdown", Refusal::NO_SHUTDOWN, false),
        ("watch fetchers", Refusal::NO_WATCH, false),
        ("lru_crawler metadump all", Refusal::NO_METADUMP, false),
        ("lru_crawler crawl all", Refusal::NOT_HERE, false),
        ("lru_crawler mgdump", Refusal::UNKNOWN, false),
        ("cache_memlimit 64", Refusal::NOT_HERE, false),
        ("config get cluster", Refusal::UNKNOWN, false),
        ("mx k", Refusal::UNKNOWN, false),
    ]
    .into_iter()
    .map(|(line, refusal, is_silent)| (line.replace("LONG", &long), refusal, is_silent))
    .collect();
    for (line, refusal, is_silent) in rows {
        assert_eq!(one(&line), Request::Refused { refusal, is_silent }, "{line}");
    }
}

/// MCT-ERR-05, MCT-BLK-04 to MCT-BLK-06: a block is never taken for commands.
#[test]
fn refused_storage_lines_take_their_block_with_them() {
    let long = "k".repeat(251);
    let rows: Vec<(String, Refusal)> = [
        ("set LONG 0 0 9", Refusal::FORMAT),
        ("set k -1 0 9", Refusal::FORMAT),
        ("set k 4294967296 0 9", Refusal::FORMAT),
        ("set k 0 1e3 9", Refusal::FORMAT),
        ("add k 0 2147483648 9", Refusal::FORMAT),
        ("set k 0 0 9 noreply x", Refusal::UNKNOWN),
        ("cas k 0 0 9", Refusal::UNKNOWN),
        ("cas k 0 0 9 -1", Refusal::FORMAT),
        ("cas k 0 0 9 18446744073709551616", Refusal::FORMAT),
        ("append k x 0 9", Refusal::FORMAT),
    ]
    .into_iter()
    .map(|(line, refusal)| (line.replace("LONG", &long), refusal))
    .collect();
    for (line, refusal) in rows {
        let requests = all_of(format!("{line}\r\nflush_all\r\nmn\r\n").as_bytes());
        assert_eq!(requests[0], Request::Refused { refusal, is_silent: false }, "{line}");
        assert!(matches!(requests[..], [_, Request::Meta(_)]), "{line}: {requests:?}");
    }
    let chunk = |is_silent| Request::Refused { refusal: Refusal::CHUNK, is_silent };
    let unknown = Request::Refused { refusal: Refusal::UNKNOWN, is_silent: false };
    assert_eq!(all_of(b"set k 0 0 1\r\nxyz\r\n"), [chunk(false), unknown.clone()]);
    assert_eq!(all_of(b"set k 0 0 1 noreply\r\nxyz\r\n"), [chunk(true), unknown]);
    assert_eq!(all_of(b"set k 0 0 1\r\nx\nz"), [chunk(false)]);
}

/// MCT-LIM-01, MCT-LIM-03, MCT-LIM-06.
#[test]
fn too_large_block_is_dropped_as_it_arrives() {
    let too_large = |len| {
        let value = Value::TooLarge(len);
        let command =
            Command::Store { mode: StoreMode::Set, key: key(), flags: 0, expiry: 0, value };
        Some(item(command, None, false))
    };
    let mut decoder = RequestDecoder::new(VALUE_MAX);
    let line = b"set k 0 0 101\r\n";
    let mut input = BytesMut::from(&line[..]);
    for _ in 0..102 {
        assert_eq!(decoder.decode(&mut input), Ok(None));
        assert_eq!(input.len(), line.len());
        input.extend_from_slice(b"x");
    }
    assert_eq!(decoder.decode(&mut input), Ok(None));
    input.extend_from_slice(b"?mn\r\n");
    assert_eq!(decoder.decode(&mut input), Ok(too_large(101)));
    assert!(matches!(decoder.decode(&mut input), Ok(Some(Request::Meta(_)))));
    let mut input = BytesMut::from(&b"set k 0 0 2147483645\r\nabc"[..]);
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert_eq!(&input[..], b"set k 0 0 2147483645\r\n");
}

/// MCT-LIM-08.
#[test]
fn block_that_finds_no_memory_is_given_up() {
    let mut decoder = RequestDecoder::new(VALUE_MAX);
    assert!(!decoder.gives_up(b"set k 0 0 50"));
    assert!(!decoder.gives_up(b"get k\r\n"));
    let mut input = BytesMut::from(&b"set k 0 0 50\r\nabc"[..]);
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert!(decoder.gives_up(&input));
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert_eq!(&input[..], b"set k 0 0 50\r\n");
    input.extend_from_slice(&[b'x'; 49]);
    let Ok(Some(Request::Item(ask))) = decoder.decode(&mut input) else { panic!() };
    assert!(matches!(ask.command, Command::Store { value: Value::NoMemory(50), .. }));
    assert_eq!(all_of(b"mn\r\n").len(), 1);
}

/// MCT-LIN-09, MCT-LIN-10.
#[test]
fn lines_have_a_limit_however_they_come() {
    let line = |start: &str, len: usize| format!("{start}{}", "x".repeat(len - start.len()));
    for (start, max) in
        [("", LINE_MAX), ("mg ", LINE_MAX), ("get ", GET_LINE_MAX), ("gats 1 ", GET_LINE_MAX)]
    {
        for end in ["", "\n"] {
            let mut decoder = RequestDecoder::new(VALUE_MAX);
            let mut fits = BytesMut::from(format!("{}{end}", line(start, max)).as_bytes());
            assert_eq!(decoder.decode(&mut fits).map(|next| next.is_some()), Ok(!end.is_empty()));
            let mut input = BytesMut::from(format!("{}{end}", line(start, max + 1)).as_bytes());
            let mut decoder = RequestDecoder::new(VALUE_MAX);
            for _ in 0..2 {
                assert_eq!(decoder.decode(&mut input), Err(LineTooLong { max }), "{start}");
            }
        }
    }
}

/// MCT-AUT-01 to MCT-AUT-03.
#[test]
fn before_the_password_only_a_set_means_something() {
    let login = |input: &str| {
        let mut input = BytesMut::from(input);
        RequestDecoder::new(VALUE_MAX).decode_login(&mut input).unwrap().unwrap()
    };
    let (user, password) = (Bytes::from("me"), Bytes::from("a b"));
    assert_eq!(login("set _ _ _ 6 noreply\r\nme a b\r\n"), Login::Attempt { user, password });
    for (input, refusal) in [
        ("get k\r\n", Refusal::UNAUTHENTICATED),
        ("quit\r\n", Refusal::UNAUTHENTICATED),
        ("add _ _ _ 4\r\nme a\r\n", Refusal::UNAUTHENTICATED),
        ("set _ _ _ 2\r\nme\r\n", Refusal::BAD_LOGIN),
        ("set _ _ _ 4\r\nme axx", Refusal::LOGIN_END),
    ] {
        assert_eq!(login(input), Login::Refused(refusal), "{input}");
    }
}

#[test]
fn replies_are_memcacheds() {
    let ask = |command, cas| Ask { command, cas, is_silent: false };
    let failed = |status| Reply::Failed { status };
    let plain = || ask(store(StoreMode::Set, 0, 0, ""), None);
    let with_cas = || ask(store(StoreMode::Set, 0, 0, ""), Some(1));
    let delete = || ask(Command::Delete { key: key() }, None);
    let flush = || ask(Command::Flush { delay: 0 }, None);
    let counter = Reply::Counter { value: u64::MAX, cas: 1 };
    let rows = [
        (plain(), Reply::Stored { cas: 1 }, "STORED"),
        (plain(), failed(Status::KEY_EXISTS), "NOT_STORED"),
        (plain(), failed(Status::KEY_NOT_FOUND), "NOT_STORED"),
        (plain(), failed(Status::TOO_LARGE), "SERVER_ERROR object too large for cache"),
        (plain(), failed(Status::OUT_OF_MEMORY), "SERVER_ERROR out of memory storing object"),
        (with_cas(), failed(Status::KEY_EXISTS), "EXISTS"),
        (with_cas(), failed(Status::KEY_NOT_FOUND), "NOT_FOUND"),
        (delete(), Reply::Done, "DELETED"),
        (delete(), failed(Status::KEY_NOT_FOUND), "NOT_FOUND"),
        (flush(), Reply::Done, "OK"),
        (flush(), failed(Status::AUTH_ERROR), "CLIENT_ERROR flush_all not allowed"),
        (delete(), Reply::Touched { flags: 0, cas: 1 }, "TOUCHED"),
        (delete(), counter, "18446744073709551615"),
    ];
    for (ask, reply, line) in rows {
        let mut out = BytesMut::new();
        put_reply(&ask, &reply, &mut out);
        assert_eq!(out, format!("{line}\r\n"), "{reply:?}");
    }
    let mut out = BytesMut::new();
    put_value_line(b"k", 5, 3, None, &mut out);
    put_value_line(b"k", u32::MAX, 0, Some(7), &mut out);
    put_stats(&[("a".into(), "1".into()), ("b".into(), "".into())], &mut out);
    assert_eq!(out, "VALUE k 5 3\r\nVALUE k 4294967295 0 7\r\nSTAT a 1\r\nSTAT b \r\nEND\r\n");
}

fn script() -> impl Strategy<Value = Vec<u8>> {
    let request = prop_oneof![
        prop::sample::select(vec![
            "get a b c\r\n",
            "gets a\n",
            "delete a noreply\r\n",
            "incr a 1\r\n",
            "mn\r\n",
            "\r\n",
            "mg a v t k Oab\r\n",
            "ma a N0 J5 v\r\n",
            "md a I T30 q\r\n",
            "me a\r\n",
            "foo\r\n",
            "version\r\n",
            "stats items\r\n",
            "set a 0 0 101\r\n",
            "ms a 2 T9 c\r\nab\r\n",
        ])
        .prop_map(|line| line.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..130).prop_map(|value| {
            let line = format!("set a 1 2 {}\r\n", value.len());
            [line.as_bytes(), &value, b"\r\n"].concat()
        }),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(request, 0..12).prop_map(|requests| requests.concat())
}

fn decoded(script: &[u8], cuts: &[prop::sample::Index]) -> (Vec<Request>, Vec<u8>) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(script.len() + 1)).collect();
    cuts.extend([0, script.len()]);
    cuts.sort_unstable();
    let (mut decoder, mut input) = (RequestDecoder::new(VALUE_MAX), BytesMut::new());
    let mut requests = Vec::new();
    for part in cuts.windows(2) {
        input.extend_from_slice(&script[part[0]..part[1]]);
        while let Some(request) = decoder.decode(&mut input).unwrap() {
            requests.push(request);
        }
        assert!(input.len() <= LINE_MAX + VALUE_MAX + 4);
    }
    (requests, input.to_vec())
}

proptest! {
    /// MCT-CON-01.
    #[test]
    fn any_segmentation_gives_the_same_requests(
        script in script(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let (whole, _) = decoded(&script, &[]);
        prop_assert_eq!(decoded(&script, &cuts).0, whole.clone());
        let mut bytes: Vec<Request> = Vec::new();
        let (mut decoder, mut input) = (RequestDecoder::new(VALUE_MAX), BytesMut::new());
        for byte in script {
            input.extend_from_slice(&[byte]);
            bytes.extend(decoder.decode(&mut input).unwrap());
        }
        prop_assert_eq!(bytes, whole);
    }

    #[test]
    fn no_bytes_upset_the_decoder(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (mut decoder, mut input) = (RequestDecoder::new(VALUE_MAX), BytesMut::from(&bytes[..]));
        while let Ok(Some(_)) = decoder.decode(&mut input) {}
        let mut input = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = decoder.decode_login(&mut input) {}
    }
}
