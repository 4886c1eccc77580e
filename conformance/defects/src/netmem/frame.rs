//! Headers of 13 bytes, big-endian, and the payload behind some of them.

use super::defects::{Switch, Switches};

pub(super) const VERSION: u8 = 0;
pub(super) const PARAMS: u8 = 1;
pub(super) const READ: u8 = 2;
pub(super) const LOCK: u8 = 3;
pub(super) const UNLOCK: u8 = 4;
pub(super) const UPDATE: u8 = 5;
pub(super) const NO_SUCH_PAGE: u8 = 100;
pub(super) const NOT_LOCKED: u8 = 101;

const HEADER: usize = 13;
/// A payload that says it is longer ends the connection.
const CONSUMED_AT_MOST: usize = 16 << 20;

/// What a client asks for.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) code: u8,
    pub(super) page: u32,
    pub(super) length: u32,
    pub(super) version: i32,
    pub(super) payload: Vec<u8>,
}

/// What stands at the beginning of a buffer.
pub(super) enum Decoded {
    /// A part of a request.
    Part,
    /// A request, taken out of the buffer.
    Whole(Request),
    /// Nothing that could be waited for.
    Hopeless,
}

/// Takes one request out of the buffer.
pub(super) fn decode(buffer: &mut Vec<u8>, switches: Switches) -> Decoded {
    if buffer.len() < HEADER && switches.on(Switch::HeaderMustComeWhole) {
        buffer.clear();
    }
    let Some(mut request) = header(buffer) else { return Decoded::Part };
    if switches.on(Switch::VersionReadLittleEndian) {
        request.version = request.version.swap_bytes();
    }
    let mut length = payload_length(&request, switches);
    if length > CONSUMED_AT_MOST && !switches.on(Switch::NoLengthIsTooLong) {
        return Decoded::Hopeless;
    }
    if switches.on(Switch::PayloadMustComeWhole) {
        length = length.min(buffer.len() - HEADER);
    }
    if buffer.len() - HEADER < length {
        return Decoded::Part;
    }
    request.payload = buffer.drain(..HEADER + length).skip(HEADER).collect();
    Decoded::Whole(request)
}

/// The request that a buffer begins with, with what there is of its payload.
pub(super) fn decode_cut_off(buffer: &[u8]) -> Option<Request> {
    let request = header(buffer)?;
    Some(Request { payload: buffer[HEADER..].to_vec(), ..request })
}

fn header(buffer: &[u8]) -> Option<Request> {
    let word = |at: usize| Some(u32::from_be_bytes(*buffer.get(at..)?.first_chunk()?));
    let (page, length, version) = (word(1)?, word(5)?, word(9)?);
    let version = version.cast_signed();
    Some(Request { code: buffer[0], page, length, version, payload: Vec::new() })
}

fn payload_length(request: &Request, switches: Switches) -> usize {
    let has_one = match request.code {
        UNLOCK | UPDATE => true,
        READ | LOCK => switches.on(Switch::ReadHasAPayload),
        VERSION | PARAMS => switches.on(Switch::ParamsHaveAPayload),
        _ => false,
    };
    if has_one { request.length as usize } else { 0 }
}

/// What a client gets.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    pub(super) code: u8,
    pub(super) page: u32,
    pub(super) version: i32,
    pub(super) data: Vec<u8>,
    /// A length that is not that of the data.
    pub(super) claimed: Option<u32>,
}

impl Reply {
    /// Is it a refusal?
    pub(super) fn refuses(&self) -> bool {
        self.code >= NO_SUCH_PAGE
    }

    /// Puts its bytes behind others.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>, switches: Switches) {
        let mut data = self.data.as_slice();
        if switches.on(Switch::DataOneByteShort) {
            data = &data[..data.len().saturating_sub(1)];
        }
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        bytes.push(self.code);
        bytes.extend(self.page.to_be_bytes());
        bytes.extend(self.claimed.unwrap_or(length).to_be_bytes());
        bytes.extend(self.version.to_be_bytes());
        bytes.extend_from_slice(data);
    }
}
