//! The locker codec: round trips, segmentation, bounds, in both dialects.

mod common;

use bytes::{BufMut, Bytes, BytesMut};
use common::{any_bytes, any_cuts, cuts, every_byte, feed};
use lockproof_protocol::locker::{
    Dialect, Frame, Layout, Limits, Outcome, Reply, ReplyDecoder, Request, RequestDecoder, Results,
    SEPARATOR, Verb, parse, split_keys,
};
use proptest::prelude::*;
use proptest::sample::select;

const LIMITS: Limits = Limits { body_max: 2000, keys_max: 8, key_max: 100 };

/// What a decoder with these limits holds at most: header and body.
fn held_max(dialect: Dialect) -> usize {
    dialect.layout.header_len() + 2000
}

fn dialect() -> impl Strategy<Value = Dialect> {
    let layout = select(&[Layout::Natural, Layout::Packed][..]);
    let results = select(&[Results::Small, Results::Errno][..]);
    (layout, results).prop_map(|(layout, results)| Dialect { layout, results })
}

/// Whether a key is read back as it was, wherever it stands.
fn is_safe(key: &[u8]) -> bool {
    let body = [key, SEPARATOR, b"next"].concat();
    !key.is_empty() && split_keys(&body).eq([key, b"next"])
}

/// Keys made of pieces of the separator as often as of other bytes.
fn safe_key() -> impl Strategy<Value = Bytes> {
    let piece = prop_oneof![
        select(&["#", "#!@^^$", "!@^^$#", "#!@", "user@example.com", "\0", "a"][..])
            .prop_map(|piece| piece.as_bytes().to_vec()),
        any_bytes(10),
    ];
    prop::collection::vec(piece, 1..5)
        .prop_map(|pieces| Bytes::from(pieces.concat()))
        .prop_filter("safe", |key| is_safe(key))
}

fn request() -> impl Strategy<Value = Request> {
    let verb = select(&[Verb::Get, Verb::Release, Verb::Query][..]);
    let single = safe_key().prop_map(|key| (false, vec![key]));
    let batch = prop::collection::vec(safe_key(), 1..8).prop_map(|keys| (true, keys));
    (verb, prop_oneof![single, batch]).prop_map(|(verb, (batch, keys))| Request {
        verb,
        batch,
        keys,
    })
}

fn reply() -> impl Strategy<Value = Reply> {
    (0_u8..=6, select(&Outcome::ALL[..])).prop_map(|(cmd, outcome)| Reply { cmd, outcome })
}

/// Bytes that begin like a frame.
fn near_frame() -> impl Strategy<Value = (Frame, Option<u64>)> {
    let cmd = prop_oneof![3 => 122_u8..=127, 1 => any::<u8>()];
    let number = prop_oneof![3 => -1_i32..4, 1 => any::<i32>()];
    let piece = select(&["#!@^^$#", "#!@^^$", "a", ""][..]);
    let body = prop::collection::vec(piece, 0..6).prop_map(|pieces| Bytes::from(pieces.concat()));
    let lie = prop_oneof![9 => Just(None), 1 => any::<u64>().prop_map(Some)];
    (cmd, number, body, lie).prop_map(|(cmd, number, body, lie)| (Frame { cmd, number, body }, lie))
}

fn encode_lie(layout: Layout, (frame, lie): &(Frame, Option<u64>), out: &mut BytesMut) {
    let start = out.len();
    let end = start + layout.header_len();
    out.put_u8(frame.cmd);
    out.resize(end - 12, 0);
    out.put_i32_le(frame.number);
    out.put_u64_le(lie.unwrap_or(frame.body.len() as u64));
    out.extend_from_slice(&frame.body);
}

proptest! {
    #[test]
    fn requests_survive_any_segmentation(
        dialect in dialect(),
        requests in prop::collection::vec(request(), 1..6),
        at in any_cuts(),
    ) {
        let mut stream = BytesMut::new();
        for request in &requests {
            request.encode(dialect, &mut stream);
        }
        for cuts in [cuts(&at, stream.len()), every_byte(stream.len())] {
            let mut decoder = RequestDecoder::new(dialect, LIMITS);
            let fed = feed(&stream, &cuts, held_max(dialect), |input| decoder.decode(input));
            prop_assert_eq!(fed.error, None);
            prop_assert!(fed.rest.is_empty());
            let read: Result<Vec<_>, _> =
                fed.frames.into_iter().map(|frame| parse(frame, &LIMITS)).collect();
            prop_assert_eq!(read.as_ref(), Ok(&requests));
        }
    }

    #[test]
    fn replies_survive_any_segmentation(
        dialect in dialect(),
        replies in prop::collection::vec(reply(), 1..20),
        at in any_cuts(),
    ) {
        let mut stream = BytesMut::new();
        for reply in &replies {
            reply.encode(dialect, &mut stream);
        }
        prop_assert_eq!(stream.len(), replies.len() * 2);
        for cuts in [cuts(&at, stream.len()), every_byte(stream.len())] {
            let mut decoder = ReplyDecoder::new(dialect);
            let fed = feed(&stream, &cuts, 1, |input| decoder.decode(input));
            prop_assert_eq!(fed.error, None);
            prop_assert!(fed.rest.is_empty());
            prop_assert_eq!(&fed.frames, &replies);
        }
    }

    #[test]
    fn hostile_requests_give_the_same_in_any_segmentation_and_are_never_held(
        dialect in dialect(),
        frames in prop::collection::vec(near_frame(), 0..8),
        junk in any_bytes(40),
        at in any_cuts(),
    ) {
        let mut stream = BytesMut::new();
        for frame in &frames {
            encode_lie(dialect.layout, frame, &mut stream);
        }
        stream.extend_from_slice(&junk);
        let run = |cuts: &[usize]| {
            let mut decoder = RequestDecoder::new(dialect, LIMITS);
            let held_max = if cuts.is_empty() { usize::MAX } else { held_max(dialect) };
            let fed = feed(&stream, cuts, held_max, |input| decoder.decode(input));
            let parsed: Vec<_> =
                fed.frames.iter().map(|frame| parse(frame.clone(), &LIMITS)).collect();
            (fed, parsed)
        };
        let whole = run(&[]);
        prop_assert_eq!(&run(&cuts(&at, stream.len())), &whole);
        prop_assert_eq!(&run(&every_byte(stream.len())), &whole);
    }

    #[test]
    fn hostile_replies_give_the_same_in_any_segmentation(
        dialect in dialect(),
        stream in prop::collection::vec(0_u8..9, 0..40),
        at in any_cuts(),
    ) {
        let run = |cuts: &[usize]| {
            let mut decoder = ReplyDecoder::new(dialect);
            feed(&stream, cuts, stream.len(), |input| decoder.decode(input))
        };
        let whole = run(&[]);
        prop_assert_eq!(&run(&cuts(&at, stream.len())), &whole);
        prop_assert_eq!(&run(&every_byte(stream.len())), &whole);
    }

    /// LKR-002: the padding never influences anything.
    #[test]
    fn padding_is_ignored(request in request(), padding: [u8; 3]) {
        let mut stream = BytesMut::new();
        request.encode(Dialect::default(), &mut stream);
        prop_assert_eq!(&stream[1..4], &[0; 3], "our own is zero (LKR-802)");
        stream[1..4].copy_from_slice(&padding);
        let frame = RequestDecoder::new(Dialect::default(), LIMITS).decode(&mut stream);
        prop_assert_eq!(parse(frame.unwrap().unwrap(), &LIMITS), Ok(request));
    }
}
