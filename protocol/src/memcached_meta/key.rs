//! Keys as meta has them on the wire: as they are, or in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};

/// Room for the base64 of the longest key that a cache has, 250 bytes.
pub(super) const ENCODED_MAX: usize = 336;

/// The key that a base64 token stands for (MCM-KEY-02); `None` if it is none (MCM-KEY-07).
pub(super) fn decoded(token: &[u8]) -> Option<Bytes> {
    let key = STANDARD.decode(token).ok()?;
    (!key.is_empty()).then(|| Bytes::from(key))
}

/// Whether a key as it is would break the line, or be two words of it (MCM-KEY-06).
pub(super) fn breaks_line(key: &[u8]) -> bool {
    key.iter().any(|byte| *byte <= b' ' || *byte == 0x7f)
}

/// Appends a key in base64.
pub(super) fn put_encoded(key: &[u8], out: &mut BytesMut) {
    let mut text = [0; ENCODED_MAX];
    // A key of more than 250 bytes is in no cache.
    let len = STANDARD.encode_slice(key, &mut text).unwrap_or_default();
    out.put_slice(text.get(..len).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::{decoded, put_encoded};
    use bytes::BytesMut;

    #[test]
    fn keys_go_and_come_back() {
        for key in [&b"a"[..], b"a b", b"\r\n\0\xff", &[7; 250]] {
            let mut text = BytesMut::new();
            put_encoded(key, &mut text);
            assert_eq!(decoded(&text).as_deref(), Some(key));
        }
    }

    #[test]
    fn what_is_no_base64_is_refused() {
        for token in ["====", "a===", "Zm9", "Zm9v_-==", "Zm9v!", ""] {
            assert_eq!(decoded(token.as_bytes()), None, "{token}");
        }
    }
}
