//! Values in a line of text: their beginning, and how long they are.

use crate::session::escape;

const SHOWN: usize = 16;

/// Bytes as a session writes them, shortened.
pub(super) fn brief(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN) {
        Some(start) if bytes.len() > SHOWN => {
            format!("{}… ({} bytes)", escape(start), bytes.len())
        }
        _ => escape(bytes),
    }
}
