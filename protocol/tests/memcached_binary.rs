//! Properties of the memcached binary codec: round trips, segmentation, bounds.

mod common;

use bytes::{Bytes, BytesMut};
use common::{any_bytes, any_cuts, cuts, every_byte, feed};
use lockproof_protocol::memcached_binary::{
    Command, Direction, Frame, Header, Limits, Opcode, Reply, ReplyDecoder, Request,
    RequestDecoder, Side, Status, StoreMode, Value,
};
use proptest::prelude::*;
use proptest::sample::select;

/// Small enough that some values of the strategies are above it.
const LIMITS: Limits = Limits { value_max: 300, key_max: 250, body_max: 1 << 30 };

/// What a decoder with these limits holds at most: header, extras, key and value.
const HELD_MAX: usize = 24 + 255 + 250 + 300;

fn key() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 1..=250).prop_map(Bytes::from)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => any_bytes(300).prop_map(|bytes| Value::Present(bytes.into())),
        1 => (301_u32..2000).prop_map(Value::TooLarge),
    ]
}

/// A loud opcode or its quiet form, with a command of its kind.
fn with_opcode(
    opcodes: &'static [Opcode],
    command: impl Strategy<Value = Command> + 'static,
) -> BoxedStrategy<(Opcode, Command)> {
    (select(opcodes), command).boxed()
}

fn stores() -> impl Strategy<Value = (Opcode, Command)> {
    let opcodes = select(
        &[
            (Opcode::SET, StoreMode::Set),
            (Opcode::SETQ, StoreMode::Set),
            (Opcode::ADD, StoreMode::Add),
            (Opcode::ADDQ, StoreMode::Add),
            (Opcode::REPLACE, StoreMode::Replace),
            (Opcode::REPLACEQ, StoreMode::Replace),
        ][..],
    );
    (opcodes, key(), any::<u32>(), any::<u32>(), value()).prop_map(
        |((opcode, mode), key, flags, expiry, value)| {
            (opcode, Command::Store { mode, key, flags, expiry, value })
        },
    )
}

fn concats() -> impl Strategy<Value = (Opcode, Command)> {
    let opcodes = select(
        &[
            (Opcode::APPEND, Side::Append),
            (Opcode::APPENDQ, Side::Append),
            (Opcode::PREPEND, Side::Prepend),
            (Opcode::PREPENDQ, Side::Prepend),
        ][..],
    );
    (opcodes, key(), value())
        .prop_map(|((opcode, side), key, value)| (opcode, Command::Concat { side, key, value }))
}

fn arithmetic() -> impl Strategy<Value = (Opcode, Command)> {
    let opcodes = select(
        &[
            (Opcode::INCREMENT, Direction::Increment),
            (Opcode::INCREMENTQ, Direction::Increment),
            (Opcode::DECREMENT, Direction::Decrement),
            (Opcode::DECREMENTQ, Direction::Decrement),
        ][..],
    );
    (opcodes, key(), any::<u64>(), any::<u64>(), any::<u32>()).prop_map(
        |((opcode, direction), key, delta, initial, expiry)| {
            (opcode, Command::Arithmetic { direction, key, delta, initial, expiry })
        },
    )
}

fn sasl() -> impl Strategy<Value = (Opcode, Command)> {
    let payload = || any_bytes(100).prop_map(|bytes| Value::Present(bytes.into()));
    prop_oneof![
        Just((Opcode::SASL_LIST_MECHS, Command::SaslListMechs)),
        (key(), payload()).prop_map(|(mechanism, payload)| {
            (Opcode::SASL_AUTH, Command::SaslAuth { mechanism, payload })
        }),
        (key(), payload()).prop_map(|(mechanism, payload)| {
            (Opcode::SASL_STEP, Command::SaslStep { mechanism, payload })
        }),
    ]
}

