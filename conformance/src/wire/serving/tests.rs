//! A reply is what the other half of the judge takes for that reply, and it can lie in every field.

use crate::session::{Message, Scope, Session, Side, Step, Value};
use crate::wire::{Asked, Codec, Protocol, Taken};

/// The replies of a session's text.
fn replies(protocol: Protocol, lines: &[&str]) -> Vec<Message<Value>> {
    let steps = lines.join("\nA< ");
    let name = protocol.name();
    let text = format!("case {name}/a/b\nplays server\nlevel must\nconn A\n\nA< {steps}\n");
    let session = Session::parse(&text).expect("a session");
    session
        .steps()
        .into_iter()
        .map(|step| match step {
            Step::Send(send) => send.message.clone(),
            _ => panic!("replies only"),
        })
        .collect()
}

fn bytes(protocol: Protocol, line: &str, asked: &Asked) -> Vec<u8> {
    let codec = Codec { plays: Side::Server, ..Codec::new(protocol) };
    let reply = replies(protocol, &[line]).remove(0);
    codec.answer(&reply, &Scope::default(), Some(asked)).expect("literals").bytes
}

/// What a judge of servers reads out of a reply that the judge of clients has built.
fn read(protocol: Protocol, line: &str, asked: &Asked) -> String {
    let bytes = bytes(protocol, line, asked);
    match Codec::new(protocol).take(&bytes) {
        Taken::Whole(reply) => reply.to_string(),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn memcached_replies_repeat_the_request_and_have_the_shape_of_their_opcode() {
    let getk = Asked { code: 0x0c, opaque: 7, key: b"k".to_vec(), ..Asked::default() };
    let read = |line, asked: &Asked| read(Protocol::Memcached, line, asked);
    assert_eq!(
        read("ok value=\"v\" flags=5", &getk),
        "ok getk key=\"k\" value=\"v\" flags=5 cas=1 opaque=0x00000007"
    );
    assert_eq!(
        read("not_found", &getk),
        "not_found getk value=\"not_found\" cas=0 opaque=0x00000007"
    );
    let incr = Asked { code: 0x05, opaque: 1, ..Asked::default() };
    assert_eq!(read("ok counter=9", &incr), "ok incr counter=9 cas=1 opaque=0x00000001");
}

#[test]
fn memcached_replies_can_lie() {
    let get = Asked { code: 0x00, opaque: 7, ..Asked::default() };
    let line = "ok delete value=\"v\" extras=hex(ff) cas=3 opaque=9 magic=0x80 keylen=2 extlen=4 bodylen=8 datatype=1";
    let built = bytes(Protocol::Memcached, line, &get);
    let header = [0x80, 4, 0, 2, 4, 1, 0, 0, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 3];
    assert_eq!(built, [&header[..], &[0xff, b'v']].concat());
}

#[test]
fn netmem_replies_repeat_the_page() {
    let read_3 = Asked { code: 2, page: 3, ..Asked::default() };
    let bytes = |line| bytes(Protocol::NetMem, line, &read_3);
    assert_eq!(bytes("read version=2 data=\"ab\""), *b"\x02\0\0\0\x03\0\0\0\x02\0\0\0\x02ab");
    assert_eq!(bytes("no_such_page length=1"), *b"\x64\0\0\0\x03\0\0\0\x01\0\0\0\0");
    assert_eq!(bytes("params pages=4 length=8"), *b"\x01\0\0\0\x04\0\0\0\0\0\0\0\x08");
}

#[test]
fn locker_replies_count_down_from_128() {
    let get = Asked { code: 127, ..Asked::default() };
    assert_eq!(bytes(Protocol::Locker, "busy", &get), [1, 1]);
    assert_eq!(bytes(Protocol::Locker, "ok release", &get), [3, 0]);
    assert_eq!(bytes(Protocol::Locker, "0x63 cmd=77", &get), [77, 0x63]);
}

#[test]
fn what_cannot_be_answered_is_explained() {
    for (protocol, line, words) in [
        ("memcached", "A< fine get", "is no status"),
        ("memcached", "A< ok frobnicate", "is no memcached opcode"),
        ("memcached", "A> getting", "is no memcached request"),
        ("memcached", "A> get foo=1", "`foo=` is unknown"),
        ("netmem", "A< write", "is no NetMem reply"),
        ("locker", "A< granted", "is no outcome"),
        ("locker", "A< ok \"k\"", "only requests have keys"),
        ("echo", "A< \"a\" \"b\"", "one value"),
        ("echo", "A quiet", "nobody asks a client"),
    ] {
        let text = format!("case {protocol}/a/b\nplays server\nlevel must\nconn A\n\n{line}\n");
        let error = Session::parse(&text).expect_err(line).to_string();
        assert!(error.contains(words), "{line}: {error}");
    }
}
