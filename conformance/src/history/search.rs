//! The search for an order: depth first, and no point is looked at twice.
//!
//! A point is the set of calls that have happened and the state that they led to. Which of several orders led there makes
//! no difference to what can follow; that is why remembering points keeps a search from growing without end.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::successors;

use super::{History, Model, Operation};

/// What came of a search.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// Calls in an order that explains all replies.
    Order(Vec<usize>),
    /// There is none. The longest order that explains as much as it has.
    Nothing(Vec<usize>),
    /// So many transitions were too few to tell.
    OutOfBudget,
}

type OperationOf<M> = Operation<<M as Model>::Input, <M as Model>::Output>;

/// A search in some calls of a history.
pub(super) struct Search<'a, M: Model> {
    model: &'a M,
    calls: Vec<(usize, &'a OperationOf<M>)>,
    /// Calls that begin after this moment have not happened, and those that end after it have no reply.
    until: u64,
    /// Places of calls without a reply.
    open: Vec<usize>,
    /// For each call the one that its session made before it, and the one behind it.
    neighbours: Vec<(Option<usize>, Option<usize>)>,
    seen: BTreeSet<Point<M::State>>,
}

/// What has happened.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Point<S> {
    /// All calls with a reply that stand before this place have happened.
    first: usize,
    /// And besides them these, by their places.
    also: Vec<usize>,
    state: S,
}

/// A point on the way, and what may follow it.
struct Visit<S> {
    point: Point<S>,
    /// Places of calls that may be next, the last one first.
    next: Vec<usize>,
    /// The call that led here.
    by: usize,
}

impl<'a, M: Model> Search<'a, M> {
    /// A search in the calls of these numbers, as they looked at that moment.
    pub(super) fn new(
        model: &'a M,
        history: &'a History<M::Input, M::Output>,
        numbers: &[usize],
        until: u64,
    ) -> Self {
        let all = history.operations();
        let calls: Vec<_> = numbers
            .iter()
            .filter_map(|number| Some((*number, all.get(*number)?)))
            .filter(|(_, operation)| operation.called <= until)
            .filter(|(_, operation)| {
                operation.returned.is_some_and(|returned| returned <= until)
                    || !model.only_looks(&operation.input)
            })
            .collect();
        let neighbours = neighbours(calls.iter().map(|(_, operation)| operation.session));
        let (open, seen) = (Vec::new(), BTreeSet::new());
        let mut search = Self { model, calls, until, open, neighbours, seen };
        search.open = (0..search.calls.len()).filter(|place| search.is_open(*place)).collect();
        search
    }

    /// Looks for an order from that state on; each transition that is tried costs one of the budget.
    pub(super) fn run(mut self, start: M::State, budget: &mut u64) -> Found {
        let mut point = Point { first: 0, also: Vec::new(), state: start };
        self.skip(&mut point);
        let next = self.candidates(&point);
        let mut way = vec![Visit { point, next, by: usize::MAX }];
        let mut longest = Vec::new();
        while let Some(here) = way.last_mut() {
            if here.point.first == self.calls.len() {
                return Found::Order(self.order(&way));
            }
            let Some(place) = here.next.pop() else {
                if way.len() > longest.len() + 1 {
                    longest = self.order(&way);
                }
                way.pop();
                continue;
            };
            let Some(left) = budget.checked_sub(1) else { return Found::OutOfBudget };
            *budget = left;
            let Some(point) = self.after(&way[way.len() - 1].point, place) else { continue };
            if self.seen.insert(point.clone()) {
                let next = self.candidates(&point);
                way.push(Visit { point, next, by: place });
            }
        }
        Found::Nothing(longest)
    }

    fn order(&self, way: &[Visit<M::State>]) -> Vec<usize> {
        way.iter().skip(1).map(|visit| self.calls[visit.by].0).collect()
    }

    /// When the call ended, as far as this search knows.
    fn returned(&self, place: usize) -> Option<u64> {
        self.calls[place].1.returned.filter(|returned| *returned <= self.until)
    }

    fn is_open(&self, place: usize) -> bool {
        self.returned(place).is_none()
    }

    /// The point behind a call, if it can happen here.
    fn after(&self, from: &Point<M::State>, place: usize) -> Option<Point<M::State>> {
        let operation = self.calls[place].1;
        let reply = operation.reply.as_ref().filter(|_| !self.is_open(place));
        let output = reply.map(|(output, _)| output);
        let state = self.model.step(&from.state, operation.session, &operation.input, output)?;
        let mut also = from.also.clone();
        also.insert(also.partition_point(|other| *other < place), place);
        let mut point = Point { first: from.first, also, state };
        self.skip(&mut point);
        Some(point)
    }

    /// Moves `first` past calls that have happened, or need not.
    fn skip(&self, point: &mut Point<M::State>) {
        while point.first < self.calls.len() {
            if !self.is_open(point.first) {
                let Ok(at) = point.also.binary_search(&point.first) else { return };
                point.also.remove(at);
            }
            point.first += 1;
        }
    }

    /// Calls that may be next: none with a reply has ended before they began. The one that ends first comes last, which is
    /// where they are taken from, and those without a reply come first.
    fn candidates(&self, point: &Point<M::State>) -> Vec<usize> {
        let mut first_end = u64::MAX;
        let mut found: Vec<usize> = self
            .open
            .iter()
            .copied()
            .take_while(|place| *place < point.first)
            .filter(|place| point.also.binary_search(place).is_err())
            .collect();
        for (place, (_, operation)) in self.calls.iter().enumerate().skip(point.first) {
            if operation.called > first_end {
                break;
            }
            if point.also.binary_search(&place).is_err() {
                first_end = first_end.min(self.returned(place).unwrap_or(u64::MAX));
                found.push(place);
            }
        }
        found.retain(|place| self.is_in_turn(point, *place));
        found.sort_by_key(|place| Reverse(self.returned(*place).unwrap_or(u64::MAX)));
        found
    }

    /// Whether the session's own order allows the call: what it asked for before has happened or has no reply, and nothing
    /// that it asked for later has happened.
    fn is_in_turn(&self, point: &Point<M::State>, place: usize) -> bool {
        let happened = |other: &usize| {
            point.also.binary_search(other).is_ok() || *other < point.first && !self.is_open(*other)
        };
        let last = point.also.last().copied().unwrap_or_default().max(point.first);
        let mut before = successors(self.neighbours[place].0, |other| self.neighbours[*other].0)
            .take_while(|other| *other >= point.first);
        let mut behind = successors(self.neighbours[place].1, |other| self.neighbours[*other].1)
            .take_while(|other| *other <= last);
        before.all(|other| self.is_open(other) || happened(&other))
            && !behind.any(|other| happened(&other))
    }
}

fn neighbours(sessions: impl Iterator<Item = u64>) -> Vec<(Option<usize>, Option<usize>)> {
    let mut latest = BTreeMap::new();
    let mut found: Vec<(Option<usize>, Option<usize>)> = Vec::new();
    for (place, session) in sessions.enumerate() {
        let before = latest.insert(session, place);
        if let Some(before) = before {
            found[before].1 = Some(place);
        }
        found.push((before, None));
    }
    found
}
