//! Keys in a body: the separator, the split rule, and which keys survive it.
//! It leaves out limits, which are the command's.

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

/// Whether a key arrives as it was sent, wherever it stands in a body. An empty key does not.
///
/// The separator begins and ends with `#`, so it overlaps itself by one byte: a key is safe if and
/// only if the first separator in key + separator starts at the key's end.
pub fn is_safe_key(key: &[u8]) -> bool {
    // The overlap: a key that ends with all of the separator but its last byte is cut short there.
    let overlap = SEPARATOR.split_last().is_some_and(|(_, start)| key.ends_with(start));
    !key.is_empty() && find(key).is_none() && !overlap
}

const _: () = assert!(SEPARATOR[0] == SEPARATOR[6], "the overlap is one byte");

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
