//! The meta protocol: what lines say, and how they are answered.

use bytes::{Bytes, BytesMut};
use lockproof_protocol::memcached::{
    Command, DO_NOT_CREATE, Direction, EXPIRED, Extras, Lookup, Recache, Side, StoreMode, Value,
};
use lockproof_protocol::memcached_binary::{Reply, Status};
use lockproof_protocol::memcached_meta::{
    Action, Facts, Request, Tokens, put_debug, put_miss, put_outcome, put_value_head,
};
use lockproof_protocol::memcached_text::{self as text, Refusal, RequestDecoder};

fn decoded(input: &str) -> Vec<text::Request> {
    let (mut decoder, mut input) = (RequestDecoder::new(100), BytesMut::from(input));
    core::iter::from_fn(|| decoder.decode(&mut input).unwrap()).collect()
}

#[track_caller]
fn one(line: &str) -> Request {
    let mut requests = decoded(&format!("{line}\r\n"));
    assert_eq!(requests.len(), 1, "{line}: {requests:?}");
    let text::Request::Meta(request) = requests.remove(0) else { panic!("{line}: {requests:?}") };
    request
}

fn lookup(line: &str) -> Lookup {
    let Action::Get(lookup) = one(line).action else { panic!("{line}") };
    lookup
}

fn change(line: &str) -> (Command, Option<u64>, Extras) {
    let Action::Change { command, cas, extras } = one(line).action else { panic!("{line}") };
    (command, cas, extras)
}

fn key() -> Bytes {
    Bytes::from("k")
}

/// MCM-GET-09, MCM-GET-11, MCM-STA-01, MCM-STA-06, MCM-STA-08, MCM-GEN-06, MCM-GEN-07, MCM-GEN-09.
#[test]
fn mg_says_how_to_look() {
    let plain = Lookup::default();
    let recache = |below, after_touch| Some(Recache { below, after_touch });
    for (line, wanted) in [
        ("mg k", plain),
        ("mg k v kfoo q P Lx C1 F2 MI D3 J4 I", plain),
        ("mg k u", Lookup { is_peek: true, ..plain }),
        ("mg k T-1", Lookup { touch: Some(EXPIRED), ..plain }),
        ("mg k N30 v", Lookup { vivify: Some(30), ..plain }),
        ("mg k N30 T60", Lookup { vivify: Some(60), touch: Some(60), ..plain }),
        ("mg k T60 N30", Lookup { vivify: Some(30), touch: Some(60), ..plain }),
        ("mg k R9 T60", Lookup { recache: recache(9, false), touch: Some(60), ..plain }),
        ("mg k T60 R9", Lookup { recache: recache(9, true), touch: Some(60), ..plain }),
        ("mg aw== b", Lookup { key_is_binary: true, ..plain }),
    ] {
        assert_eq!(lookup(line), wanted, "{line}");
        assert_eq!(one(line).key, key(), "{line}");
    }
    assert!(one("mg k q v").is_quiet && one("mg k q v").wants_value);
}

/// MCM-SET-01 to MCM-SET-05, MCM-CAS-01 to MCM-CAS-04, MCM-STA-13, MCM-STA-14.
#[test]
fn ms_is_a_store() {
    let value = || Value::Present(Bytes::from("ab"));
    let store =
        |mode, flags, expiry| Command::Store { mode, key: key(), flags, expiry, value: value() };
    let concat = |side| Command::Concat { side, key: key(), value: value() };
    let invalidates = Extras { invalidates: true, ..Extras::default() };
    for (flags, command, cas, extras) in [
        ("", store(StoreMode::Set, 0, 0), None, Extras::default()),
        ("F5 T60 c k Oq", store(StoreMode::Set, 5, 60), None, Extras::default()),
        ("MS C7", store(StoreMode::Set, 0, 0), Some(7), Extras::default()),
        ("C0", store(StoreMode::Set, 0, 0), Some(0), Extras::default()),
        ("ME C7 I", store(StoreMode::Add, 0, 0), None, Extras::default()),
        ("MR C7 I", store(StoreMode::Replace, 0, 0), Some(7), invalidates),
        ("I", store(StoreMode::Set, 0, 0), None, Extras::default()),
        ("C7 I", store(StoreMode::Set, 0, 0), Some(7), invalidates),
        ("MA F5 T9", concat(Side::Append), None, Extras::default()),
        ("MP C7 I", concat(Side::Prepend), Some(7), Extras::default()),
        ("MA C0", concat(Side::Append), None, Extras::default()),
    ] {
        assert_eq!(change(&format!("ms k 2 {flags}\r\nab")), (command, cas, extras), "{flags}");
    }
    assert!(change("ms aw== 2 b\r\nab").2.key_is_binary);
}

