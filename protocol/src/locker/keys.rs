//! Keys in a body: the separator and the split rule.
//! It leaves out limits, which are the command's, and which keys survive the rule: the client's.

use core::iter;

/// What stands between two keys.
pub const SEPARATOR: &[u8; 7] = b"#!@^^$#";

/// The keys of a body: scan left to right, take the first match, continue after it (LKR-007).
///
/// Like `str::split`, it gives an empty key for an empty body and next to a stray separator.
pub fn split_keys(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(body);
    iter::from_fn(move || {
        let here = rest?;
        let Some((key, behind)) = cut(here) else {
            rest = None;
            return Some(here);
        };
        rest = Some(behind);
        Some(key)
    })
}

/// What stands before and behind the first separator.
fn cut(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = find(bytes)?;
    let (key, behind) = bytes.split_at_checked(at)?;
    Some((key, behind.get(SEPARATOR.len()..)?))
}

/// Where the first separator starts.
fn find(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        let hash = rest.iter().position(|byte| *byte == b'#')?;
        if rest.get(hash..)?.starts_with(SEPARATOR) {
            return Some(from + hash);
        }
        from += hash + 1;
    }
}
