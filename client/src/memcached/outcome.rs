//! What requests come to, in any dialect; and what a frame of the binary one means as the answer to one request, and whether it
//! may be one at all.
//!
//! Leaves out which request it answers; that is known before it is asked here.

use bytes::{Buf, Bytes};
use lockproof_protocol::memcached_binary::{Frame, Opcode, Status};

use super::Found;
use crate::Violation;

/// A stored item as the server returned it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    /// The value.
    pub value: Bytes,
    /// The flags that it was stored with.
    pub flags: u32,
    /// Its CAS value; 0 on a server that runs without CAS (MCB-CAS-17).
    pub cas: u64,
}

/// What one memcached request came to.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// Done, with nothing to say.
    Done,
    /// No reply, as a quiet request asks: a read that missed, a change that was made.
    Silent,
    /// A read that hit.
    Item(Item),
    /// A store that was made.
    Stored {
        /// The item's new CAS value.
        cas: u64,
    },
    /// A touch that hit.
    Touched {
        /// The item's CAS value.
        cas: u64,
    },
    /// A counter after the command.
    Counter {
        /// Its value.
        value: u64,
        /// Its new CAS value.
        cas: u64,
    },
    /// A version, SASL mechanisms, or the text of a SASL success.
    Text(Bytes),
    /// A SASL challenge.
    Challenge(Bytes),
    /// A lookup that hit (meta).
    Found(Found),
    /// Statistics, in the server's order.
    Stats(Vec<(Bytes, Bytes)>),
    /// The server said no.
    Refused(Status),
}

/// Reads everything but STAT, which takes several frames.
pub(super) fn read(key: &[u8], frame: Frame) -> Result<Outcome, Violation> {
    let opcode = frame.header.opcode;
    let status = frame.status();
    if opcode.suppresses(status) {
        return Err(Violation::Shape("a reply that a quiet request suppresses"));
    }
    match (status, opcode.loud()) {
        (Status::SUCCESS, loud) => read_success(loud, key, frame),
        (Status::AUTH_CONTINUE, Opcode::SASL_AUTH | Opcode::SASL_STEP) => {
            Ok(Outcome::Challenge(frame.value))
        }
        (status, _) => read_refusal(opcode, status, key, &frame),
    }
}

/// MCB-HDR-10: an error has no extras and no CAS, and a key only on a GETK or GATK miss.
pub(super) fn read_refusal(
    opcode: Opcode,
    status: Status,
    key: &[u8],
    frame: &Frame,
) -> Result<Outcome, Violation> {
    Violation::check("extras length of an error", 0u8, frame.header.extras_len)?;
    Violation::check("CAS of an error", 0u64, frame.header.cas)?;
    let echoes = opcode.with_key() && frame.key == key;
    if echoes || frame.key.is_empty() {
        return Ok(Outcome::Refused(status));
    }
    Err(Violation::Shape("an error with a key that is not the request's"))
}

fn read_success(loud: Opcode, key: &[u8], frame: Frame) -> Result<Outcome, Violation> {
    match loud {
        Opcode::GET | Opcode::GAT => read_item(&[], frame),
        Opcode::GETK | Opcode::GATK => read_item(key, frame),
        Opcode::SET | Opcode::ADD | Opcode::REPLACE | Opcode::APPEND | Opcode::PREPEND => {
            Violation::check("body length of a store's reply", 0u32, frame.header.body_len)?;
            Ok(Outcome::Stored { cas: frame.header.cas })
        }
        Opcode::INCREMENT | Opcode::DECREMENT => read_counter(frame),
        Opcode::TOUCH => read_touch(&frame),
        Opcode::VERSION | Opcode::SASL_LIST_MECHS | Opcode::SASL_AUTH | Opcode::SASL_STEP => {
            expect_value_alone(&frame)?;
            Ok(Outcome::Text(frame.value))
        }
        _ => {
            Violation::check("body length", 0u32, frame.header.body_len)?;
            Ok(Outcome::Done)
        }
    }
}

/// MCB-GET-01, MCB-GET-03: four bytes of flags, and the key where the opcode asks for it.
fn read_item(key: &[u8], mut frame: Frame) -> Result<Outcome, Violation> {
    if frame.key != key {
        return Err(Violation::Shape("a hit with a key that is not the request's"));
    }
    let flags = take_flags(&mut frame)?;
    Ok(Outcome::Item(Item { value: frame.value, flags, cas: frame.header.cas }))
}

fn take_flags(frame: &mut Frame) -> Result<u32, Violation> {
    Violation::check("extras length of a hit", 4u8, frame.header.extras_len)?;
    frame.extras.try_get_u32().map_err(|_| Violation::Shape("a hit without flags"))
}

/// MCB-ARI-02: the value is the count, in exactly eight bytes.
fn read_counter(mut frame: Frame) -> Result<Outcome, Violation> {
    expect_value_alone(&frame)?;
    Violation::check("body length of a counter", 8u32, frame.header.body_len)?;
    let value = frame.value.try_get_u64().map_err(|_| Violation::Shape("a counter cut short"))?;
    Ok(Outcome::Counter { value, cas: frame.header.cas })
}

/// MCB-TCH-03: some servers send the flags, some do not.
fn read_touch(frame: &Frame) -> Result<Outcome, Violation> {
    match (frame.header.extras_len, frame.header.body_len) {
        (0, 0) | (4, 4) => Ok(Outcome::Touched { cas: frame.header.cas }),
        (_, found) => Err(Violation::Mismatch {
            field: "body length of a touch's reply",
            expected: 0,
            found: found.into(),
        }),
    }
}

pub(super) fn expect_value_alone(frame: &Frame) -> Result<(), Violation> {
    Violation::check("extras length", 0u8, frame.header.extras_len)?;
    Violation::check("key length", 0u16, frame.header.key_len)
}
