//! Echo: bytes out, the same bytes back.

use super::{Comparison, Outgoing, Reply};
use crate::session::{Datum, EvalError, Message, Pattern, Scope, Value};

pub(super) fn encode(message: &Message<Value>, scope: &Scope) -> Result<Outgoing, EvalError> {
    let bytes =
        message.args().first().map_or_else(|| Ok(Vec::new()), |value| value.bytes(scope))?;
    let borders =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(at, _)| at + 1).collect();
    Ok(Outgoing { bytes, borders, asked: None })
}

pub(super) fn reply(bytes: &[u8]) -> Reply {
    Reply {
        fields: vec![("bytes", Datum::Bytes(bytes.to_vec()))],
        length: bytes.len(),
        ..Reply::default()
    }
}

pub(super) fn compare(
    expected: &Message<Pattern>,
    comparison: &mut Comparison<'_>,
) -> Result<(), EvalError> {
    expected.args().first().map_or(Ok(()), |pattern| comparison.field("bytes", pattern))
}
