//! What a request of each known opcode must consist of (extras, key, value), checked as soon as the
//! header is there (MCB-LIM-18). It leaves out the contents of the parts.

use super::header::at;
use super::{Header, Opcode};
use crate::FrameError;

/// The parts of one opcode's request.
struct Shape {
    /// Allowed lengths of extras; one or two of them.
    extras: &'static [u8],
    key: Need,
    value: Need,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Need {
    Absent,
    Optional,
    Required,
}

const BARE: Shape = Shape { extras: &[0], key: Need::Absent, value: Need::Absent };
const KEY: Shape = Shape { key: Need::Required, ..BARE };
const KEY_AND_VALUE: Shape = Shape { value: Need::Optional, ..KEY };

/// What the table of opcodes says; `None` for an unknown one, which may look like anything.
#[rustfmt::skip]
const fn shape(opcode: Opcode) -> Option<Shape> {
    Some(match opcode.loud() {
        Opcode::GET | Opcode::GETK | Opcode::DELETE => KEY,
        Opcode::SET | Opcode::ADD | Opcode::REPLACE => Shape { extras: &[8], ..KEY_AND_VALUE },
        Opcode::INCREMENT | Opcode::DECREMENT => Shape { extras: &[20], ..KEY },
        Opcode::QUIT | Opcode::NOOP | Opcode::VERSION | Opcode::SASL_LIST_MECHS => BARE,
        Opcode::FLUSH => Shape { extras: &[0, 4], ..BARE },
        Opcode::APPEND | Opcode::PREPEND | Opcode::SASL_AUTH | Opcode::SASL_STEP => KEY_AND_VALUE,
        Opcode::STAT => Shape { key: Need::Optional, ..BARE },
        Opcode::TOUCH | Opcode::GAT | Opcode::GATK => Shape { extras: &[4], ..KEY },
        _ => return None,
    })
}

/// Holds a request's lengths against its opcode's shape. The caller has checked that the body is not
/// shorter than extras and key.
///
/// # Errors
///
/// The first field that does not fit: extras, then key, then value.
pub(super) fn check(header: &Header) -> Result<(), FrameError> {
    let Some(shape) = shape(header.opcode) else { return Ok(()) };
    if !shape.extras.contains(&header.extras_len) {
        let value = u64::from(header.extras_len);
        return Err(FrameError::new(
            "extras length",
            at::EXTRAS_LEN,
            value,
            "not what the opcode takes",
        ));
    }
    check_need(shape.key, header.key_len.into(), "key length", at::KEY_LEN)?;
    let value_len = header.body_len - header.prefix_len();
    check_need(shape.value, value_len, "value length", at::BODY_LEN)
}

fn check_need(need: Need, len: u32, field: &'static str, offset: usize) -> Result<(), FrameError> {
    let reason = match need {
        Need::Required if len == 0 => "the opcode needs one",
        Need::Absent if len > 0 => "the opcode takes none",
        _ => return Ok(()),
    };
    Err(FrameError::new(field, offset, len.into(), reason))
}
