//! The locker's layouts, limits, check order and numbers, byte for byte.

use bytes::{Bytes, BytesMut};
use lockproof_protocol::locker::{
    Dialect, Frame, Layout, Limits, Outcome, Reply, ReplyDecoder, Request, RequestDecoder, Results,
    Verb, parse,
};

const NATURAL: Dialect = Dialect { layout: Layout::Natural, results: Results::Small };
const PACKED: Dialect = Dialect { layout: Layout::Packed, results: Results::Errno };

fn request(verb: Verb, batch: bool, keys: &[&'static str]) -> Request {
    let keys = keys.iter().map(|key| Bytes::from_static(key.as_bytes())).collect();
    Request { verb, batch, keys }
}

fn encode(request: &Request, dialect: Dialect) -> BytesMut {
    let mut out = BytesMut::new();
    request.encode(dialect, &mut out);
    out
}

/// The outcome that a frame is answered with before any lock is looked at.
fn check(cmd: u8, number: i32, body: &'static [u8], limits: &Limits) -> Result<usize, Outcome> {
    let frame = Frame { cmd, number, body: Bytes::from_static(body) };
    parse(frame, limits).map(|request| request.keys.len())
}

#[test]
fn six_commands_are_their_bytes() {
    let cases = [
        (Verb::Get, false, 127),
        (Verb::Get, true, 126),
        (Verb::Release, false, 125),
        (Verb::Release, true, 124),
        (Verb::Query, false, 123),
        (Verb::Query, true, 122),
    ];
    for (verb, batch, cmd) in cases {
        let request = request(verb, batch, &["key"]);
        let natural = [&[cmd, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0], &b"key"[..]].concat();
        assert_eq!(encode(&request, NATURAL)[..], natural);
        let packed = [&[cmd, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0], &b"key"[..]].concat();
        assert_eq!(encode(&request, PACKED)[..], packed);
        for (dialect, bytes) in [(NATURAL, natural), (PACKED, packed)] {
            let mut input = BytesMut::from(&bytes[..]);
            let mut decoder = RequestDecoder::new(dialect, Limits::default());
            let frame = decoder.decode(&mut input).unwrap().unwrap();
            assert_eq!(parse(frame, &Limits::default()).as_ref(), Ok(&request));
        }
    }
}

#[test]
fn batch_body_is_keys_and_separators() {
    let out = encode(&request(Verb::Get, true, &["a", "user@example.com", "a"]), NATURAL);
    assert_eq!(&out[..16], b"\x7e\0\0\0\x03\0\0\0\x20\0\0\0\0\0\0\0");
    assert_eq!(&out[16..], b"a#!@^^$#user@example.com#!@^^$#a");
}

#[test]
fn reply_command_is_128_less_the_request() {
    for cmd in 0..=u8::MAX {
        let expected = if (122..=127).contains(&cmd) { 128 - cmd } else { 0 };
        assert_eq!(Reply::to(cmd, Outcome::Ok).cmd, expected, "cmd {cmd}");
        let known = check(cmd, 1, b"key", &Limits::default());
        assert_eq!(known == Err(Outcome::UnknownCommand), expected == 0, "cmd {cmd}");
    }
}

#[test]
fn outcomes_are_their_numbers_in_both_dialects() {
    let errno = [0, 16, 1, 22, 38, 90, 12, 114];
    for (small, (outcome, errno)) in (0..).zip(Outcome::ALL.into_iter().zip(errno)) {
        assert_eq!(outcome.to_byte(Results::Small), small);
        assert_eq!(outcome.to_byte(Results::Errno), errno);
        assert_eq!(Outcome::from_byte(small, Results::Small), Some(outcome));
        assert_eq!(Outcome::from_byte(errno, Results::Errno), Some(outcome));
    }
    assert_eq!(Outcome::from_byte(8, Results::Small), None);
    assert_eq!(Outcome::from_byte(2, Results::Errno), None);
}

#[test]
fn foreign_result_is_refused() {
    let error = ReplyDecoder::new(NATURAL).decode(&mut BytesMut::from(&[1, 8][..])).unwrap_err();
    assert_eq!((error.field, error.offset), ("result", 1));
}

#[test]
fn length_over_the_limit_is_refused_at_once_and_reserves_nothing() {
    let limits = Limits { body_max: 1000, ..Limits::default() };
    for dialect in [NATURAL, PACKED] {
        for length in [1001, 1 << 31, 1 << 63, u64::MAX] {
            let mut input = encode(&request(Verb::Query, false, &[""]), dialect);
            let end = input.len();
            input[end - 8..].copy_from_slice(&length.to_le_bytes());
            let capacity = input.capacity();
            let mut decoder = RequestDecoder::new(dialect, limits);
            let refused = decoder.decode(&mut input).unwrap_err();
            assert_eq!((refused.cmd, refused.error.value), (123, length));
            assert_eq!((refused.error.field, refused.error.offset), ("length", end - 8));
            assert_eq!(input.capacity(), capacity);
        }
        let mut input = encode(&request(Verb::Query, false, &[""]), dialect);
        let end = input.len();
        input[end - 8..].copy_from_slice(&1000_u64.to_le_bytes());
        assert_eq!(RequestDecoder::new(dialect, limits).decode(&mut input), Ok(None));
    }
}

#[test]
fn big_endian_header_is_refused() {
    let mut input = BytesMut::from(&b"\x7f\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x03key"[..]);
    assert!(RequestDecoder::new(NATURAL, Limits::default()).decode(&mut input).is_err());
}

#[test]
fn number_must_be_the_count_of_keys() {
    let limits = Limits::default();
    for number in [0, -1, i32::MIN, 1, 3, i32::MAX] {
        let got = check(126, number, b"a#!@^^$#b", &limits);
        assert_eq!(got, Err(Outcome::Malformed), "number {number}");
    }
    assert_eq!(check(126, 2, b"a#!@^^$#b", &limits), Ok(2));
    assert_eq!(check(127, 2, b"a#!@^^$#b", &limits), Err(Outcome::Malformed));
    assert_eq!(check(127, 1, b"a#!@^^$#b", &limits), Err(Outcome::Malformed));
    assert_eq!(check(126, 1, b"a", &limits), Ok(1));
}

#[test]
fn empty_key_is_malformed_wherever_it_stands() {
    let bodies: [(&[u8], i32); 5] =
        [(b"", 1), (b"#!@^^$#a", 2), (b"a#!@^^$#", 2), (b"a#!@^^$##!@^^$#b", 3), (b"#!@^^$#", 2)];
    for (body, number) in bodies {
        assert_eq!(check(126, number, body, &Limits::default()), Err(Outcome::Malformed));
    }
    assert_eq!(check(127, 1, b"", &Limits::default()), Err(Outcome::Malformed));
}

#[test]
fn keys_are_counted_and_measured_at_the_limit_and_over_it() {
    let limits = Limits { keys_max: 2, key_max: 3, ..Limits::default() };
    assert_eq!(check(126, 2, b"aaa#!@^^$#bbb", &limits), Ok(2));
    assert_eq!(check(126, 2, b"aaa#!@^^$#bbbb", &limits), Err(Outcome::TooLarge));
    assert_eq!(check(126, 3, b"a#!@^^$#b#!@^^$#c", &limits), Err(Outcome::TooLarge));
    assert_eq!(check(125, 1, b"aaa", &limits), Ok(1));
    assert_eq!(check(125, 1, b"aaaa", &limits), Err(Outcome::TooLarge));
}

/// LKR-109: of two failing checks the earlier one answers.
#[test]
fn checks_answer_in_their_order() {
    let limits = Limits { keys_max: 1, key_max: 1, ..Limits::default() };
    let unknown_and_malformed = check(1, 0, b"", &limits);
    assert_eq!(unknown_and_malformed, Err(Outcome::UnknownCommand));
    let malformed_and_many = check(126, 1, b"a#!@^^$#b", &limits);
    assert_eq!(malformed_and_many, Err(Outcome::Malformed));
    let malformed_and_long = check(125, 2, b"aa", &limits);
    assert_eq!(malformed_and_long, Err(Outcome::Malformed));
    let empty_and_long = check(124, 2, b"aa#!@^^$#", &limits);
    assert_eq!(empty_and_long, Err(Outcome::Malformed));
}

#[test]
fn keys_share_memory_with_the_input() {
    let mut input = encode(&request(Verb::Get, true, &["first", "second"]), NATURAL);
    let range = input.as_ptr_range();
    let mut decoder = RequestDecoder::new(NATURAL, Limits::default());
    let frame = decoder.decode(&mut input).unwrap().unwrap();
    let keys = parse(frame, &Limits::default()).unwrap().keys;
    assert!(keys.iter().all(|key| range.contains(&key.as_ptr())));
}

#[test]
fn frame_is_given_up_as_soon_as_its_header_is_there() {
    for dialect in [NATURAL, PACKED] {
        let whole = encode(&request(Verb::Get, false, &["key"]), dialect);
        let header = whole.len() - b"key".len();
        let decoder = RequestDecoder::new(dialect, Limits::default());
        let cmd = |len: usize| decoder.gives_up(&BytesMut::from(&whole[..len])).map(|it| it.cmd);
        assert_eq!((cmd(header - 1), cmd(header), cmd(header + 1)), (None, Some(127), Some(127)));
    }
}
