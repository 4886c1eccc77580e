//! NetMem requests: a payload stands behind UNLOCK and UPDATE only (NM-FRAME-02).

use super::{Fields, Request, TakenRequest, list, named, number, value_of};
use crate::wire::netmem::request_name;

const HEADER: usize = 13;

/// A length above this is one that nobody consumes (NM-SIZE-03): no payload follows it.
const PAYLOAD_MAX: usize = 16 << 20;

pub(super) fn take(buffer: &[u8]) -> TakenRequest {
    let Some((header, rest)) = buffer.split_first_chunk::<HEADER>() else {
        return TakenRequest::Incomplete(HEADER);
    };
    let word = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let (page, length) = (word(1), word(5));
    let payload = if matches!(header[0], 4 | 5) && length as usize <= PAYLOAD_MAX {
        length as usize
    } else {
        0
    };
    let Some(data) = rest.get(..payload) else { return TakenRequest::Incomplete(HEADER + payload) };
    #[expect(clippy::cast_possible_wrap, reason = "the version is two's complement on the wire")]
    let version = word(9) as i32;
    let mut fields = Fields::new();
    if header[0] >= 2 || page != 0 {
        list(&mut fields, "page", number(page));
    }
    if version != 0 {
        list(&mut fields, "version", number(version));
    }
    if !data.is_empty() {
        list(&mut fields, "data", value_of(data));
    }
    if length as usize != payload {
        list(&mut fields, "length", number(length));
    }
    let message = named(request_name(header[0]), Vec::new(), fields);
    TakenRequest::Whole(Request { message, length: HEADER + payload, asked: None })
}
