//! The rows that make sense for a lock server, and what they catch there.
//!
//! Its replies have two bytes, so a reader that drips, or half-closes, holds up nobody for long, and one that stops no
//! shutdown; and half a request takes nothing that could be seen.

use crate::known_bad::KnownBad::{self, K01, K02, K03, K05, K19, K20, K22, K29, Locker};
use crate::known_bad::locker::Flaw::{L02, L03, L09, L11, L13, L15, L20};

/// Row, and the flawed servers that it must catch.
const ROWS: &[(&str, &[KnownBad])] = &[
    ("calm", &[K19, Locker(L02), Locker(L09), Locker(L20)]),
    ("client-dies-in-blocking-send", &[K01, K02, K03, K05, Locker(L11), Locker(L13)]),
    ("client-killed-in-blocking-send", &[K01, K02, Locker(L03)]),
    ("client-stops-reading", &[K01, K02, K03, K05, Locker(L11), Locker(L13)]),
    ("client-drips", &[K01, K02, K03, Locker(L13)]),
    ("client-half-closes", &[Locker(L02)]),
    ("client-is-cut-off", &[K22, Locker(L15)]),
    ("client-is-cut-one-way", &[K22, Locker(L15)]),
    ("link-stalls", &[K19]),
    ("client-falls-silent", &[K20, K22, Locker(L15)]),
    ("client-ends-in-a-request", &[K19]),
    ("many-clients-die", &[K01, Locker(L13)]),
    ("restart-under-load", &[K29]),
    ("power-cut", &[K29]),
];

/// Whether a row is one of them.
pub(super) fn has(name: &str) -> bool {
    ROWS.iter().any(|(row, _)| *row == name)
}

/// What a row must catch.
pub(super) fn catches(name: &str) -> &'static [KnownBad] {
    ROWS.iter().find(|(row, _)| *row == name).map_or(&[], |(_, catches)| catches)
}
