//! A line's tokens: what stands between spaces (MCT-LIN-03). A tab is a byte like any other (MCT-LIN-04).

use super::KEY_MAX;

/// The tokens of a line, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    pub(crate) const fn new(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    /// Whatever was not handed out yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.rest.iter().position(|byte| *byte != b' ')?;
        let from = self.rest.get(start..)?;
        let end = from.iter().position(|byte| *byte == b' ').unwrap_or(from.len());
        let (token, rest) = from.split_at_checked(end)?;
        self.rest = rest;
        Some(token)
    }
}

/// Whether a token is a key as it stands: not too long (MCT-KEY-02), and without control bytes (MCT-KEY-04).
pub(crate) fn is_key(token: &[u8]) -> bool {
    token.len() <= KEY_MAX && !token.iter().any(u8::is_ascii_control)
}

#[cfg(test)]
mod tests {
    use super::{KEY_MAX, Tokens, is_key};
    use alloc::vec::Vec;

    #[test]
    fn spaces_separate_and_nothing_else() {
        let tokens = |line| Tokens::new(line).collect::<Vec<_>>();
        assert_eq!(tokens(b"  get  a\tb \r "), [&b"get"[..], b"a\tb", b"\r"]);
        assert!(tokens(b"").is_empty() && tokens(b"   ").is_empty());
    }

    #[test]
    fn keys_are_short_and_without_control_bytes() {
        let longest = [b'k'; KEY_MAX + 1];
        assert!(is_key("k\u{e9}y".as_bytes()) && is_key(b"~") && is_key(&longest[1..]));
        assert!(!is_key(&longest));
        for byte in [0, 1, b'\t', b'\r', 0x1f, 0x7f] {
            assert!(!is_key(&[b'k', byte]), "{byte:#x}");
        }
    }
}
