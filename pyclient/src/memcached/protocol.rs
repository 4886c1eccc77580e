//! Which of memcached's protocols is spoken, in Python's words.

use std::sync::atomic::{AtomicU8, Ordering};

use lockproof_client::memcached::Dialect;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

const WORDS: [(Dialect, &str); 3] =
    [(Dialect::Binary, "binary"), (Dialect::Text, "text"), (Dialect::Meta, "meta")];

/// The word for a protocol.
pub(crate) fn word(dialect: Dialect) -> &'static str {
    WORDS.into_iter().find(|(known, _)| *known == dialect).map_or("binary", |(_, word)| word)
}

/// The protocol that a word stands for.
pub(crate) fn named(word: &str) -> PyResult<Dialect> {
    let found = WORDS.into_iter().find(|(_, known)| *known == word);
    found.map(|(dialect, _)| dialect).ok_or_else(|| {
        PyValueError::new_err(format!(
            "a protocol is 'auto', 'binary', 'text' or 'meta', not '{word}'"
        ))
    })
}

/// What a server speaks, once that is known. Two threads may find it out at the same time, and find the same.
#[derive(Debug)]
pub(crate) struct Spoken(AtomicU8);

const UNKNOWN: u8 = u8::MAX;

impl Spoken {
    /// `auto` is to be found out. Users are for the binary protocol, unless another one is asked for.
    pub(crate) fn new(protocol: &str, has_users: bool) -> PyResult<Self> {
        let spoken = Self(AtomicU8::new(UNKNOWN));
        match (protocol, has_users) {
            ("auto", false) => {}
            ("auto", true) => spoken.remember(Dialect::Binary),
            (word, _) => spoken.remember(named(word)?),
        }
        Ok(spoken)
    }

    pub(crate) fn get(&self) -> Option<Dialect> {
        let at = self.0.load(Ordering::Relaxed);
        WORDS.get(usize::from(at)).map(|(dialect, _)| *dialect)
    }

    pub(crate) fn remember(&self, dialect: Dialect) {
        let at = WORDS.iter().position(|(known, _)| *known == dialect);
        self.0.store(at.and_then(|at| u8::try_from(at).ok()).unwrap_or(UNKNOWN), Ordering::Relaxed);
    }
}
