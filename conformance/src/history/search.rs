//! The search for an order: depth first, and no point is looked at twice.
//!
//! A point is the set of calls that have happened and the state that they led to. Which of several orders led there makes
//! no difference to what can follow; that is why remembering points keeps a search from growing without end.
//!
//! Calls without a reply may be left out, and so every one of them doubles the sets. Three rules keep them cheap: a point
//! from which more of them are left to happen is as good as another with the same state; one that leaves no trace in the
//! next of them is not worth trying; and of those that ask for the same, the one that began first happens first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::successors;

use super::{History, Model, Operation};

/// A call without a reply happens soon, if at all: first it is only tried until so many others have begun.
const SOON: [usize; 3] = [8, 32, 256];

/// So many comparisons with points that were seen cost as much as a transition.
const COMPARED: u64 = 16;

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
    /// Until so many others have begun, they may happen.
    reach: usize,
    /// For each call the next one of its session.
    following: Vec<Option<usize>>,
    /// For a call without a reply the one before it that might as well happen in its place.
    twins: BTreeMap<usize, usize>,
    seen: BTreeMap<Replied<M::State>, Vec<Vec<usize>>>,
}

/// What has happened of the calls with a reply, and what they and others led to.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Replied<S> {
    /// All that stand before this place have happened.
    first: usize,
    /// And besides them these, by their places.
    also: Vec<usize>,
    state: S,
}

