//! Requests with a header of 16 bytes, little-endian, and replies of 2 bytes.

use super::defects::{Switch, Switches};

pub(super) const GET: u8 = 127;
pub(super) const BATCH_GET: u8 = 126;
pub(super) const RELEASE: u8 = 125;
pub(super) const BATCH_RELEASE: u8 = 124;
pub(super) const QUERY: u8 = 123;
pub(super) const BATCH_QUERY: u8 = 122;

/// What a reply says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Ok,
    Busy,
    NotHeld,
    Malformed,
    UnknownCommand,
    TooLarge,
    NoResources,
    SelfHeld,
}

const HEADER: usize = 16;
const BODY_AT_MOST: u64 = 1 << 20;

/// What a client asks for.
pub(super) struct Request {
    pub(super) cmd: u8,
    pub(super) padding: [u8; 3],
    pub(super) number: i32,
    pub(super) body: Vec<u8>,
    /// Where in the body a read ended, for `border-hides-separator`.
    pub(super) borders: Vec<usize>,
}

/// What stands at the beginning of a buffer.
pub(super) enum Decoded {
    /// A part of a request.
    Part,
    /// A request, taken out of the buffer.
    Whole(Request),
    /// A header with a length over the limit, taken out of the buffer, and that length.
    TooLong(Request, u64),
}

/// Takes one request out of the buffer, and moves the borders between reads accordingly.
pub(super) fn decode(
    buffer: &mut Vec<u8>,
    borders: &mut Vec<usize>,
    switches: Switches,
) -> Decoded {
    if buffer.len() < HEADER && switches.on(Switch::HeaderMustComeWhole) {
        buffer.clear();
    }
    let Some((mut request, length)) = header(buffer, switches) else { return Decoded::Part };
    if request.number < 1 && switches.on(Switch::NumberBeforeBody) {
        buffer.drain(..HEADER);
        return Decoded::Whole(request);
    }
    let refused = length == BODY_AT_MOST && switches.on(Switch::LongestBodyRefused);
    if refused || length > BODY_AT_MOST && !switches.on(Switch::LongBodyAwaited) {
        buffer.drain(..HEADER);
        return Decoded::TooLong(request, length);
    }
    let mut frame = usize::try_from(length).map_or(usize::MAX, |body| body.saturating_add(HEADER));
    if switches.on(Switch::BodyMustComeWhole) {
        frame = frame.min(buffer.len());
    }
    if buffer.len() < frame {
        return Decoded::Part;
    }
    request.body = buffer.drain(..frame).skip(HEADER).collect();
    request.borders = borders.iter().filter_map(|border| border.checked_sub(HEADER)).collect();
    *borders = borders.iter().filter_map(|border| border.checked_sub(frame)).collect();
    Decoded::Whole(request)
}

/// The request that a buffer begins with, with what there is of its body.
pub(super) fn decode_cut_off(buffer: &[u8], switches: Switches) -> Option<Request> {
    let (request, _) = header(buffer, switches)?;
    Some(Request { body: buffer[HEADER..].to_vec(), ..request })
}

fn header(buffer: &[u8], switches: Switches) -> Option<(Request, u64)> {
    let [cmd, p1, p2, p3] = *buffer.first_chunk()?;
    let mut number = i32::from_le_bytes(*buffer.get(4..)?.first_chunk()?);
    let mut length = u64::from_le_bytes(*buffer.get(8..)?.first_chunk()?);
    if switches.on(Switch::NumberIs8Bits) {
        number &= 0xff;
    }
    if switches.on(Switch::LengthIs32Bits) {
        length &= 0xffff_ffff;
    }
    if switches.on(Switch::LengthIsSigned) && length.cast_signed() < 0 {
        length = 0;
    }
    let cmd = if switches.on(Switch::HighBitIgnored) { cmd & 0x7f } else { cmd };
    let padding = [p1, p2, p3];
    let (body, borders) = (Vec::new(), Vec::new());
    Some((Request { cmd, padding, number, body, borders }, length))
}

/// The bytes of a reply.
pub(super) fn encode(cmd: u8, outcome: Outcome, switches: Switches) -> Vec<u8> {
    let known = (BATCH_QUERY..=GET).contains(&cmd);
    let reply = match cmd {
        RELEASE | BATCH_RELEASE if switches.on(Switch::ReleaseKeepsCmd) => cmd,
        _ if outcome == Outcome::Malformed && switches.on(Switch::ErrorsHaveCmd0) => 0,
        BATCH_GET | BATCH_RELEASE | BATCH_QUERY if switches.on(Switch::BatchRepliesAsSingle) => {
            127 - cmd
        }
        _ if known || switches.on(Switch::UnknownIsSubtracted) => 128_u8.wrapping_sub(cmd),
        _ => 0,
    };
    let mut bytes = vec![reply, number_of(outcome, switches)];
    if switches.on(Switch::RepliesPadded) {
        bytes.extend([0; 2]);
    }
    bytes
}

fn number_of(outcome: Outcome, switches: Switches) -> u8 {
    let errno = switches.on(Switch::ResultsAreErrno);
    let (small, errno_number) = match outcome {
        Outcome::Ok => (0, 0),
        Outcome::Busy => (1, 16),
        Outcome::NotHeld => (2, 1),
        Outcome::Malformed => (3, 22),
        Outcome::UnknownCommand => (4, 38),
        Outcome::TooLarge => (5, 90),
        Outcome::NoResources => (6, 12),
        Outcome::SelfHeld => (7, 114),
    };
    if errno { errno_number } else { small }
}

impl Outcome {
    /// Is it about the form of the request?
    pub(super) fn is_error(self) -> bool {
        matches!(self, Self::Malformed | Self::UnknownCommand | Self::TooLarge)
    }
}
