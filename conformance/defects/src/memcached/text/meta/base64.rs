//! Base64, as keys come in it: the plain alphabet, with padding.

/// The bytes that a text stands for; nothing if it is no base64, or stands for no bytes at all.
///
/// `lax` takes a text whose padding is missing.
pub(super) fn decode(text: &[u8], lax: bool) -> Option<Vec<u8>> {
    let digits = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    if !lax && !text.len().is_multiple_of(4) || digits.len() % 4 == 1 || digits.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    for group in digits.chunks(4) {
        let mut sum = 0_u32;
        for &digit in group {
            sum = sum << 6 | sextet(digit)?;
        }
        sum <<= 6 * (4 - group.len());
        bytes.extend_from_slice(&sum.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

fn sextet(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn text_of_any_length_is_decoded() {
        assert_eq!(decode(b"Zg==", false).unwrap(), b"f");
        assert_eq!(decode(b"Zm8=", false).unwrap(), b"fo");
        assert_eq!(decode(b"Zm9v", false).unwrap(), b"foo");
        assert_eq!(decode(b"Zm9vYmFy", false).unwrap(), b"foobar");
        assert_eq!(decode(b"//79", false).unwrap(), [0xff, 0xfe, 0xfd]);
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for text in ["", "====", "a===", "Zm8", "Zm9v!", "_-79", "Z=9v"] {
            assert_eq!(decode(text.as_bytes(), false), None, "{text}");
        }
    }

    #[test]
    fn missing_padding_may_be_let_through() {
        assert_eq!(decode(b"Zm8", true).unwrap(), b"fo");
    }
}
