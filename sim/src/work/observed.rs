//! What clients saw of a server since it began.
//!
//! A server that begins anew knows nothing of what was before. A call that began before the outage is forgotten with the
//! rest: its connection ended with the server, so that nothing of it reaches the next one, and its reply says nothing
//! about that one either. Every call that begins afterwards, on whatever connection, is judged.

use lockproof_conformance::history::History;

use super::now;

/// The calls of all clients.
#[derive(Debug)]
pub(crate) struct Observed<I, O> {
    history: History<I, O>,
    /// How often the server began anew.
    generation: u64,
    /// Nothing more is written down.
    is_over: bool,
}

impl<I, O> Default for Observed<I, O> {
    fn default() -> Self {
        Self { history: History::default(), generation: 0, is_over: false }
    }
}

/// A call that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    number: usize,
    generation: u64,
}

impl<I, O> Observed<I, O> {
    /// A call begins now.
    pub(crate) fn call(&mut self, session: u64, request: I) -> Call {
        if self.is_over {
            return Call { number: usize::MAX, generation: self.generation };
        }
        let number = self.history.call(session, request, now());
        Call { number, generation: self.generation }
    }

    /// A call ends now.
    pub(crate) fn reply(&mut self, call: Call, reply: O) {
        if call.generation == self.generation && !self.is_over {
            self.history.reply(call.number, reply, now());
        }
    }

    /// What comes from now on says nothing any more.
    pub(crate) fn stop(&mut self) {
        self.is_over = true;
    }

    /// The server has lost everything.
    pub(crate) fn begin_anew(&mut self) {
        self.history = History::default();
        self.generation += 1;
    }

    /// All calls since then.
    pub(crate) const fn history(&self) -> &History<I, O> {
        &self.history
    }
}
