//! The separator's corpus: it overlaps itself by one byte, so some keys do not survive a body.

use lockproof_protocol::locker::{SEPARATOR, is_safe_key, split_keys};

fn split(body: &str) -> Vec<&str> {
    split_keys(body.as_bytes()).map(|key| str::from_utf8(key).unwrap()).collect()
}

/// Every string of up to `pieces` pieces.
fn strings(alphabet: &[&str], pieces: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..pieces {
        last = last
            .iter()
            .flat_map(|start| alphabet.iter().map(move |piece| format!("{start}{piece}")))
            .collect();
        all.extend(last.iter().cloned());
    }
    all
}

const FRAGMENTS: &[&str] = &["#", "!@^^$", "#!@^^$", "!@^^$#", "#!@^^$#", "x"];

#[test]
fn known_cases_split_as_they_should() {
    assert_eq!(split(""), [""]);
    assert_eq!(split("a"), ["a"]);
    assert_eq!(split("a#!@^^$#b"), ["a", "b"]);
    assert_eq!(split("#!@^^$#"), ["", ""]);
    assert_eq!(split("a#!@^^$##!@^^$#b"), ["a", "", "b"]);
    assert_eq!(split("user@example.com#!@^^$#p#!"), ["user@example.com", "p#!"]);
    // The one failure class: a key that is not last and ends with all but the last byte.
    assert_eq!(split("x#!@^^$#!@^^$#y"), ["x", "!@^^$#y"]);
    // A right-to-left splitter would see the separator's second place here.
    assert_eq!(split("a#!@^^$#!@^^$#y"), ["a", "!@^^$#y"]);
}

#[test]
fn split_is_left_to_right_and_does_not_overlap() {
    let separator = str::from_utf8(SEPARATOR).unwrap();
    for body in strings(FRAGMENTS, 6) {
        assert_eq!(split(&body), body.split(separator).collect::<Vec<_>>(), "{body:?}");
    }
}

#[test]
fn safe_key_is_the_rule_of_the_first_separator() {
    let alphabet = ["#", "!", "@", "^", "$", "x"];
    let found = |bytes: &[u8]| bytes.windows(7).position(|window| window == SEPARATOR);
    for key in strings(&alphabet, 7).iter().chain(&strings(FRAGMENTS, 5)) {
        let joined = [key.as_bytes(), SEPARATOR].concat();
        let safe = !key.is_empty() && found(&joined) == Some(key.len());
        assert_eq!(is_safe_key(key.as_bytes()), safe, "{key:?}");
    }
}

/// A list of keys arrives as it was sent if all are safe; of the rest only a last key may.
#[test]
fn safety_predicts_every_list() {
    let keys = strings(FRAGMENTS, 2);
    let separator = str::from_utf8(SEPARATOR).unwrap();
    let mut lists = 0;
    for first in &keys {
        for second in &keys {
            for third in &keys {
                let list = [first.as_str(), second, third];
                let safe = |key: &str| key.is_empty() || is_safe_key(key.as_bytes());
                let expected = safe(first) && safe(second) && !third.contains(separator);
                let arrived = split(&list.join(separator)) == list;
                assert_eq!(arrived, expected, "{list:?}");
                lists += 1;
            }
        }
    }
    assert_eq!(lists, 79_507);
}
