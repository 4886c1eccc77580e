//! What happened, with virtual times, and its hash: equal seeds must give equal traces, byte for byte.

use std::fmt::Write;

/// A run's events in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trace {
    lines: String,
}

impl Trace {
    /// Adds an event at the present virtual time.
    pub fn note(&mut self, event: &str) {
        let at = turmoil::sim_elapsed().unwrap_or_default();
        let _ = writeln!(self.lines, "{:>9} us  {event}", at.as_micros());
    }

    /// All events, a line each.
    pub fn text(&self) -> &str {
        &self.lines
    }

    /// FNV-1a over the text.
    pub fn hash(&self) -> u64 {
        self.lines.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}
