//! Byte sessions of memcached 1.6.18 through decoder, cache and encoder: one connection of a fresh
//! server, so that the CAS values agree too. Left out are the frames that are not about items.

use std::time::Duration;

use bytes::BytesMut;
use lockproof_protocol::memcached_binary::{Limits, Request, RequestDecoder};
use lockproof_state_machine::items::{Config, Items};

/// What it is, the request, and the reply, in hexadecimal.
const SESSION: &[(&str, &str, &str)] = &[
    (
        "GET Hello, miss",
        "80000005 00000000 00000005 00000003 00000000 00000000 48656c6c 6f",
        "81000000 00000001 00000009 00000003 00000000 00000000 4e6f7420 666f756e 64",
    ),
    (
        "GETK Hello, miss",
        "800c0005 00000000 00000005 00000004 00000000 00000000 48656c6c 6f",
        "810c0005 00000001 00000005 00000004 00000000 00000000 48656c6c 6f",
    ),
    ("GETQ Hello, miss", "80090005 00000000 00000005 00000005 00000000 00000000 48656c6c 6f", ""),
    (
        "ADD Hello=World flags deadbeef exp 3600",
        "80020005 08000000 00000012 00000006 00000000 00000000 deadbeef 00000e10 \
         48656c6c 6f576f72 6c64",
        "81020000 00000000 00000000 00000006 00000000 00000001",
    ),
    (
        "GET Hello, hit",
        "80000005 00000000 00000005 00000007 00000000 00000000 48656c6c 6f",
        "81000000 04000000 00000009 00000007 00000000 00000001 deadbeef 576f726c 64",
    ),
    (
        "GETK Hello, hit",
        "800c0005 00000000 00000005 00000008 00000000 00000000 48656c6c 6f",
        "810c0005 04000000 0000000e 00000008 00000000 00000001 deadbeef 48656c6c \
         6f576f72 6c64",
    ),
    (
        "ADD again",
        "80020005 08000000 00000012 00000009 00000000 00000000 deadbeef 00000e10 \
         48656c6c 6f576f72 6c64",
        "81020000 00000002 00000014 00000009 00000000 00000000 44617461 20657869 \
         73747320 666f7220 6b65792e",
    ),
    (
        "SET with wrong CAS",
        "80010005 08000000 0000000e 0000000a 00000000 7fffffff 00000000 00000000 \
         48656c6c 6f78",
        "81010000 00000002 00000014 0000000a 00000000 00000000 44617461 20657869 \
         73747320 666f7220 6b65792e",
    ),
    (
        "SETQ Hello=World flags 0",
        "80110005 08000000 00000012 0000000b 00000000 00000000 00000000 00000000 \
         48656c6c 6f576f72 6c64",
        "",
    ),
    (
        "APPEND Hello !",
        "800e0005 00000000 00000006 0000000c 00000000 00000000 48656c6c 6f21",
        "810e0000 00000000 00000000 0000000c 00000000 00000003",
    ),
    (
        "INCR counter +1 init 0 exp 3600 (create)",
        "80050007 14000000 0000001b 0000000d 00000000 00000000 00000000 00000001 \
         00000000 00000000 00000e10 636f756e 746572",
        "81050000 00000000 00000008 0000000d 00000000 00000004 00000000 00000000",
    ),
    (
        "INCR counter +1",
        "80050007 14000000 0000001b 0000000e 00000000 00000000 00000000 00000001 \
         00000000 00000000 00000e10 636f756e 746572",
        "81050000 00000000 00000008 0000000e 00000000 00000005 00000000 00000001",
    ),
    (
        "DECR absent, exp ffffffff",
        "80060006 14000000 0000001a 0000000f 00000000 00000000 00000000 00000001 \
         00000000 00000000 ffffffff 61627365 6e74",
        "81060000 00000001 00000009 0000000f 00000000 00000000 4e6f7420 666f756e 64",
    ),
    (
        "INCR Hello (not a number)",
        "80050005 14000000 00000019 00000010 00000000 00000000 00000000 00000001 \
         00000000 00000000 00000000 48656c6c 6f",
        "81050000 00000006 0000002e 00000010 00000000 00000000 4e6f6e2d 6e756d65 \
         72696320 73657276 65722d73 69646520 76616c75 6520666f 7220696e 6372206f \
         72206465 6372",
    ),
    (
        "TOUCH Hello 3600",
        "801c0005 04000000 00000009 00000011 00000000 00000000 00000e10 48656c6c 6f",
        "811c0000 04000000 00000004 00000011 00000000 00000003 00000000",
    ),
    (
        "GATK Hello 3600",
        "80230005 04000000 00000009 00000012 00000000 00000000 00000e10 48656c6c 6f",
        "81230005 04000000 0000000f 00000012 00000000 00000003 00000000 48656c6c \
         6f576f72 6c6421",
    ),
    (
        "DELETE Hello",
        "80040005 00000000 00000005 00000013 00000000 00000000 48656c6c 6f",
        "81040000 00000000 00000000 00000013 00000000 00000000",
    ),
    (
        "DELETEQ Hello (now a miss)",
        "80140005 00000000 00000005 00000014 00000000 00000000 48656c6c 6f",
        "81140000 00000001 00000009 00000014 00000000 00000000 4e6f7420 666f756e 64",
    ),
    (
        "APPEND to missing key",
        "800e0005 00000000 00000006 00000015 00000000 00000000 48656c6c 6f21",
        "810e0000 00000005 0000000b 00000015 00000000 00000000 4e6f7420 73746f72 \
         65642e",
    ),
    (
        "FLUSH, delay 0",
        "80080000 04000000 00000004 00000019 00000000 00000000 00000000",
        "81080000 00000000 00000000 00000019 00000000 00000000",
    ),
];

fn bytes(hex: &str) -> BytesMut {
    let digits: Vec<_> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).expect("two digits");
    digits.chunks(2).map(byte).collect()
}

#[test]
fn replies_are_memcacheds_byte_for_byte() {
    let mut items = Items::new(Config::default());
    let mut decoder = RequestDecoder::new(Limits::default());
    for (what, sent, expected) in SESSION {
        let mut input = bytes(sent);
        let frame = decoder.decode(&mut input).expect(what).expect(what);
        let request = Request::from_frame(frame).expect(what);
        let reply = items.apply(Duration::ZERO, &request);
        let mut output = BytesMut::new();
        if !request.opcode.suppresses(reply.status()) {
            let key = request.key().cloned().unwrap_or_default();
            reply.encode(request.opcode, request.opaque, &key, &mut output);
        }
        assert_eq!(output, bytes(expected), "{what}: {request:?} gave {reply:?}");
    }
}
