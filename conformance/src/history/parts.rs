//! A history in parts that have no key in common, so that each can be judged alone.

use std::collections::{BTreeMap, BTreeSet};

use super::{About, History, Model};

/// Keys that met, and the calls about them.
#[derive(Clone, Debug)]
pub(super) struct Part<K> {
    pub(super) keys: BTreeSet<K>,
    /// Numbers of calls, by their beginnings. The end of a session is in every part that it had to do with.
    pub(super) calls: Vec<usize>,
}

/// The parts of a history. A call that changes nothing and has no reply says nothing, and is left out.
pub(super) fn parts<M: Model>(
    model: &M,
    history: &History<M::Input, M::Output>,
) -> Vec<Part<M::Key>> {
    let mut groups = Groups::default();
    for operation in history.operations() {
        if let About::Keys(keys) = model.about(&operation.input) {
            groups.join(&keys);
        }
    }
    let mut parts: BTreeMap<usize, Part<M::Key>> = BTreeMap::new();
    let mut of_session: BTreeMap<u64, BTreeSet<usize>> = BTreeMap::new();
    for (number, operation) in history.operations().iter().enumerate() {
        if operation.reply.is_none() && model.only_looks(&operation.input) {
            continue;
        }
        let sessions_own = of_session.entry(operation.session).or_default();
        match model.about(&operation.input) {
            About::Keys(keys) => {
                let Some(group) = keys.first().and_then(|key| groups.of(key)) else { continue };
                sessions_own.insert(group);
                let empty = || Part { keys: BTreeSet::new(), calls: Vec::new() };
                let part = parts.entry(group).or_insert_with(empty);
                part.keys.extend(keys);
                part.calls.push(number);
            }
            About::Session => {
                for group in sessions_own.iter() {
                    parts.entry(*group).and_modify(|part| part.calls.push(number));
                }
            }
        }
    }
    parts.into_values().collect()
}

/// Keys that met, directly or by way of others.
struct Groups<K> {
    numbers: BTreeMap<K, usize>,
    /// Each number's next one on the way to the number of its group, which is its own next.
    next: Vec<usize>,
}

impl<K> Default for Groups<K> {
    fn default() -> Self {
        Self { numbers: BTreeMap::new(), next: Vec::new() }
    }
}

impl<K: Clone + Ord> Groups<K> {
    fn join(&mut self, keys: &[K]) {
        let mut first = None;
        for key in keys {
            let fresh = self.next.len();
            let number = *self.numbers.entry(key.clone()).or_insert(fresh);
            if number == fresh {
                self.next.push(fresh);
            }
            let root = self.root(number);
            self.next[root] = *first.get_or_insert(root);
        }
    }

    fn of(&self, key: &K) -> Option<usize> {
        self.numbers.get(key).map(|number| self.root(*number))
    }

    fn root(&self, mut number: usize) -> usize {
        while self.next[number] != number {
            number = self.next[number];
        }
        number
    }
}
