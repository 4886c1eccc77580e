//! What happened, with virtual times, and its hash: equal seeds must give equal traces, byte for byte.

use std::fmt::Write;

use crate::net::sim_elapsed;

/// A run's events in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trace {
    lines: String,
}

impl Trace {
    /// Adds an event at the present virtual time.
    pub fn note(&mut self, event: &str) {
        let at = sim_elapsed().unwrap_or_default();
        self.note_at(at, event);
    }

    /// Adds an event; for those outside of every host.
    pub fn note_at(&mut self, at: std::time::Duration, event: &str) {
        let _ = writeln!(self.lines, "{:>9} us  {event}", at.as_micros());
    }

    /// All events, a line each.
    pub fn text(&self) -> &str {
        &self.lines
    }

    /// Hash of the text.
    pub fn hash(&self) -> u64 {
        let mut hash = Hash::default();
        hash.bytes(self.lines.as_bytes());
        hash.finish()
    }
}

/// FNV-1a over words: stable, and quick enough to look at every byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    /// Adds one number.
    pub fn number(&mut self, number: u64) {
        // The shift brings high bits down, which a multiplication alone never does.
        let mixed = (self.0 ^ number).wrapping_mul(0x0100_0000_01b3);
        self.0 = mixed ^ (mixed >> 32);
    }

    /// Adds bytes and how many they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.number(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.number((*byte).into());
        }
    }

    /// The hash of everything added so far.
    pub const fn finish(self) -> u64 {
        self.0
    }
}
