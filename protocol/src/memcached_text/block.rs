//! Data blocks: how long the one behind a line is, and what came of it.

use super::{Refusal, Tokens};
use crate::decimal;
use crate::memcached::Value;

/// The first length that no data block may have (MCT-LIM-06).
const LENGTH_END: u64 = 0x7fff_fffe;

/// What became of a data block: its bytes, or that CR LF did not follow them (MCT-BLK-04).
pub(crate) type Block = Result<Value, Refusal>;

/// A data block's length.
pub(crate) fn length(token: &[u8]) -> Option<u32> {
    let length = decimal::unsigned(token).filter(|length| *length < LENGTH_END)?;
    u32::try_from(length).ok()
}

/// The length of the block that follows a line, if it is of the kind that has one and says so readably. Whatever else is
/// wrong with the line: its block is never taken for commands (MCT-ERR-05, MCM-SET-08, MCM-SET-09).
pub(super) fn announced(line: &[u8]) -> Option<u32> {
    let mut tokens = Tokens::new(line);
    let between = match tokens.next()? {
        b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas" => 3,
        b"ms" => 1,
        _ => return None,
    };
    length(tokens.nth(between)?)
}

#[cfg(test)]
mod tests {
    use super::announced;

    #[test]
    fn only_storage_lines_announce_a_block() {
        let rows = [
            ("set k 0 0 5", Some(5)),
            ("cas k x y 5 z noreply and more", Some(5)),
            ("ms k 2147483645 S", Some(2_147_483_645)),
            ("ms k 2147483646", None),
            ("set k 0 0 -1", None),
            ("set k 0 0", None),
            ("get set k 0 0 5", None),
            ("SET k 0 0 5", None),
            ("", None),
        ];
        for (line, length) in rows {
            assert_eq!(announced(line.as_bytes()), length, "{line}");
        }
    }
}