/// MCM-DEL-01, MCM-DEL-02, MCM-CAS-05, MCM-ARI-01, MCM-ARI-02, MCM-ARI-04 to MCM-ARI-06.
#[test]
fn md_and_ma_are_commands_of_the_binary_protocol() {
    use Direction::{Decrement, Increment};

    let delete = || Command::Delete { key: key() };
    let extras = |invalidates, expiry| Extras { invalidates, expiry, key_is_binary: false };
    for (line, cas, extras) in [
        ("md k", None, extras(false, None)),
        ("md k T9 q", None, extras(false, None)),
        ("md k C0", Some(0), extras(false, None)),
        ("md k I T0 C5", Some(5), extras(true, Some(0))),
    ] {
        assert_eq!(change(line), (delete(), cas, extras), "{line}");
    }
    let count = |direction, delta, initial, expiry| Command::Arithmetic {
        direction,
        key: key(),
        delta,
        initial,
        expiry,
    };
    for (line, command, cas, expiry) in [
        ("ma k", count(Increment, 1, 0, DO_NOT_CREATE), None, None),
        ("ma k MI C0", count(Increment, 1, 0, DO_NOT_CREATE), None, None),
        ("ma k M+ D5 T60", count(Increment, 5, 0, DO_NOT_CREATE), None, Some(60)),
        ("ma k MD C3", count(Decrement, 1, 0, DO_NOT_CREATE), Some(3), None),
        ("ma k M- N0 J13", count(Decrement, 1, 13, 0), None, None),
        ("ma k J13", count(Increment, 1, 13, DO_NOT_CREATE), None, None),
    ] {
        assert_eq!(change(line), (command, cas, extras(false, expiry)), "{line}");
    }
}

/// MCM-GEN-04, MCM-GEN-05, MCM-GEN-08, MCM-GEN-10 to MCM-GEN-13, MCM-KEY-07, MCM-SET-06, MCM-SET-08 to MCM-SET-11,
/// MCM-ARI-03, MCM-DBG-03.
#[test]
fn what_is_wrong_is_refused_in_memcacheds_words() {
    let (long, many) = ("k".repeat(251), "b c f h k l q s t u v P L O F1 D2 J3 N4".to_owned());
    for (line, refusal) in [
        ("mg", Refusal::UNKNOWN),
        ("ms", Refusal::UNKNOWN),
        ("md", Refusal::UNKNOWN),
        ("ma", Refusal::UNKNOWN),
        ("me", Refusal::FORMAT),
        ("mv k", Refusal::UNKNOWN),
        ("MG k", Refusal::UNKNOWN),
        ("mg LONG", Refusal::FORMAT),
        ("md LONG", Refusal::FORMAT),
        ("ma LONG", Refusal::FORMAT),
        ("me LONG", Refusal::FORMAT),
        ("ms LONG 7\r\nversion", Refusal::FORMAT),
        ("mg k v v", Refusal::DUPLICATE_FLAG),
        ("mg k k W", Refusal::FLAG),
        ("mg k another", Refusal::FLAG),
        ("md k q q", Refusal::FLAGS),
        ("ma k S", Refusal::FLAGS),
        ("ma k Dx", Refusal::FLAGS),
        ("ma k MII", Refusal::FLAGS),
        ("ma k Mi", Refusal::COUNT_MODE),
        ("ma k ME", Refusal::COUNT_MODE),
        ("md k T", Refusal::FLAGS),
        ("mg k T", Refusal::TOKEN),
        ("mg k Rx", Refusal::TOKEN),
        ("mg Zm9 b", Refusal::BASE64),
        ("md ==== b", Refusal::FLAGS),
        ("ma Zm9 b", Refusal::FLAGS),
        ("me Zm9 b", Refusal::FORMAT),
        ("mg k MANY", Refusal::TOO_MANY_OF_MG),
        ("md k MANY", Refusal::TOO_MANY),
        ("ms k", Refusal::FORMAT),
        ("ms k -1", Refusal::FORMAT),
        ("ms k v", Refusal::FORMAT),
        ("ms k 2147483646", Refusal::FORMAT),
        ("ms k 7 Z\r\nversion", Refusal::FLAG),
        ("ms k 7 S7\r\nversion", Refusal::FLAG),
        ("ms k 7 Me\r\nversion", Refusal::STORE_MODE),
        ("ms k 7 M\r\nversion", Refusal::MODE_LENGTH),
        ("ms k 7 F4294967296\r\nversion", Refusal::FORMAT),
        ("ms k 7 F\r\nversion", Refusal::FORMAT),
        ("ms Zm9 7 b\r\nversion", Refusal::BASE64),
        ("ms k 7 MANY\r\nversion", Refusal::TOO_MANY),
        ("ms k 7 q\r\nversionXY", Refusal::CHUNK),
    ] {
        let line = line.replace("LONG", &long).replace("MANY", &many);
        let end = if line.ends_with("XY") { "" } else { "\r\n" };
        let requests = decoded(&format!("{line}{end}mn\r\n"));
        assert_eq!(requests[0], text::Request::Refused { refusal, is_silent: false }, "{line}");
        assert!(matches!(requests[..], [_, text::Request::Meta(_)]), "{line}: {requests:?}");
    }
}

