//! The NetMem codec: bytes of the original program, round trips, segmentation, bounds.

mod common;

use bytes::{Bytes, BytesMut};
use common::{any_bytes, any_cuts, cuts, every_byte, feed};
use lockproof_protocol::FrameError;
use lockproof_protocol::netmem::{
    HEADER_LEN, Header, Kind, PageReply, Reply, ReplyDecoder, Request, RequestDecoder, WriteReply,
};
use proptest::prelude::*;
use proptest::sample::select;

/// Small enough that some payloads of the strategies are above it.
const PAYLOAD_MAX: u32 = 300;

fn bytes(max: usize) -> impl Strategy<Value = Bytes> {
    any_bytes(max).prop_map(Bytes::from)
}

fn request() -> impl Strategy<Value = Request> {
    let at = any::<(u32, i32)>;
    prop_oneof![
        Just(Request::GetVersion),
        Just(Request::GetParams),
        at().prop_map(|(page, version)| Request::Read { page, version }),
        at().prop_map(|(page, version)| Request::Lock { page, version }),
        (at(), bytes(300)).prop_map(|((page, version), data)| Request::Unlock {
            page,
            version,
            data
        }),
        (at(), bytes(300)).prop_map(|((page, version), data)| Request::Update {
            page,
            version,
            data
        }),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    let at = any::<(u32, i32)>;
    let data = prop::option::of(bytes(300).prop_filter("some data", |data| !data.is_empty()));
    let page_reply = select(&[PageReply::Read, PageReply::Lock][..]);
    let write_reply = select(&[WriteReply::Unlock, WriteReply::Update][..]);
    prop_oneof![
        any::<[u8; 4]>().prop_map(|[api_major, api_minor, server_major, server_minor]| {
            Reply::Version { api_major, api_minor, server_major, server_minor }
        }),
        any::<(u32, u32)>().prop_map(|(pages, page_len)| Reply::Params { pages, page_len }),
        (page_reply, at(), data).prop_map(|(kind, (page, version), data)| Reply::Page {
            kind,
            page,
            version,
            data
        }),
        (write_reply, at()).prop_map(|(kind, (page, version))| Reply::Written {
            kind,
            page,
            version
        }),
        any::<u32>().prop_map(|page| Reply::NoSuchPage { page }),
        any::<u32>().prop_map(|page| Reply::NotLocked { page }),
    ]
}

/// Bytes that begin like a frame.
fn near_frame() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![20 => 0_u8..6, 1 => 100_u8..102, 1 => any::<u8>()];
    let length = prop_oneof![8 => 0_u32..40, 2 => 298_u32..303, 1 => any::<u32>()];
    (kind, length, any_bytes(310)).prop_map(|(kind, length, body)| {
        let mut out = BytesMut::new();
        Header { kind: Kind(kind), offset: 1, length, version: 1 }.encode(&mut out);
        let has_payload = kind == 4 || kind == 5 || kind == 2 && length < 10;
        let len = if has_payload { body.len().min(length as usize) } else { 0 };
        out.extend_from_slice(&body[..len]);
        out.to_vec()
    })
}

