//! Is what concurrent clients saw explained by any order of their calls, one at a time?
//!
//! A [`History`] is what they asked, when, and what came of it. A [`Model`] says what one call does to one state. [`check`]
//! looks for an order in which every call happens at once, between its beginning and its end, and has the result that it
//! had: then the history is *linearizable*. The search is Wing and Gong's with Lowe's memory of what was tried; keys that
//! never met in a call are judged apart, which is what makes it fast.
//!
//! A call without a reply may have happened, at any later time, or not at all: a client that died in the middle, a session
//! whose end the server has yet to notice. One session's calls happen in the order in which it made them.
//!
//! The search is our own: stateright's tester remembers nothing, so that 40 calls with one wrong reply keep it busy for
//! minutes, and todc-utils knows no call without a reply; neither can say "I do not know".
//!
//! [`items`], [`pages`] and [`locks`] are models; [`stress`] makes histories with a server. Left out: calls on all keys at
//! once (FLUSH), and what a server does by itself (expiry, eviction).

mod brief;
pub mod items;
pub mod locks;
pub mod pages;
mod parts;
mod search;
pub mod stress;
mod verdict;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

pub use verdict::{Order, Verdict, Violation, check};

/// Transitions that [`check`] tries unless told otherwise: a second or two, and far less than a good history takes.
pub const BUDGET: u64 = 2_000_000;

/// What calls do, one at a time.
pub trait Model {
    /// What calls are about: a key, a page.
    type Key: Clone + fmt::Display + Ord;
    /// All that some keys stand for.
    type State: Clone + Ord;
    /// What a call asks for.
    type Input: Clone + Eq + fmt::Display;
    /// What comes of it.
    type Output: Clone + fmt::Display;

    /// What a call is about. Keys that meet in one call are judged together.
    fn about(&self, input: &Self::Input) -> About<Self::Key>;

    /// What these keys stand for before the first call.
    fn start(&self, keys: &BTreeSet<Self::Key>) -> Self::State;

    /// The state after a call of that session, or `None` if in this state it cannot have that output.
    ///
    /// Without an output nobody knows what came of it. Then the question is for the state after it did something; that it
    /// did nothing need not be told apart from its not having happened.
    fn step(
        &self,
        state: &Self::State,
        session: u64,
        input: &Self::Input,
        output: Option<&Self::Output>,
    ) -> Option<Self::State>;

    /// Whether a call changes nothing in any state.
    fn only_looks(&self, input: &Self::Input) -> bool;

    /// Whether it makes no difference in which session a call is made.
    fn sessions_are_alike(&self) -> bool {
        false
    }

    /// A number in a reply that no other reply about the same key may bear.
    fn unique(&self, _output: &Self::Output) -> Option<u64> {
        None
    }
}

/// What a call is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum About<K> {
    /// These.
    Keys(Vec<K>),
    /// All that its session had to do with: the call is the session's end.
    Session,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Operation<I, O> {
    /// Who made it; a client that connects anew is another session.
    pub session: u64,
    /// What it asks for.
    pub input: I,
    /// What came of it, and when.
    pub reply: Option<(O, Duration)>,
    /// When it began.
    pub at: Duration,
    /// Its place among all beginnings and ends, and that of its end.
    called: u64,
    returned: Option<u64>,
}

/// Calls of several clients, as they saw them. Beginnings and ends are told in the order in which they happen.
#[derive(Clone, Debug)]
pub struct History<I, O> {
    operations: Vec<Operation<I, O>>,
    moments: u64,
}

impl<I, O> Default for History<I, O> {
    fn default() -> Self {
        Self { operations: Vec::new(), moments: 0 }
    }
}

impl<I, O> History<I, O> {
    /// A call begins; the number is for its end.
    pub fn call(&mut self, session: u64, input: I, at: Duration) -> usize {
        let called = self.moment();
        self.operations.push(Operation { session, input, reply: None, at, called, returned: None });
        self.operations.len() - 1
    }

    /// A call ends. Without an end it may happen at any time, or never.
    pub fn reply(&mut self, call: usize, output: O, at: Duration) {
        let now = self.moment();
        if let Some(operation) = self.operations.get_mut(call) {
            operation.reply = Some((output, at));
            operation.returned = Some(now);
        }
    }

    /// Gives a call another output than it had, at the same time: what a checker is tried with.
    pub fn amend(&mut self, call: usize, output: O) {
        if let Some((old, _)) = self.operations.get_mut(call).and_then(|call| call.reply.as_mut()) {
            *old = output;
        }
    }

    /// All calls, by their beginnings.
    pub fn operations(&self) -> &[Operation<I, O>] {
        &self.operations
    }

    fn moment(&mut self) -> u64 {
        self.moments += 1;
        self.moments
    }
}

impl<I, O> Operation<I, O> {
    /// Whether it ended before the other began.
    pub fn is_before(&self, other: &Self) -> bool {
        self.returned.is_some_and(|returned| returned < other.called)
    }
}

impl<I: fmt::Display, O: fmt::Display> fmt::Display for Operation<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, input, at, .. } = self;
        write!(f, "{:.3} s  session {session}: {input}", at.as_secs_f64())?;
        match &self.reply {
            Some((output, end)) => write!(f, " -> {output} ({:.3} s)", end.as_secs_f64()),
            None => f.write_str(" -> no reply"),
        }
    }
}
