//! The judge's codecs: replies and requests at the front of any bytes. Progress is made, and never beyond the buffer.

use lockproof_conformance::session::Scope;
use lockproof_conformance::wire::{Codec, Layout, Protocol, Results, Taken, TakenRequest};

/// One buffer, as replies and as requests of every protocol and dialect.
pub fn run(bytes: &[u8]) {
    for protocol in Protocol::ALL {
        let natural = Codec::new(protocol);
        let packed = Codec { layout: Layout::Packed, results: Results::Errno, ..natural };
        for codec in [natural, packed] {
            replies(codec, bytes);
            requests(codec, bytes);
        }
    }
}

fn replies(codec: Codec, mut rest: &[u8]) {
    while !rest.is_empty() {
        match codec.take(rest) {
            Taken::Whole(reply) => {
                assert!(reply.length > 0, "no progress");
                let _ = reply.to_string();
                rest = &rest[reply.length..];
            }
            Taken::Incomplete(wanted) => {
                assert!(wanted > rest.len(), "{wanted} of {} bytes", rest.len());
                return;
            }
            Taken::Broken(_) => return,
        }
    }
}

/// A request that is read encodes to the bytes it was read from.
fn requests(codec: Codec, mut rest: &[u8]) {
    while !rest.is_empty() {
        match codec.take_request(rest) {
            TakenRequest::Whole(request) => {
                assert!(request.length > 0, "no progress");
                let opaque = request.asked.as_ref().map_or(0, |asked| asked.opaque);
                let encoded = codec.encode(&request.message, &Scope::default(), opaque);
                assert_eq!(encoded.expect("it was read").bytes, rest[..request.length]);
                rest = &rest[request.length..];
            }
            TakenRequest::Incomplete(wanted) => {
                assert!(wanted > rest.len(), "{wanted} of {} bytes", rest.len());
                return;
            }
            TakenRequest::Broken => return,
        }
    }
}