proptest! {
    #[test]
    fn requests_survive_any_segmentation(
        requests in prop::collection::vec(request(), 1..6),
        at in any_cuts(),
    ) {
        let mut stream = BytesMut::new();
        for request in &requests {
            request.encode(&mut stream);
        }
        for cuts in [cuts(&at, stream.len()), every_byte(stream.len())] {
            let mut decoder = RequestDecoder::new(PAYLOAD_MAX);
            let held_max = HEADER_LEN + PAYLOAD_MAX as usize;
            let fed = feed(&stream, &cuts, held_max, |input| decoder.decode(input));
            prop_assert_eq!(fed.error, None);
            prop_assert!(fed.rest.is_empty());
            prop_assert_eq!(&fed.frames, &requests);
        }
    }

    #[test]
    fn replies_survive_any_segmentation(
        replies in prop::collection::vec(reply(), 1..6),
        at in any_cuts(),
    ) {
        let mut stream = BytesMut::new();
        for reply in &replies {
            reply.encode(&mut stream);
        }
        for cuts in [cuts(&at, stream.len()), every_byte(stream.len())] {
            let mut decoder = ReplyDecoder::new(PAYLOAD_MAX);
            let fed = feed(&stream, &cuts, stream.len(), |input| decoder.decode(input));
            prop_assert_eq!(fed.error, None);
            prop_assert!(fed.rest.is_empty());
            prop_assert_eq!(&fed.frames, &replies);
        }
    }

    #[test]
    fn hostile_requests_give_the_same_in_any_segmentation_and_are_never_held(
        parts in prop::collection::vec(near_frame(), 0..8),
        junk in any_bytes(30),
        page_len in prop::option::of(0_u32..350),
        at in any_cuts(),
    ) {
        let mut stream = parts.concat();
        stream.extend(junk);
        let run = |cuts: &[usize]| {
            let mut decoder = RequestDecoder::new(PAYLOAD_MAX);
            let mut kept = PAYLOAD_MAX;
            if let Some(page_len) = page_len {
                decoder = decoder.with_page_len(page_len);
                kept = kept.min(page_len + 1);
            }
            let held_max = if cuts.is_empty() { usize::MAX } else { HEADER_LEN + kept as usize };
            feed(&stream, cuts, held_max, |input| decoder.decode(input))
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
        let stream = parts.concat();
        let run = |cuts: &[usize]| {
            let mut decoder = ReplyDecoder::new(PAYLOAD_MAX);
            let held_max = if cuts.is_empty() { usize::MAX } else { HEADER_LEN + 300 };
            feed(&stream, cuts, held_max, |input| decoder.decode(input))
        };
        let whole = run(&[]);
        prop_assert_eq!(&run(&cuts(&at, stream.len())), &whole);
        prop_assert_eq!(&run(&every_byte(stream.len())), &whole);
    }
}

fn decode(bytes: &[u8]) -> Result<Option<Request>, FrameError> {
    RequestDecoder::new(16 << 20).decode(&mut BytesMut::from(bytes))
}

fn decode_reply(bytes: &[u8]) -> Result<Option<Reply>, FrameError> {
    ReplyDecoder::new(16 << 20).decode(&mut BytesMut::from(bytes))
}

/// The original client leaves memory of its own in fields that it does not use (NM-FRAME-02).
#[test]
fn unused_fields_of_the_original_client_are_ignored() {
    let params = b"\x01\xb1\x21\x87\x80\xb1\x20\xd1\x68\xb1\x20\xbe\x78";
    assert_eq!(decode(params), Ok(Some(Request::GetParams)));
    let version = b"\0\xe6\xed\x9b\x1a\0\0\0\0\xb0\xd3\xcb\xf0";
    assert_eq!(decode(version), Ok(Some(Request::GetVersion)));
    let read = b"\x02\0\0\0\0\xb1\x21\x95\xc0\0\0\0\0";
    assert_eq!(decode(read), Ok(Some(Request::Read { page: 0, version: 0 })));
    let lock = b"\x03\0\0\0\x02\xff\xff\xff\xff\xff\xff\xff\xfe";
    assert_eq!(decode(lock), Ok(Some(Request::Lock { page: 2, version: -2 })));
}

#[test]
fn writes_carry_their_payload() {
    let mut out = BytesMut::new();
    let data = Bytes::from_static(b"half");
    Request::Update { page: 1, version: 9, data: data.clone() }.encode(&mut out);
    assert_eq!(&out[..], b"\x05\0\0\0\x01\0\0\0\x04\0\0\0\x09half");
    assert_eq!(decode(&out), Ok(Some(Request::Update { page: 1, version: 9, data })));
}

#[test]
fn replies_are_the_bytes_of_the_specification() {
    let page = |data| Reply::Page { kind: PageReply::Read, page: 3, version: 1, data };
    let cases: &[(Reply, &[u8])] = &[
        (
            Reply::Version { api_major: 0, api_minor: 2, server_major: 0, server_minor: 3 },
            b"\0\0\0\0\0\0\0\0\0\0\x02\0\x03",
        ),
        (Reply::Params { pages: 4, page_len: 16 }, b"\x01\0\0\0\x04\0\0\0\0\0\0\0\x10"),
        (page(Some(Bytes::from_static(b"ab"))), b"\x02\0\0\0\x03\0\0\0\x02\0\0\0\x01ab"),
        (page(None), b"\x02\0\0\0\x03\0\0\0\0\0\0\0\x01"),
        (
            Reply::Written { kind: WriteReply::Unlock, page: 3, version: 2 },
            b"\x04\0\0\0\x03\0\0\0\0\0\0\0\x02",
        ),
        (Reply::NoSuchPage { page: 7 }, b"\x64\0\0\0\x07\0\0\0\0\0\0\0\0"),
        (Reply::NotLocked { page: 7 }, b"\x65\0\0\0\x07\0\0\0\0\0\0\0\0"),
    ];
    for (reply, bytes) in cases {
        let mut out = BytesMut::new();
        reply.encode(&mut out);
        assert_eq!(&out[..], *bytes, "{reply:?}");
        assert_eq!(decode_reply(bytes), Ok(Some(reply.clone())));
    }
}

#[test]
fn unknown_type_is_refused_from_its_first_byte() {
    for kind in 6..=u8::MAX {
        let error = decode(&[kind]).unwrap_err();
        assert_eq!((error.field, error.offset, error.value), ("type", 0, kind.into()));
    }
}

#[test]
fn length_above_the_limit_is_refused_at_once() {
    let header = |kind: u8, length: u32| {
        let mut out = BytesMut::new();
        Header { kind: Kind(kind), offset: 0, length, version: 1 }.encode(&mut out);
        out
    };
    for kind in [4, 5] {
        assert_eq!(decode(&header(kind, 16 << 20)), Ok(None));
        let error = decode(&header(kind, (16 << 20) + 1)).unwrap_err();
        assert_eq!((error.field, error.offset, error.value), ("length", 5, (16 << 20) + 1));
        assert!(decode(&header(kind, u32::MAX)).is_err());
    }
    assert!(decode_reply(&header(2, u32::MAX)).is_err());
}

#[test]
fn reply_without_data_has_length_0() {
    let error = decode_reply(b"\x04\0\0\0\0\0\0\0\x01\0\0\0\0x").unwrap_err();
    assert_eq!((error.field, error.value), ("length", 1));
    let error = decode_reply(b"\x06\0\0\0\0\0\0\0\0\0\0\0\0").unwrap_err();
    assert_eq!((error.field, error.value), ("type", 6));
}

#[test]
fn payload_over_the_page_is_cut_and_dropped_as_it_arrives() {
    const LEN: u32 = 8 << 20;
    let mut decoder = RequestDecoder::new(16 << 20).with_page_len(16);
    let mut input = BytesMut::new();
    Header { kind: Kind::UPDATE_PAGE, offset: 1, length: LEN, version: 5 }.encode(&mut input);
    for _ in 1..LEN / 4096 {
        input.extend_from_slice(&[7; 4096]);
        assert_eq!(decoder.decode(&mut input), Ok(None));
        assert_eq!(input.len(), HEADER_LEN + 17, "what is kept");
        assert!(input.capacity() <= 16 * 1024, "{} bytes are reserved", input.capacity());
    }
    input.extend_from_slice(&[7; 4096]);
    Request::GetParams.encode(&mut input);
    let data = Bytes::from_static(&[7; 17]);
    let update = Request::Update { page: 1, version: 5, data };
    assert_eq!(decoder.decode(&mut input), Ok(Some(update)));
    assert_eq!(decoder.decode(&mut input), Ok(Some(Request::GetParams)));
    assert!(input.is_empty());
}
