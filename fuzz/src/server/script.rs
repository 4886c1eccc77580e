//! What clients do, as it is drawn from an input: frames, bytes that are none, pauses, and ends.

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};

/// Bytes of one event at most, so that the server finds them all at once and the order of what it does is known.
pub(super) const SENT_MAX: usize = 4096;

/// One event; the client is one of a few.
#[derive(Debug)]
pub(crate) enum Event<A> {
    /// A well-formed request, without its last bytes; those follow with what is sent next. So do several in one go.
    Ask { client: u8, kept: usize, ask: A },
    /// Any bytes.
    Raw { client: u8, kept: usize, bytes: Vec<u8> },
    /// Time passes.
    Wait(Duration),
    /// The client's sending side is closed.
    Close { client: u8 },
    /// The client is gone, with all that it had not sent.
    Drop { client: u8 },
}

const RAW: u8 = 1;
const WAIT: u8 = 2;
const CLOSE: u8 = 3;
const DROP: u8 = 4;

impl<'a, A: Arbitrary<'a>> Arbitrary<'a> for Event<A> {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let choice = u8::arbitrary(input)?;
        // Four clients; of the eight kinds, what is left over asks.
        let client = choice & 3;
        Ok(match choice >> 2 & 7 {
            RAW => {
                let (kept, length) = (kept(input)?, u8::arbitrary(input)?);
                let length = usize::from(length).min(input.len());
                Self::Raw { client, kept, bytes: input.bytes(length)?.to_vec() }
            }
            WAIT => Self::Wait(Duration::from_millis(u16::arbitrary(input)?.into())),
            CLOSE => Self::Close { client },
            DROP => Self::Drop { client },
            _ => Self::Ask { client, kept: kept(input)?, ask: A::arbitrary(input)? },
        })
    }
}

/// Nothing, a few bytes, or everything.
fn kept(input: &mut Unstructured<'_>) -> Result<usize> {
    Ok(match u8::arbitrary(input)? {
        0..128 => 0,
        few @ 128..192 => usize::from(few - 128),
        _ => usize::MAX,
    })
}

/// The bytes that are read back as this event, or none where a recording has no such event. Long ones are sent in pieces.
pub(crate) fn write(event: &Event<()>, out: &mut Vec<u8>) {
    match event {
        Event::Raw { client, bytes, .. } => {
            for piece in bytes.chunks(u8::MAX.into()) {
                out.extend([RAW << 2 | client, 0, piece.len() as u8]);
                out.extend_from_slice(piece);
            }
        }
        Event::Close { client } => out.push(CLOSE << 2 | client),
        Event::Drop { client } => out.push(DROP << 2 | client),
        Event::Wait(_) | Event::Ask { .. } => {}
    }
}
