//! Counters: the decimal text in an item, read and written as memcached 1.6.18 does.

/// A number as decimal text, at most 20 digits.
#[derive(Debug)]
pub(super) struct Digits {
    text: [u8; Self::LEN_MAX],
    first: usize,
}

impl Digits {
    const LEN_MAX: usize = 20;

    /// Without padding.
    pub(super) fn of(mut number: u64) -> Self {
        let mut text = [b'0'; Self::LEN_MAX];
        let mut first = Self::LEN_MAX;
        for (at, digit) in text.iter_mut().enumerate().rev() {
            // Below 10, so nothing is lost.
            *digit += (number % 10) as u8;
            number /= 10;
            first = at;
            if number == 0 {
                break;
            }
        }
        Self { text, first }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.text[self.first..]
    }

    /// The trailing spaces that keep a shrunken counter as long as it was (MCB-ARI-13). They are
    /// real data from then on (MCB-ARI-14).
    pub(super) fn padding(&self, len_before: usize) -> usize {
        len_before.saturating_sub(self.as_bytes().len())
    }
}

/// The number in a value: `None` unless it is a decimal u64 (MCB-ARI-09, MCB-ARI-10).
///
/// With the leniencies of MCB-ARI-11: leading white space, a plus, leading zeros, `-0`, and
/// anything after the first white space or NUL that follows the digits.
pub(super) fn parse(value: &[u8]) -> Option<u64> {
    let text = skip_while(value, is_space);
    let (is_negative, text) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let rest = skip_while(text, |byte| byte.is_ascii_digit());
    let digits = text.get(..text.len() - rest.len())?;
    let is_ended = rest.first().is_none_or(|byte| is_space(*byte) || *byte == 0);
    if digits.is_empty() || !is_ended {
        return None;
    }
    let number = digits.iter().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })?;
    (!is_negative || number == 0).then_some(number)
}

fn skip_while(text: &[u8], matches: impl Fn(u8) -> bool) -> &[u8] {
    let len = text.iter().take_while(|byte| matches(**byte)).count();
    text.get(len..).unwrap_or_default()
}

/// As C's `isspace`: with the vertical tab, which Rust leaves out.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

#[cfg(test)]
mod tests {
    use super::{Digits, parse};
    use alloc::format;

    #[test]
    fn decimal_numbers_count() {
        let rows: [(&[u8], u64); 14] = [
            (b"0", 0),
            (b"5", 5),
            (b"9223372036854775808", 1 << 63),
            (b"18446744073709551615", u64::MAX),
            (b"99 ", 99),
            (b"0                   ", 0),
            (b"  \t\r\n\x0b\x0c7", 7),
            (b"+7", 7),
            (b"007", 7),
            (b"-0", 0),
            (b"00000000000000000000000000000001", 1),
            (b"5  x", 5),
            (b"5\0abc", 5),
            (b"9 0", 9),
        ];
        for (value, number) in rows {
            assert_eq!(parse(value), Some(number), "{value:?}");
        }
    }

    #[test]
    fn anything_else_does_not() {
        let rows: [&[u8]; 20] = [
            b"",
            b" ",
            b"abc",
            b"1a",
            b"12abc",
            b"1.5",
            b"1e3",
            b"0x10",
            b"-1",
            b"\x001",
            b"\0\0\0\0\0\0\0\x05",
            b"18446744073709551616",
            b"99999999999999999999",
            b"184467440737095516150",
            b"+",
            b"-",
            b"+-1",
            b"+ 1",
            b"1-",
            b"\xff",
        ];
        for value in rows {
            assert_eq!(parse(value), None, "{value:?}");
        }
        assert_eq!(parse(&alloc::vec![b'9'; 600_000]), None);
    }

    #[test]
    fn digits_are_what_the_formatter_writes() {
        for number in [0, 1, 9, 10, 99, 100, 1 << 63, u64::MAX - 1, u64::MAX] {
            assert_eq!(Digits::of(number).as_bytes(), format!("{number}").as_bytes());
        }
    }

    #[test]
    fn shrunken_counter_is_padded() {
        assert_eq!(Digits::of(99).padding(3), 1);
        assert_eq!(Digits::of(0).padding(20), 19);
        assert_eq!(Digits::of(100).padding(2), 0);
    }
}