fn commands() -> impl Strategy<Value = (Opcode, Command)> {
    let unknown = any::<u8>().prop_map(Opcode).prop_filter("unknown", |o| !Opcode::ALL.contains(o));
    prop_oneof![
        with_opcode(
            &[Opcode::GET, Opcode::GETQ, Opcode::GETK, Opcode::GETKQ],
            key().prop_map(|key| Command::Get { key })
        ),
        stores(),
        concats(),
        arithmetic(),
        sasl(),
        with_opcode(
            &[Opcode::DELETE, Opcode::DELETEQ],
            key().prop_map(|key| Command::Delete { key })
        ),
        with_opcode(
            &[Opcode::TOUCH],
            (key(), any::<u32>()).prop_map(|(key, expiry)| Command::Touch { key, expiry })
        ),
        with_opcode(
            &[Opcode::GAT, Opcode::GATQ, Opcode::GATK, Opcode::GATKQ],
            (key(), any::<u32>()).prop_map(|(key, expiry)| Command::GetAndTouch { key, expiry })
        ),
        with_opcode(
            &[Opcode::FLUSH, Opcode::FLUSHQ],
            any::<u32>().prop_map(|delay| Command::Flush { delay })
        ),
        with_opcode(
            &[Opcode::STAT],
            any_bytes(250).prop_map(|group| Command::Stat { group: group.into() })
        ),
        with_opcode(&[Opcode::NOOP], Just(Command::Noop)),
        with_opcode(&[Opcode::VERSION], Just(Command::Version)),
        with_opcode(&[Opcode::QUIT, Opcode::QUITQ], Just(Command::Quit)),
        unknown.prop_map(|opcode| (opcode, Command::Unknown)),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    (commands(), any::<u32>(), any::<u64>()).prop_map(|((opcode, command), opaque, cas)| Request {
        opcode,
        opaque,
        cas,
        command,
    })
}

/// The request's bytes, with those of a value over the limit, which `encode` leaves to its caller.
fn bytes_of(request: &Request) -> BytesMut {
    let mut out = BytesMut::new();
    request.encode(&mut out);
    if let Command::Store { value: Value::TooLarge(len), .. }
    | Command::Concat { value: Value::TooLarge(len), .. } = request.command
    {
        out.resize(out.len() + len as usize, 0x80);
    }
    out
}

fn bytes(max: usize) -> impl Strategy<Value = Bytes> {
    any_bytes(max).prop_map(Bytes::from)
}

fn any_status() -> impl Strategy<Value = Status> {
    let no_error = [Status::SUCCESS, Status::AUTH_CONTINUE];
    any::<u16>().prop_map(Status).prop_filter("an error", move |status| !no_error.contains(status))
}

/// A reply with an opcode that has it.
fn reply() -> impl Strategy<Value = (Opcode, Reply)> {
    const HITS: &[Opcode] = &[Opcode::GET, Opcode::GETKQ, Opcode::GATQ, Opcode::GATK];
    const STORED: &[Opcode] = &[Opcode::SET, Opcode::ADDQ, Opcode::REPLACE, Opcode::PREPEND];
    const DONE: &[Opcode] = &[Opcode::DELETE, Opcode::FLUSHQ, Opcode::NOOP, Opcode::QUIT];
    const TEXT: &[Opcode] = &[Opcode::VERSION, Opcode::SASL_LIST_MECHS, Opcode::SASL_STEP];
    let pair = (prop::collection::vec(any::<u8>(), 1..20).prop_map(Bytes::from), bytes(20));
    prop_oneof![
        (select(DONE), Just(Reply::Done)),
        (select(STORED), any::<u64>().prop_map(|cas| Reply::Stored { cas })),
        (
            select(HITS),
            (any::<u32>(), any::<u64>(), bytes(400)).prop_map(|(flags, cas, value)| Reply::Found {
                flags,
                cas,
                value
            })
        ),
        (
            Just(Opcode::TOUCH),
            any::<(u32, u64)>().prop_map(|(flags, cas)| Reply::Touched { flags, cas })
        ),
        (
            select(&[Opcode::INCREMENT, Opcode::DECREMENTQ][..]),
            any::<(u64, u64)>().prop_map(|(value, cas)| Reply::Counter { value, cas })
        ),
        (select(TEXT), bytes(60).prop_map(Reply::Text)),
        (Just(Opcode::SASL_AUTH), bytes(60).prop_map(Reply::AuthContinue)),
        (Just(Opcode::STAT), prop::collection::vec(pair, 0..5).prop_map(Reply::Stats)),
        (any::<u8>().prop_map(Opcode), any_status().prop_map(|status| Reply::Failed { status })),
    ]
}

/// A packet's status, CAS and parts.
type Packet = (Status, u64, [Vec<u8>; 3]);

fn packet(frame: &Frame) -> Packet {
    let parts = [&frame.extras, &frame.key, &frame.value];
    (frame.status(), frame.header.cas, parts.map(|part| part.to_vec()))
}

/// What a reply to `opcode` consists of, by the requirements.
fn packets(reply: &Reply, opcode: Opcode, key: &[u8]) -> Vec<Packet> {
    let echo = if opcode.with_key() { key } else { b"" };
    let ok = |cas, extras: &[u8], key: &[u8], value: &[u8]| {
        (Status::SUCCESS, cas, [extras, key, value].map(<[u8]>::to_vec))
    };
    let last = match reply {
        Reply::Done => ok(0, b"", b"", b""),
        Reply::Stored { cas } => ok(*cas, b"", b"", b""),
        Reply::Found { flags, cas, value } => ok(*cas, &flags.to_be_bytes(), echo, value),
        Reply::Touched { flags, cas } => ok(*cas, &flags.to_be_bytes(), b"", b""),
        Reply::Counter { value, cas } => ok(*cas, b"", b"", &value.to_be_bytes()),
        Reply::Text(text) => ok(0, b"", b"", text),
        Reply::AuthContinue(text) => {
            (Status::AUTH_CONTINUE, 0, [Vec::new(), Vec::new(), text.to_vec()])
        }
        Reply::Stats(pairs) => {
            let pairs = pairs.iter().map(|(name, value)| ok(0, b"", name, value));
            return pairs.chain([ok(0, b"", b"", b"")]).collect();
        }
        Reply::Failed { status: status @ Status::KEY_NOT_FOUND } if opcode.with_key() => {
            (*status, 0, [Vec::new(), echo.to_vec(), Vec::new()])
        }
        Reply::Failed { status } => {
            (*status, 0, [Vec::new(), Vec::new(), status.text().as_bytes().to_vec()])
        }
        Reply::FailedWith { status, text } => {
            (*status, 0, [Vec::new(), Vec::new(), text.as_bytes().to_vec()])
        }
    };
    vec![last]
}

/// Bytes that begin like a frame: the fields are near the limits more often than chance has it.
fn near_frame() -> impl Strategy<Value = Vec<u8>> {
    let magic = prop_oneof![20 => Just(0x80), 1 => Just(0x81), 1 => any::<u8>()];
    let opcode = prop_oneof![0_u8..0x28, any::<u8>()];
    let key_len = prop_oneof![6 => 0_u16..6, 1 => 249_u16..253, 1 => any::<u16>()];
    let extras_len = prop_oneof![6 => select(&[0_u8, 4, 8, 20][..]), 1 => any::<u8>()];
    let value_len =
        prop_oneof![4 => -1_i64..40, 1 => 295_i64..700, 1 => any::<u32>().prop_map(i64::from)];
    (magic, opcode, key_len, extras_len, value_len, any_bytes(700)).prop_map(
        |(magic, opcode, key_len, extras_len, value_len, body)| {
            let body_len = i64::from(key_len) + i64::from(extras_len) + value_len;
            let header = Header {
                magic,
                opcode: Opcode(opcode),
                key_len,
                extras_len,
                data_type: 0,
                status_or_vbucket: 0,
                body_len: u32::try_from(body_len.max(0)).unwrap_or(u32::MAX),
                opaque: 7,
                cas: 0,
            };
            let mut out = BytesMut::new();
            header.encode(&mut out);
            // Mostly the announced body, so that the stream goes on behind it.
            let len = usize::try_from(body_len).unwrap_or(0).min(body.len());
            out.extend_from_slice(&body[..len]);
            out.to_vec()
        },
    )
}

proptest! {
    #[test]
    fn requests_survive_any_segmentation(
        requests in prop::collection::vec(request(), 1..6),
        at in any_cuts(),
    ) {
        let stream: Vec<u8> = requests.iter().flat_map(bytes_of).collect();
        for cuts in [cuts(&at, stream.len()), every_byte(stream.len())] {
            let mut decoder = RequestDecoder::new(LIMITS);
            let fed = feed(&stream, &cuts, HELD_MAX, |input| decoder.decode(input));
            prop_assert_eq!(fed.error, None);
            prop_assert!(fed.rest.is_empty());
            let read: Vec<_> =
                fed.frames.into_iter().map(|frame| Request::from_frame(frame).unwrap()).collect();
            prop_assert_eq!(&read, &requests);
        }
    }

    #[test]
    fn replies_survive_any_segmentation(
        replies in prop::collection::vec((reply(), any::<u32>()), 1..6),
        key in key(),
        at in any_cuts(),
    ) {
        let mut out = BytesMut::new();
        for ((opcode, reply), opaque) in &replies {
            reply.encode(*opcode, *opaque, &key, &mut out);
        }
        for cuts in [cuts(&at, out.len()), every_byte(out.len())] {
            let mut decoder = ReplyDecoder::new(1 << 20);
            let fed = feed(&out, &cuts, out.len(), |input| decoder.decode(input));
            prop_assert_eq!(fed.error, None);
            prop_assert!(fed.rest.is_empty());
            let read: Vec<_> = fed.frames.iter().map(packet).collect();
            let sent = replies.iter();
            let sent = sent.flat_map(|((opcode, reply), _)| packets(reply, *opcode, &key));
            prop_assert_eq!(read, sent.collect::<Vec<_>>());
            let mut answered: Vec<_> =
                fed.frames.iter().map(|f| (f.header.opcode, f.header.opaque)).collect();
            answered.dedup();
            let mut asked: Vec<_> =
                replies.iter().map(|((opcode, _), opaque)| (*opcode, *opaque)).collect();
            asked.dedup();
            prop_assert_eq!(answered, asked);
        }
    }

    #[test]
    fn hostile_bytes_give_the_same_in_any_segmentation_and_are_never_held(
        parts in prop::collection::vec(near_frame(), 0..8),
        junk in any_bytes(60),
        at in any_cuts(),
    ) {
        let mut stream = parts.concat();
        stream.extend(junk);
        let run = |cuts: &[usize]| {
            let mut decoder = RequestDecoder::new(LIMITS);
            let held_max = if cuts.is_empty() { usize::MAX } else { HELD_MAX };
            let fed = feed(&stream, cuts, held_max, |input| decoder.decode(input));
            for frame in &fed.frames {
                // What a decoder lets through has a meaning.
                Request::from_frame(frame.clone()).unwrap();
            }
            fed
        };
        let whole = run(&[]);
        prop_assert_eq!(&run(&cuts(&at, stream.len())), &whole);
        prop_assert_eq!(&run(&every_byte(stream.len())), &whole);
    }

    #[test]
    fn hostile_replies_give_the_same_in_any_segmentation(
        parts in prop::collection::vec(near_frame(), 0..8),
        at in any_cuts(),
    ) {
        let mut stream = parts.concat();
        let mut from = 0;
        // The strategy makes requests: give each the other magic.
        for part in &parts {
            stream[from] ^= 1;
            from += part.len();
        }
        let run = |cuts: &[usize]| {
            let mut decoder = ReplyDecoder::new(2000);
            let held_max = if cuts.is_empty() { usize::MAX } else { 24 + 2000 };
            feed(&stream, cuts, held_max, |input| decoder.decode(input))
        };
        let whole = run(&[]);
        prop_assert_eq!(&run(&cuts(&at, stream.len())), &whole);
        prop_assert_eq!(&run(&every_byte(stream.len())), &whole);
    }

    #[test]
    fn frames_survive_a_round_trip(
        extras in any_bytes(255),
        key in any_bytes(250),
        value in any_bytes(300),
        opaque: u32,
        cas: u64,
        vbucket: u16,
        data_type: u8,
    ) {
        // An unknown opcode may have any shape (MCB-LIM-15).
        let header = Header {
            magic: 0x80,
            opcode: Opcode(0x50),
            key_len: u16::try_from(key.len()).unwrap(),
            extras_len: u8::try_from(extras.len()).unwrap(),
            data_type,
            status_or_vbucket: vbucket,
            body_len: u32::try_from(extras.len() + key.len() + value.len()).unwrap(),
            opaque,
            cas,
        };
        let (extras, key, value) = (extras.into(), key.into(), value.into());
        let frame = Frame { header, extras, key, value, skipped: 0, lacked_memory: false };
        let mut bytes = BytesMut::new();
        header.encode(&mut bytes);
        for part in [&frame.extras, &frame.key, &frame.value] {
            bytes.extend_from_slice(part);
        }
        let read = RequestDecoder::new(LIMITS).decode(&mut bytes);
        prop_assert_eq!(read, Ok(Some(frame)));
        prop_assert!(bytes.is_empty());
    }
}
