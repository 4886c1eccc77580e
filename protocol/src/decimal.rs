//! Decimal numbers in lines of text. Strict: digits alone, and a minus where it means something (MCT-NUM-01).

use bytes::BytesMut;

use crate::memcached::EXPIRED;

/// An unsigned number below 2^64 (MCT-NUM-09).
pub(crate) fn unsigned(token: &[u8]) -> Option<u64> {
    if token.is_empty() {
        return None;
    }
    token.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

/// Client flags (MCT-NUM-03, MCT-NUM-04).
pub(crate) fn flags(token: &[u8]) -> Option<u32> {
    unsigned(token).and_then(|number| u32::try_from(number).ok())
}

/// Seconds of 31 bits, or a date; everything negative is over already (MCT-NUM-06, MCT-EXP-04).
pub(crate) fn expiry(token: &[u8]) -> Option<u32> {
    let (digits, is_negative) = match token {
        [b'-', digits @ ..] => (digits, true),
        digits => (digits, false),
    };
    let number = unsigned(digits).and_then(|number| i32::try_from(number).ok())?;
    if is_negative && number != 0 { Some(EXPIRED) } else { u32::try_from(number).ok() }
}

/// Appends a number.
pub(crate) fn put(number: u64, out: &mut BytesMut) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::{EXPIRED, expiry, flags, unsigned};

    #[test]
    fn only_digits_are_numbers() {
        assert_eq!(unsigned(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned(b"007"), Some(7));
        for wrong in ["", "-1", "+1", "1.5", "1e3", "0x10", "1a", " 1", "18446744073709551616"] {
            assert_eq!(unsigned(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn flags_and_expiries_have_their_limits() {
        assert_eq!(flags(b"4294967295"), Some(u32::MAX));
        assert_eq!(flags(b"4294967296"), None);
        let rows = [("0", 0), ("-0", 0), ("-1", EXPIRED), ("2147483647", 0x7fff_ffff)];
        for (token, number) in rows {
            assert_eq!(expiry(token.as_bytes()), Some(number), "{token}");
        }
        for wrong in ["", "-", "--1", "2147483648", "4294967296", "1s"] {
            assert_eq!(expiry(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
