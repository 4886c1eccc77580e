//! Which places of the server a run reached: the server names them in its events (see
//! [`Mark`]), and this listens.
//!
//! What is simulated stays the program that users run. A sweep that never reaches a mark proves nothing about it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use lockproof_reference_server::{MARK_TARGET, Mark};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{Interest, Subscriber, with_default};
use tracing::{Event, Metadata};

use crate::record;

/// Names of marks.
pub type Marks = BTreeSet<String>;

thread_local! {
    static REACHED: RefCell<Marks> = const { RefCell::new(Marks::new()) };
}

/// The mark of that name.
pub fn named(name: &str) -> Option<Mark> {
    Mark::ALL.into_iter().find(|mark| mark.name() == name)
}

/// Listens while `play` runs.
pub(crate) fn while_in<T>(play: impl FnOnce() -> T) -> (T, Marks) {
    REACHED.take();
    let result = with_default(Listener, play);
    (result, REACHED.take())
}

/// Every mark of the server, with how many of those that were counted reached it.
pub fn of_all(counted: &BTreeMap<String, u64>) -> Vec<(Mark, u64)> {
    let count = |mark: Mark| (mark, counted.get(mark.name()).copied().unwrap_or_default());
    Mark::ALL.into_iter().map(count).collect()
}

/// Hears of marks, and of nothing else.
struct Listener;

impl Subscriber for Listener {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == MARK_TARGET
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Name);
    }

    // Nobody has spans here.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Name;

impl Visit for Name {
    fn record_str(&mut self, _: &Field, name: &str) {
        record::place(name);
        REACHED.with_borrow_mut(|reached| {
            // A name that is known costs nothing but the look.
            if !reached.contains(name) {
                reached.insert(name.to_owned());
            }
        });
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
