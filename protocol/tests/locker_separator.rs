//! The separator's corpus: it overlaps itself by one byte, so some keys do not survive a body.

use lockproof_protocol::locker::{SEPARATOR, split_keys};

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
