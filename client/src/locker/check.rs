//! What the client refuses to send (LKR-801): keys that a server would not read as they are, and more or
//! longer ones than it takes. It leaves out what a server makes of a request.

use lockproof_protocol::locker::{Limits, Request, SEPARATOR};

/// Why a request is not sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A single command has one key, a batch at least one.
    #[error("{count} keys: a single command has one, a batch at least one")]
    Count {
        /// Keys given.
        count: usize,
    },
    /// More keys than the limit.
    #[error("{count} keys: at most {max} are allowed")]
    TooMany {
        /// Keys given.
        count: usize,
        /// Keys allowed.
        max: usize,
    },
    /// A key is empty, holds the separator, or would be cut short by it.
    #[error("key {index} is empty, or would not survive the separator")]
    Unsafe {
        /// The key's place, from 0.
        index: usize,
    },
    /// A key is longer than the limit.
    #[error("key {index} has {len} bytes: at most {max} are allowed")]
    TooLong {
        /// The key's place, from 0.
        index: usize,
        /// The key's bytes.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Keys and separators together are longer than the limit.
    #[error("a body of {len} bytes: at most {max} are allowed")]
    Body {
        /// Bytes of body.
        len: u64,
        /// Bytes allowed.
        max: u64,
    },
}

/// Whether a server with these limits reads the request as it is meant.
///
/// # Errors
///
/// The first key, or number of keys, that it would not.
pub(super) fn check(request: &Request, limits: &Limits) -> Result<(), KeyError> {
    let count = request.keys.len();
    if count == 0 || (!request.batch && count != 1) {
        return Err(KeyError::Count { count });
    }
    if count > limits.keys_max || i32::try_from(count).is_err() {
        return Err(KeyError::TooMany { count, max: limits.keys_max });
    }
    for (index, key) in request.keys.iter().enumerate() {
        if !is_safe(key) {
            return Err(KeyError::Unsafe { index });
        }
        if key.len() > limits.key_max {
            return Err(KeyError::TooLong { index, len: key.len(), max: limits.key_max });
        }
    }
    match request.body_len() {
        len if len > limits.body_max => Err(KeyError::Body { len, max: limits.body_max }),
        _ => Ok(()),
    }
}

/// Whether a key arrives as it was sent, wherever it stands in a body. An empty key does not.
///
/// The separator begins and ends with `#`, so it overlaps itself by one byte: a key is safe if and
/// only if the first separator in key + separator starts at the key's end.
fn is_safe(key: &[u8]) -> bool {
    // The overlap: a key that ends with all of the separator but its last byte is cut short there.
    let overlap = SEPARATOR.split_last().is_some_and(|(_, start)| key.ends_with(start));
    let holds_separator = key.windows(SEPARATOR.len()).any(|window| window == SEPARATOR);
    !key.is_empty() && !holds_separator && !overlap
}

const _: () = assert!(SEPARATOR[0] == SEPARATOR[6], "the overlap is one byte");

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use lockproof_protocol::locker::{Limits, Request, SEPARATOR, Verb, split_keys};

    use super::{KeyError, check, is_safe};

    const PIECES: [&str; 6] = ["#", "!@^^$", "#!@^^$", "!@^^$#", "#!@^^$#", "x"];

    /// Every string of up to `pieces` pieces.
    fn strings(alphabet: [&str; 6], pieces: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..pieces {
            let longer = |start: &String| alphabet.map(|piece| format!("{start}{piece}"));
            last = last.iter().flat_map(longer).collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    #[test]
    fn what_the_server_would_misread_is_refused() {
        let limits = Limits { body_max: 20, keys_max: 3, key_max: 10 };
        let check = |batch, keys: &[&'static str]| {
            let keys = keys.iter().map(|key| Bytes::from_static(key.as_bytes())).collect();
            check(&Request { verb: Verb::Get, batch, keys }, &limits)
        };
        assert_eq!(check(true, &["a", "b"]), Ok(()));
        assert_eq!(check(true, &["a"; 3]), Ok(()));
        assert_eq!(check(true, &[]), Err(KeyError::Count { count: 0 }));
        assert_eq!(check(false, &["a", "b"]), Err(KeyError::Count { count: 2 }));
        assert_eq!(check(true, &["a"; 4]), Err(KeyError::TooMany { count: 4, max: 3 }));
        assert_eq!(check(true, &["a", ""]), Err(KeyError::Unsafe { index: 1 }));
        assert_eq!(check(true, &["x#!@^^$", "y"]), Err(KeyError::Unsafe { index: 0 }));
        assert_eq!(check(false, &["aaaaaaaaaa"]), Ok(()));
        let long = KeyError::TooLong { index: 0, len: 11, max: 10 };
        assert_eq!(check(false, &["aaaaaaaaaaa"]), Err(long));
        assert_eq!(check(true, &["aaaaaaa", "bbbbbb"]), Ok(()));
        assert_eq!(check(true, &["aaaaaaa"; 2]), Err(KeyError::Body { len: 21, max: 20 }));
    }

    #[test]
    fn safe_key_is_the_rule_of_the_first_separator() {
        let found = |bytes: &[u8]| bytes.windows(7).position(|window| window == SEPARATOR);
        let letters = ["#", "!", "@", "^", "$", "x"];
        for key in strings(letters, 7).iter().chain(&strings(PIECES, 5)) {
            let joined = [key.as_bytes(), SEPARATOR].concat();
            let safe = !key.is_empty() && found(&joined) == Some(key.len());
            assert_eq!(is_safe(key.as_bytes()), safe, "{key:?}");
        }
    }

    /// A list of keys arrives as it was sent if all are safe; of the rest only a last key may.
    #[test]
    fn safety_predicts_every_list() {
        let keys = strings(PIECES, 2);
        let separator = str::from_utf8(SEPARATOR).expect("it is ASCII");
        let safe = |key: &str| key.is_empty() || is_safe(key.as_bytes());
        let mut lists = 0;
        for first in &keys {
            for second in &keys {
                for third in &keys {
                    let list = [first.as_str(), second, third];
                    let expected = safe(first) && safe(second) && !third.contains(separator);
                    let body = list.join(separator);
                    let arrived = split_keys(body.as_bytes()).eq(list.map(str::as_bytes));
                    assert_eq!(arrived, expected, "{list:?}");
                    lists += 1;
                }
            }
        }
        assert_eq!(lists, 79_507);
    }
}
