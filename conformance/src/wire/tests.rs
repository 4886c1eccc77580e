//! The judge's codecs against golden bytes, and every field of a reply bent once.

use super::{Asked, Codec, Layout, Protocol, Results, Taken};
use crate::session::{Expected, Scope, Session, Step};

fn codec(protocol: Protocol) -> Codec {
    Codec::new(protocol)
}

/// The steps of a session with that body.
fn session(protocol: Protocol, body: &str) -> Session {
    let text = format!("case   {}/a/b\nlevel  must\nconn   A\n\n{body}\n", protocol.name());
    Session::parse(&text).expect(body)
}

fn encoded(codec: Codec, request: &str) -> Vec<u8> {
    let session = session(codec.protocol, &format!("A> {request}"));
    let [Step::Send(send)] = session.steps()[..] else { panic!("one send expected") };
    codec.encode(&send.message, &Scope::default(), 0x0102_0304).expect(request).bytes
}

/// The fields that differ between `bytes` as a reply to `asked` and what a session expects.
fn differs(codec: Codec, bytes: &[u8], asked: &Asked, expected: &str) -> Vec<String> {
    let session = session(codec.protocol, &format!("A< {expected}"));
    let [Step::Expect(expect)] = session.steps()[..] else { panic!("one expectation expected") };
    let Expected::Message(message) = &expect.what else { panic!("a message expected") };
    let Taken::Whole(reply) = codec.take(bytes) else { panic!("a whole reply expected") };
    let found = codec.compare(message, &reply, Some(asked), &mut Scope::default()).expect(expected);
    found.into_iter().map(|difference| difference.field).collect()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ascii"), 16).expect("hex"))
        .collect()
}

#[test]
fn memcached_requests_are_those_of_the_golden_vectors() {
    let codec = codec(Protocol::Memcached);
    for (request, bytes) in [
        ("noop opaque=0xdeadbeef", "800a0000 00000000 00000000 deadbeef 00000000 00000000"),
        (
            "get key=\"Hello\" opaque=3",
            "80000005 00000000 00000005 00000003 00000000 00000000 48656c6c 6f",
        ),
        (
            "add key=\"Hello\" value=\"World\" flags=0xdeadbeef exp=3600 opaque=6",
            "80020005 08000000 00000012 00000006 00000000 00000000 deadbeef 00000e10 48656c6c 6f576f72 6c64",
        ),
        (
            "incr key=\"counter\" initial=0 exp=3600 opaque=13",
            "80050007 14000000 0000001b 0000000d 00000000 00000000 00000000 00000001 00000000 00000000 00000e10 636f756e 746572",
        ),
        (
            "flush exp=0 opaque=0x19",
            "80080000 04000000 00000004 00000019 00000000 00000000 00000000",
        ),
        (
            "set keylen=9 bodylen=1 magic=0x81 extras=\"\" opaque=1",
            "81010009 00000000 00000001 00000001 00000000 00000000",
        ),
    ] {
        assert_eq!(encoded(codec, request), hex(bytes), "{request}");
    }
}

#[test]
fn locker_requests_follow_the_dialect() {
    let natural = codec(Protocol::Locker);
    let packed = Codec { layout: Layout::Packed, results: Results::Errno, ..natural };
    assert_eq!(encoded(natural, "get \"abc\""), hex("7f000000 01000000 0300000000000000 616263"));
    assert_eq!(encoded(packed, "get \"abc\""), hex("7f 01000000 0300000000000000 616263"));
    let two = encoded(natural, "batch_get \"a\" \"b\" pad=hex(ffffff)");
    assert_eq!(two, hex("7effffff 02000000 0900000000000000 61 2321405e5e2423 62"));
    let asked = Asked { code: 127, ..Asked::default() };
    assert!(differs(packed, &[1, 16], &asked, "busy").is_empty());
    assert_eq!(differs(natural, &[1, 16], &asked, "busy"), ["outcome"]);
    assert_eq!(differs(natural, &[2, 1], &asked, "busy get"), ["cmd"]);
    assert!(
        differs(natural, &[0, 4], &Asked { code: 9, ..Asked::default() }, "unknown_command")
            .is_empty()
    );
}

const HIT: &str = "81000000 04000000 00000009 00000007 00000000 00000001 deadbeef 576f726c 64";
const MISS: &str = "81000000 00000001 00000009 00000003 00000000 00000000 4e6f7420 666f756e 64";