/// What has happened.
#[derive(Clone, Debug)]
struct Point<S> {
    replied: Replied<S>,
    /// Places of calls without a reply that have happened.
    open: Vec<usize>,
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
        let following = following(calls.iter().map(|(_, operation)| operation.session));
        let (open, seen) = (Vec::new(), BTreeMap::new());
        let reach = usize::MAX;
        let twins = BTreeMap::new();
        let mut search = Self { model, calls, until, open, reach, following, twins, seen };
        search.open = (0..search.calls.len()).filter(|place| search.is_open(*place)).collect();
        search.twins = search.twins();
        search
    }

    /// Looks for an order from that state on; each transition that is tried costs one of the budget.
    ///
    /// Most good histories have an order in which calls without a reply happen soon, and it is found before all the others
    /// are. That there is none is known once they may happen at any time.
    pub(super) fn run(mut self, start: &M::State, budget: &mut u64) -> Found {
        let soon = if self.open.is_empty() { &[][..] } else { &SOON };
        for reach in soon {
            let mut share = *budget / 4;
            *budget -= share;
            self.reach = *reach;
            let found = self.pass(start.clone(), &mut share);
            *budget += share;
            if matches!(found, Found::Order(_)) {
                return found;
            }
        }
        self.reach = usize::MAX;
        self.pass(start.clone(), budget)
    }

    fn pass(&mut self, state: M::State, budget: &mut u64) -> Found {
        self.seen.clear();
        let replied = Replied { first: 0, also: Vec::new(), state };
        let mut start = Point { replied, open: Vec::new() };
        self.skip(&mut start);
        let mut way = vec![Visit { next: self.candidates(&start), point: start, by: usize::MAX }];
        let mut longest = Vec::new();
        while let Some(here) = way.last_mut() {
            if here.point.replied.first == self.calls.len() {
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
            let Some(point) = self.after(&here.point, place) else { continue };
            if !self.leaves_no_trace(&way, place, &point) && self.is_new(&point, budget) {
                way.push(Visit { next: self.candidates(&point), point, by: place });
            }
        }
        Found::Nothing(longest)
    }

    /// Whether the call that led here did nothing for the next one: both have no reply, and without the first the state
    /// would be the same.
    fn leaves_no_trace(
        &self,
        way: &[Visit<M::State>],
        place: usize,
        point: &Point<M::State>,
    ) -> bool {
        let [.., before, here] = way else { return false };
        here.by < self.calls.len()
            && self.is_open(here.by)
            && self.is_open(place)
            && self.step(&before.point, place).is_some_and(|state| state == point.replied.state)
    }

    /// Pairs of calls without a reply that ask for the same, each alone in its session, where sessions make no difference.
    fn twins(&self) -> BTreeMap<usize, usize> {
        if !self.model.sessions_are_alike() {
            return BTreeMap::new();
        }
        let led_to: BTreeSet<usize> = self.following.iter().flatten().copied().collect();
        let is_alone = |place: &usize| self.following[*place].is_none() && !led_to.contains(place);
        let alone: Vec<usize> = self.open.iter().copied().filter(is_alone).collect();
        let asks = |place: usize| &self.calls[place].1.input;
        let twin = |(number, place): (usize, &usize)| {
            let before = alone.iter().take(number).rfind(|other| asks(**other) == asks(*place))?;
            Some((*place, *before))
        };
        alone.iter().enumerate().filter_map(twin).collect()
    }

    /// Whether no point was seen that is as good. Looking through many costs something, too.
    fn is_new(&mut self, point: &Point<M::State>, budget: &mut u64) -> bool {
        let others = self.seen.entry(point.replied.clone()).or_default();
        *budget = budget.saturating_sub(others.len() as u64 / COMPARED);
        if others.iter().any(|open| is_subset(open, &point.open)) {
            return false;
        }
        others.push(point.open.clone());
        true
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

    fn step(&self, from: &Point<M::State>, place: usize) -> Option<M::State> {
        let operation = self.calls[place].1;
        let reply = operation.reply.as_ref().filter(|_| !self.is_open(place));
        let output = reply.map(|(output, _)| output);
        self.model.step(&from.replied.state, operation.session, &operation.input, output)
    }

    /// The point behind a call, if it can happen here.
    fn after(&self, from: &Point<M::State>, place: usize) -> Option<Point<M::State>> {
        let state = self.step(from, place)?;
        let Replied { first, also, .. } = &from.replied;
        let replied = Replied { first: *first, also: also.clone(), state };
        let mut point = Point { replied, open: from.open.clone() };
        let happened = if self.is_open(place) { &mut point.open } else { &mut point.replied.also };
        happened.insert(happened.partition_point(|other| *other < place), place);
        self.skip(&mut point);
        Some(point)
    }

    /// Moves `first` past calls that have happened, or need not.
    fn skip(&self, point: &mut Point<M::State>) {
        let Replied { first, also, .. } = &mut point.replied;
        while *first < self.calls.len() {
            if !self.is_open(*first) {
                let Ok(at) = also.binary_search(first) else { return };
                also.remove(at);
            }
            *first += 1;
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
            .skip_while(|place| place.saturating_add(self.reach) < point.replied.first)
            .take_while(|place| *place < point.replied.first)
            .filter(|place| !self.happened(point, *place))
            .collect();
        for (place, (_, operation)) in self.calls.iter().enumerate().skip(point.replied.first) {
            if operation.called > first_end {
                break;
            }
            if !self.happened(point, place) {
                first_end = first_end.min(self.returned(place).unwrap_or(u64::MAX));
                found.push(place);
            }
        }
        let is_in_reach = |place: usize| place.saturating_add(self.reach) >= point.replied.first;
        let waits = |place: usize| {
            let twin = self.twins.get(&place);
            twin.is_some_and(|twin| is_in_reach(*twin) && !self.happened(point, *twin))
        };
        found.retain(|place| self.is_in_turn(point, *place) && !waits(*place));
        found.sort_by_key(|place| Reverse(self.returned(*place).unwrap_or(u64::MAX)));
        found
    }

    /// Whether the session's own order allows the call: nothing that it asked for later has happened.
    fn is_in_turn(&self, point: &Point<M::State>, place: usize) -> bool {
        let last = [point.replied.also.last(), point.open.last(), Some(&point.replied.first)];
        let last = last.into_iter().flatten().max().copied().unwrap_or_default();
        !successors(self.following[place], |other| self.following[*other])
            .take_while(|other| *other <= last)
            .any(|other| self.happened(point, other))
    }

    fn happened(&self, point: &Point<M::State>, place: usize) -> bool {
        if self.is_open(place) {
            return point.open.binary_search(&place).is_ok();
        }
        place < point.replied.first || point.replied.also.binary_search(&place).is_ok()
    }
}

/// Of two sorted lists.
fn is_subset(few: &[usize], many: &[usize]) -> bool {
    few.len() <= many.len() && few.iter().all(|place| many.binary_search(place).is_ok())
}

/// For each call the next one of its session.
fn following(sessions: impl Iterator<Item = u64>) -> Vec<Option<usize>> {
    let mut latest = BTreeMap::new();
    let mut found = Vec::new();
    for (place, session) in sessions.enumerate() {
        if let Some(before) = latest.insert(session, place) {
            found[before] = Some(place);
        }
        found.push(None);
    }
    found
}