/// MCM-OPQ-02, MCM-OPQ-03.
#[test]
fn opaques_have_32_bytes() {
    for verb in ["mg k", "md k", "ma k", "ms k 1"] {
        for (len, fits) in [(0, true), (31, true), (32, true), (33, false)] {
            let requests = decoded(&format!("{verb} O{}\r\nx\r\n", "O".repeat(len)));
            let refusal = Refusal::OPAQUE;
            let refused = text::Request::Refused { refusal, is_silent: false };
            assert_eq!(requests[0] != refused, fits, "{verb} {len}");
        }
    }
}

fn facts() -> Facts {
    Facts {
        cas: Some(9),
        flags: Some(5),
        size: Some(2),
        ttl: Some(60),
        ttl_before: Some(-1),
        was_read: Some(true),
        idle: Some(3),
        key_is_binary: Some(false),
    }
}

/// MCM-GEN-02, MCM-GEN-03, MCM-GET-01 to MCM-GET-12, MCM-STA-10, MCM-KEY-03, MCM-KEY-05, MCM-KEY-06, MCM-OPQ-01.
#[test]
fn mg_is_answered_in_the_order_of_its_flags() {
    let (none, all) = (Tokens::default(), Tokens { is_taken: true, is_stale: true, is_won: true });
    let binary = Facts { key_is_binary: Some(true), ..facts() };
    for (line, facts, tokens, reply) in [
        ("mg k", facts(), none, "HD"),
        ("mg k v", facts(), none, "VA 2"),
        ("mg k q t c Oa s k f h l v", facts(), none, "VA 2 t-1 c9 Oa s2 kk f5 h1 l3"),
        ("mg k T60 t", facts(), none, "HD t60"),
        ("mg k t T60 O", facts(), none, "HD t-1 O"),
        ("mg k k Ob", facts(), all, "HD kk Ob Z X W"),
        ("mg aw== b k f", facts(), none, "HD kk f5"),
        ("mg k k f", binary, none, "HD kaw== b f5"),
        ("mg YSBi b k", facts(), none, "HD kYSBi b"),
    ] {
        let mut out = BytesMut::new();
        put_value_head(&one(line), 2, &facts, tokens, &mut out);
        assert_eq!(out, format!("{reply}\r\n"), "{line}");
    }
    for (line, reply) in [("mg k v f k t Oz", "EN kk Oz"), ("mg aw== k b s", "EN kaw== b")] {
        let mut out = BytesMut::new();
        put_miss(&one(line), &mut out);
        assert_eq!(out, format!("{reply}\r\n"), "{line}");
    }
}

/// MCM-QT-02 to MCM-QT-06, MCM-SET-07, MCM-OPQ-04, MCM-ARI-09.
#[test]
fn changes_are_answered_unless_they_are_quiet() {
    let failed = |status| Reply::Failed { status };
    let stored = || Reply::Stored { cas: 9 };
    let counter = || Reply::Counter { value: 13, cas: 9 };
    let facts = Facts { cas: Some(9), ttl: Some(60), ttl_before: Some(-1), ..Facts::default() };
    for (line, reply, text) in [
        ("ms k 1 c k Oq\r\nx", stored(), "HD c9 kk Oq\r\n"),
        ("ms k 1 q c\r\nx", stored(), ""),
        ("ms k 1 ME q c k\r\nx", failed(Status::KEY_EXISTS), "NS c0 kk\r\n"),
        ("ms k 1 MR\r\nx", failed(Status::KEY_NOT_FOUND), "NS\r\n"),
        ("ms k 1 MA\r\nx", failed(Status::NOT_STORED), "NS\r\n"),
        ("ms k 1 MA C1 q\r\nx", failed(Status::KEY_EXISTS), "EX\r\n"),
        ("ms k 1 C1 O1\r\nx", failed(Status::KEY_NOT_FOUND), "NF O1\r\n"),
        (
            "ms k 1 q k\r\nx",
            failed(Status::TOO_LARGE),
            "SERVER_ERROR object too large for cache\r\n",
        ),
        ("md k q k", Reply::Done, ""),
        ("md k k c", Reply::Done, "HD kk\r\n"),
        ("md k q k", failed(Status::KEY_NOT_FOUND), "NF kk\r\n"),
        ("md k q C1", failed(Status::KEY_EXISTS), "EX\r\n"),
        ("ma k", counter(), "HD\r\n"),
        ("ma k v t c", counter(), "VA 2 t-1 c9\r\n13\r\n"),
        ("ma k v T60 t q", counter(), ""),
        ("ma k q v k c t", failed(Status::KEY_NOT_FOUND), "NF kk\r\n"),
        (
            "ma k q O1",
            failed(Status::NON_NUMERIC),
            "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n",
        ),
    ] {
        let mut out = BytesMut::new();
        let facts = if line.starts_with("md") { Facts::default() } else { facts };
        put_outcome(&one(line), &reply, &facts, &mut out);
        assert_eq!(out, text, "{line}");
    }
}

/// MCM-DBG-01, MCM-DBG-02.
#[test]
fn me_tells_what_is_known() {
    let mut out = BytesMut::new();
    put_debug(&one("me k"), &facts(), 64, &mut out);
    assert_eq!(out, "ME k exp=60 la=3 cas=9 fetch=yes cls=1 size=64\r\n");
}