#[test]
fn every_field_of_a_memcached_reply_is_checked() {
    let codec = codec(Protocol::Memcached);
    let asked = Asked { code: 0, opaque: 7, key: b"Hello".to_vec(), ..Asked::default() };
    let expected = "ok get value=\"World\" flags=0xdeadbeef";
    assert!(differs(codec, &hex(HIT), &asked, expected).is_empty());
    for (offset, byte, field) in [
        (1, 0x09, "opcode"),
        (5, 1, "datatype"),
        (7, 1, "status"),
        (15, 8, "opaque"),
        (23, 0, "cas"),
        (24, 0, "flags"),
        (28, b'w', "value"),
    ] {
        let mut bent = hex(HIT);
        bent[offset] = byte;
        let found = differs(codec, &bent, &asked, expected);
        assert!(found.contains(&field.to_owned()), "offset {offset}: {found:?}");
    }
    assert_eq!(differs(codec, &hex(HIT), &asked, "ok get flags=0xdeadbeef"), ["value"]);
    assert_eq!(differs(codec, &hex(HIT), &asked, "ok get value=\"World\""), ["flags"]);
}

#[test]
fn an_error_reply_carries_a_text_and_nothing_else() {
    let codec = codec(Protocol::Memcached);
    let asked = Asked { code: 0, opaque: 3, ..Asked::default() };
    assert!(differs(codec, &hex(MISS), &asked, "not_found get").is_empty());
    let mut with_cas = hex(MISS);
    with_cas[23] = 1;
    assert_eq!(differs(codec, &with_cas, &asked, "not_found get"), ["cas"]);
    let mut unprintable = hex(MISS);
    unprintable[24] = 0;
    assert_eq!(differs(codec, &unprintable, &asked, "not_found get"), ["text"]);
    let silent = hex("81000000 00000001 00000000 00000003 00000000 00000000");
    assert_eq!(differs(codec, &silent, &asked, "not_found get"), ["text"]);
}

#[test]
fn a_getk_miss_may_carry_its_own_key_only() {
    let codec = codec(Protocol::Memcached);
    let reply = hex("810c0005 00000001 00000005 00000004 00000000 00000000 48656c6c 6f");
    let asked = |key: &[u8]| Asked { code: 0x0c, opaque: 4, key: key.to_vec(), ..Asked::default() };
    assert!(differs(codec, &reply, &asked(b"Hello"), "not_found getk").is_empty());
    assert!(!differs(codec, &reply, &asked(b"World"), "not_found getk").is_empty());
}

#[test]
fn a_netmem_reply_is_checked_with_its_page_and_length() {
    let codec = codec(Protocol::NetMem);
    assert_eq!(
        encoded(codec, "update page=3 version=-1 data=\"ab\""),
        hex("05 00000003 00000002 ffffffff 6162")
    );
    let asked = Asked { code: 2, page: 3, ..Asked::default() };
    let reply = hex("02 00000003 00000002 00000007 6162");
    assert!(differs(codec, &reply, &asked, "read version=7 data=\"ab\"").is_empty());
    assert_eq!(differs(codec, &reply, &asked, "read version=7"), ["length"]);
    assert_eq!(differs(codec, &reply, &asked, "read version=8 data=\"ab\""), ["version"]);
    assert_eq!(differs(codec, &reply, &asked, "lock version=7 data=\"ab\""), ["type"]);
    let other = Asked { code: 2, page: 4, ..Asked::default() };
    assert_eq!(differs(codec, &reply, &other, "read version=7 data=\"ab\""), ["page"]);
}

#[test]
fn broken_framing_is_named_and_half_a_reply_is_waited_for() {
    let memcached = codec(Protocol::Memcached);
    assert!(
        matches!(memcached.take(b"ERROR Too many"), Taken::Broken(why) if why.contains("magic 0x45"))
    );
    assert!(matches!(memcached.take(&hex(HIT)[..30]), Taken::Incomplete(33)));
    let mut short = hex(HIT);
    short[11] = 1;
    assert!(
        matches!(memcached.take(&short), Taken::Broken(why) if why.contains("total body length 1"))
    );
    let mut huge = hex(HIT);
    huge[8] = 0xff;
    assert!(matches!(memcached.take(&huge), Taken::Broken(_)));
    let netmem = hex("02 00000003 ffffffff 00000007");
    assert!(matches!(codec(Protocol::NetMem).take(&netmem), Taken::Broken(_)));
}
