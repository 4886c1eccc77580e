//! The golden vectors G01 to G27: bytes in, typed request and reply, bytes out.

use bytes::{Bytes, BytesMut};
use lockproof_protocol::memcached_binary::{
    Command, Direction, Limits, Opcode, Reply, ReplyDecoder, Request, RequestDecoder, RequestError,
    Side, Status, StoreMode, Value,
};

const VECTORS: &str = include_str!("memcached_binary_golden.txt");

/// One vector: its number, the request's bytes, the reply's (empty for none).
struct Vector {
    id: u32,
    request: Vec<u8>,
    reply: Vec<u8>,
}

fn vectors() -> Vec<Vector> {
    let lines: Vec<_> = VECTORS.lines().filter(|line| !line.starts_with('#')).collect();
    lines
        .chunks(3)
        .map(|lines| Vector {
            id: lines[0][1..3].parse().unwrap(),
            request: hex(lines[1].strip_prefix("  > ").unwrap()),
            reply: hex(lines[2].strip_prefix("  < ").unwrap()),
        })
        .collect()
}

fn hex(text: &str) -> Vec<u8> {
    if text == "(nothing)" {
        return Vec::new();
    }
    let digits: String = text.chars().filter(|char| *char != ' ').collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn store(mode: StoreMode, flags: u32, expiry: u32, text: &'static str) -> Command {
    let value = Value::Present(bytes(text));
    Command::Store { mode, key: bytes("Hello"), flags, expiry, value }
}

fn count(direction: Direction, key: &'static str, expiry: u32) -> Command {
    Command::Arithmetic { direction, key: bytes(key), delta: 1, initial: 0, expiry }
}

/// What each request asks: opcode, CAS, command. G27 asks nothing: it is malformed.
fn asked(id: u32) -> (Opcode, u64, Command) {
    let key = || bytes("Hello");
    let append =
        || Command::Concat { side: Side::Append, key: key(), value: Value::Present(bytes("!")) };
    let add = || store(StoreMode::Add, 0xdead_beef, 3600, "World");
    let up = |key, expiry| count(Direction::Increment, key, expiry);
    let (opcode, command) = match id {
        1 => (Opcode::NOOP, Command::Noop),
        2 => (Opcode::VERSION, Command::Version),
        3 | 7 => (Opcode::GET, Command::Get { key: key() }),
        4 | 8 => (Opcode::GETK, Command::Get { key: key() }),
        5 => (Opcode::GETQ, Command::Get { key: key() }),
        6 | 9 => (Opcode::ADD, add()),
        10 => return (Opcode::SET, 0x7fff_ffff, store(StoreMode::Set, 0, 0, "x")),
        11 => (Opcode::SETQ, store(StoreMode::Set, 0, 0, "World")),
        12 | 21 => (Opcode::APPEND, append()),
        13 | 14 => (Opcode::INCREMENT, up("counter", 3600)),
        15 => (Opcode::DECREMENT, count(Direction::Decrement, "absent", u32::MAX)),
        16 => (Opcode::INCREMENT, up("Hello", 0)),
        17 => (Opcode::TOUCH, Command::Touch { key: key(), expiry: 3600 }),
        18 => (Opcode::GATK, Command::GetAndTouch { key: key(), expiry: 3600 }),
        19 => (Opcode::DELETE, Command::Delete { key: key() }),
        20 => (Opcode::DELETEQ, Command::Delete { key: key() }),
        22 => (Opcode::STAT, Command::Stat { group: bytes("reset") }),
        23 => (Opcode(0x50), Command::Unknown),
        24 => (Opcode::SASL_LIST_MECHS, Command::SaslListMechs),
        25 => (Opcode::FLUSH, Command::Flush { delay: 0 }),
        26 => (Opcode::QUIT, Command::Quit),
        _ => panic!("no vector G{id:02}"),
    };
    (opcode, 0, command)
}

/// What each reply answers, suppressed or not.
fn answered(id: u32) -> Reply {
    let failed = |status| Reply::Failed { status };
    match id {
        1 | 19 | 25 | 26 => Reply::Done,
        2 => Reply::Text(bytes("1.6.18")),
        3 | 4 | 5 | 15 | 20 => failed(Status::KEY_NOT_FOUND),
        6 => Reply::Stored { cas: 1 },
        7 | 8 => Reply::Found { flags: 0xdead_beef, cas: 1, value: bytes("World") },
        9 | 10 => failed(Status::KEY_EXISTS),
        11 => Reply::Stored { cas: 2 },
        12 => Reply::Stored { cas: 3 },
        13 => Reply::Counter { value: 0, cas: 4 },
        14 => Reply::Counter { value: 1, cas: 5 },
        16 => failed(Status::NON_NUMERIC),
        17 => Reply::Touched { flags: 0, cas: 3 },
        18 => Reply::Found { flags: 0, cas: 3, value: bytes("World!") },
        21 => failed(Status::NOT_STORED),
        22 => Reply::Stats(Vec::new()),
        23 | 24 => failed(Status::UNKNOWN_COMMAND),
        _ => panic!("no vector G{id:02}"),
    }
}

fn decode_request(bytes: &[u8]) -> Result<Request, RequestError> {
    let mut input = BytesMut::from(bytes);
    let frame = RequestDecoder::new(Limits::default()).decode(&mut input)?.unwrap();
    assert!(input.is_empty());
    Ok(Request::from_frame(frame).unwrap())
}

#[test]
fn requests_decode_to_their_meaning_and_back() {
    for vector in vectors().into_iter().filter(|vector| vector.id != 27) {
        let (opcode, cas, command) = asked(vector.id);
        let request = decode_request(&vector.request).unwrap();
        let opaque = request.opaque;
        assert_eq!(request, Request { opcode, opaque, cas, command }, "G{:02}", vector.id);
        let mut out = BytesMut::new();
        request.encode(&mut out);
        assert_eq!(out[..], vector.request, "G{:02}", vector.id);
    }
}

#[test]
fn replies_encode_to_the_bytes_of_memcached() {
    for vector in vectors().into_iter().filter(|vector| vector.id != 27) {
        let request = decode_request(&vector.request).unwrap();
        let (opcode, reply) = (asked(vector.id).0, answered(vector.id));
        let mut out = BytesMut::new();
        if !opcode.suppresses(reply.status()) {
            let key = request.key().cloned().unwrap_or_default();
            reply.encode(opcode, request.opaque, &key, &mut out);
        }
        assert_eq!(out[..], vector.reply, "G{:02}", vector.id);
    }
}

#[test]
fn replies_decode_to_their_frames() {
    for vector in vectors().into_iter().filter(|vector| vector.id != 27) {
        let mut input = BytesMut::from(&vector.reply[..]);
        let frame = ReplyDecoder::new(1 << 20).decode(&mut input).unwrap();
        let Some(frame) = frame else {
            assert!([5, 11].contains(&vector.id), "only these two are quiet");
            continue;
        };
        assert!(input.is_empty());
        let (opcode, reply) = (asked(vector.id).0, answered(vector.id));
        assert_eq!(frame.header.opcode, opcode, "G{:02}", vector.id);
        assert_eq!(frame.status(), reply.status(), "G{:02}", vector.id);
        let mut header = BytesMut::new();
        frame.header.encode(&mut header);
        let parts = [&header[..], &frame.extras, &frame.key, &frame.value].concat();
        assert_eq!(parts, vector.reply, "G{:02}", vector.id);
    }
}

#[test]
fn get_without_key_is_fatal_and_answered() {
    let vector = vectors().pop().unwrap();
    let Err(RequestError::Fatal { opcode, opaque, status, error }) =
        decode_request(&vector.request)
    else {
        panic!("G27 is malformed");
    };
    assert_eq!((vector.id, opaque, error.field, error.offset), (27, 0x1b, "key length", 2));
    let mut out = BytesMut::new();
    Reply::Failed { status }.encode(opcode, opaque, b"", &mut out);
    assert_eq!(out[..], vector.reply);
}

#[test]
fn all_27_vectors_are_here() {
    let ids: Vec<_> = vectors().iter().map(|vector| vector.id).collect();
    assert_eq!(ids, (1..=27).collect::<Vec<_>>());
}
