//! Requests come back from their bytes as they were written; what cannot be named stays raw.

use proptest::prelude::*;

use super::TakenRequest;
use crate::session::{Scope, Session, Step};
use crate::wire::{Codec, Layout, Protocol};

/// The sends of a session's text, encoded and read back, as text.
fn read_back(codec: Codec, sends: &[&str]) -> Vec<String> {
    let steps = sends.join("\nA> ");
    let text = format!("case {}/a/b\nlevel must\nconn A\n\nA> {steps}\n", codec.protocol.name());
    let session = Session::parse(&text).expect("a session");
    let mut bytes = Vec::new();
    for step in session.steps() {
        let Step::Send(send) = step else { panic!("sends only") };
        bytes.extend(
            codec.encode(&send.message, &Scope::default(), 0xdead_beef).expect("literals").bytes,
        );
    }
    let mut found = Vec::new();
    let mut rest = bytes.as_slice();
    while let TakenRequest::Whole(request) = codec.take_request(rest) {
        found.push(request.message.to_string());
        rest = &rest[request.length..];
    }
    assert!(rest.is_empty(), "left over: {rest:02x?}");
    found
}

#[test]
fn memcached_requests_come_back_as_written() {
    let sends = [
        "get key=\"k\"",
        "set key=\"k\" value=\"v\\r\\n\" flags=0xdeadbeef exp=30 cas=7",
        "set key=\"k\" value=rep(\"x\",500) extras=\"\"",
        "incr key=\"n\" exp=0xffffffff delta=5 initial=18446744073709551615",
        "decr key=\"n\"",
        "touch key=\"k\" exp=10",
        "flush",
        "flush exp=0",
        "noop datatype=5 vbucket=824",
        "0x92 key=\"k\" extras=hex(00000001)",
        "noop value=\"long\"rep(\"a\",40)\"tail\"",
    ];
    assert_eq!(read_back(Codec::new(Protocol::Memcached), &sends), sends);
}

#[test]
fn netmem_requests_come_back_as_written() {
    let sends = [
        "version",
        "params page=3 version=-1 length=77",
        "read page=2 version=1 length=16",
        "lock page=4294967295",
        "unlock page=0 data=\"abc\"",
        "update page=1 version=-1 data=rep(\"B\",64)",
        "update page=1 length=4294967295",
        "9 page=1",
    ];
    assert_eq!(read_back(Codec::new(Protocol::NetMem), &sends), sends);
}

#[test]
fn locker_requests_come_back_in_both_layouts() {
    let sends = [
        "get \"a\"",
        "batch_get \"a\" \"b\" \"\"",
        "query \"a\" number=7",
        "0x80 \"a\"",
        "release",
        "get \"\"",
    ];
    for layout in [Layout::Natural, Layout::Packed] {
        let codec = Codec { layout, ..Codec::new(Protocol::Locker) };
        assert_eq!(read_back(codec, &sends), sends);
    }
    let padded = ["get \"a\" pad=hex(010203)"];
    assert_eq!(read_back(Codec::new(Protocol::Locker), &padded), padded);
}

#[test]
fn a_body_shorter_than_extras_and_key_breaks_the_framing() {
    let mut bytes = vec![0x80, 0x01, 0, 3, 8, 0, 0, 0, 0, 0, 0, 4];
    bytes.resize(40, 0);
    assert!(matches!(Codec::new(Protocol::Memcached).take_request(&bytes), TakenRequest::Broken));
}

proptest! {
    /// Whatever comes: never a panic, never more than is there, and a named message is these bytes.
    #[test]
    fn any_bytes_are_read_faithfully(head in proptest::collection::vec(any::<u8>(), 0..64), protocol in 0..4usize) {
        let codec = Codec::new(Protocol::ALL[protocol]);
        if let TakenRequest::Whole(request) = codec.take_request(&head) {
            prop_assert!(request.length > 0 && request.length <= head.len());
            let opaque = request.asked.as_ref().map_or(0, |asked| asked.opaque);
            let outgoing = codec.encode(&request.message, &Scope::default(), opaque).expect("literals");
            prop_assert_eq!(&outgoing.bytes, &head[..request.length]);
        }
    }
}
