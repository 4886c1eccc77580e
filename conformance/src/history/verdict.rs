//! What can be said of a history, and where it went wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use super::parts::{Part, parts};
use super::search::{Found, Search};
use super::{History, Model};

/// Calls of the core that are shown.
const SHOWN: usize = 6;

/// What can be said of a history.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict<K> {
    /// There is an order, for each part of the history.
    Linearizable(Vec<Order<K>>),
    /// There is none.
    Violation(Violation),
    /// The budget was spent before that could be told.
    Unknown(String),
}

/// An order of calls that explains all their replies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Order<K> {
    /// The keys that these calls are about.
    pub keys: BTreeSet<K>,
    /// The calls. One without a reply that is not among them need not have happened.
    pub calls: Vec<usize>,
}

/// A reply that no order explains.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// The call that got it. Without it, and what came later, all is well.
    pub culprit: usize,
    /// As long an order as there is of what began before it ended.
    pub longest: Vec<usize>,
    /// Calls that suffice for the contradiction.
    pub core: Vec<usize>,
    /// What happened, in a sentence, and the last calls of the core, a line each.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<K> Verdict<K> {
    /// Whether an order was found.
    pub const fn is_linearizable(&self) -> bool {
        matches!(self, Self::Linearizable(_))
    }

    /// What was found instead of an order.
    pub fn problem(&self) -> Option<&str> {
        match self {
            Self::Linearizable(_) => None,
            Self::Violation(violation) => Some(&violation.text),
            Self::Unknown(text) => Some(text),
        }
    }
}

impl<K: fmt::Display> Verdict<K> {
    /// The same, with the names of keys for the keys.
    pub fn with_names(self) -> Verdict<String> {
        match self {
            Self::Linearizable(orders) => {
                let named = |Order { keys, calls }: Order<K>| Order {
                    keys: keys.iter().map(ToString::to_string).collect(),
                    calls,
                };
                Verdict::Linearizable(orders.into_iter().map(named).collect())
            }
            Self::Violation(violation) => Verdict::Violation(violation),
            Self::Unknown(text) => Verdict::Unknown(text),
        }
    }
}

/// Looks for an order of all calls; `budget` transitions are tried at most, and as many to explain a violation.
///
/// One violation is enough, also where the budget did not suffice elsewhere: each part has its share of it.
pub fn check<M: Model>(
    model: &M,
    history: &History<M::Input, M::Output>,
    mut budget: u64,
) -> Verdict<M::Key> {
    let mut orders = Vec::new();
    let mut unknown = None;
    let mut explaining = budget;
    let parts = parts(model, history);
    for (left, part) in (1..=parts.len() as u64).rev().zip(parts) {
        let judge = Judge { model, history, part: &part };
        let mut share = budget / left;
        budget -= share;
        let found = judge.verdict(&mut share);
        budget += share;
        match found {
            Found::Order(calls) => orders.push(Order { keys: part.keys, calls }),
            Found::Nothing(_) => return Verdict::Violation(judge.violation(&mut explaining)),
            Found::OutOfBudget => {
                let (keys, calls) = (keys(&part), part.calls.len());
                let text =
                    format!("{keys}: the budget was spent before {calls} calls were ordered");
                unknown.get_or_insert(text);
            }
        }
    }
    unknown.map_or(Verdict::Linearizable(orders), Verdict::Unknown)
}

/// The judge of one part.
struct Judge<'a, M: Model> {
    model: &'a M,
    history: &'a History<M::Input, M::Output>,
    part: &'a Part<M::Key>,
}

impl<M: Model> Judge<'_, M> {
    fn verdict(&self, budget: &mut u64) -> Found {
        if self.repeated().is_some() {
            return Found::Nothing(Vec::new());
        }
        self.search(&self.part.calls, u64::MAX, budget)
    }

    fn search(&self, calls: &[usize], until: u64, budget: &mut u64) -> Found {
        let start = self.model.start(&self.part.keys);
        Search::new(self.model, self.history, calls, until).run(&start, budget)
    }

    /// Two calls whose replies bear the same number, which only one may.
    fn repeated(&self) -> Option<(usize, usize)> {
        let mut seen = BTreeMap::new();
        self.part.calls.iter().find_map(|call| {
            let (output, _) = self.history.operations()[*call].reply.as_ref()?;
            let before = seen.insert(self.model.unique(output)?, *call)?;
            Some((before, *call))
        })
    }

    fn violation(&self, budget: &mut u64) -> Violation {
        if let Some((before, culprit)) = self.repeated() {
            let core = vec![before, culprit];
            let what = "it bears a number that another reply had";
            let text = self.text(culprit, what, &core);
            return Violation { culprit, longest: Vec::new(), core, text };
        }
        let culprit = self.culprit(budget);
        let until = self.history.operations()[culprit].returned.unwrap_or(u64::MAX);
        let longest = match self.search(&self.part.calls, until, budget) {
            Found::Nothing(longest) => longest,
            Found::Order(_) | Found::OutOfBudget => Vec::new(),
        };
        let core = self.core(culprit, until, budget);
        let what = format!("no order of the {} calls until then explains that", core.len());
        let text = self.text(culprit, &what, &core);
        Violation { culprit, longest, core, text }
    }

    /// The first reply with which no order is left: with fewer there are never fewer orders.
    fn culprit(&self, budget: &mut u64) -> usize {
        let returned = |call: &usize| self.history.operations()[*call].returned;
        let mut ended: Vec<(u64, usize)> =
            self.part.calls.iter().filter_map(|call| Some((returned(call)?, *call))).collect();
        ended.sort_unstable();
        // Where the budget ends, a later reply is named; it is still one with which no order is left.
        let explained = ended.partition_point(|(until, _)| {
            matches!(self.search(&self.part.calls, *until, budget), Found::Order(_))
        });
        ended.get(explained).or(ended.last()).map_or(0, |(_, call)| *call)
    }

    /// What began before the culprit ended, without calls that change nothing if it is a contradiction without them too.
    fn core(&self, culprit: usize, until: u64, budget: &mut u64) -> Vec<usize> {
        let all = self.history.operations();
        let mut core = self.part.calls.clone();
        core.retain(|call| all[*call].called <= until);
        let changes = |call: &usize| *call == culprit || !self.model.only_looks(&all[*call].input);
        let changing: Vec<usize> = core.iter().copied().filter(changes).collect();
        if matches!(self.search(&changing, until, budget), Found::Nothing(_)) {
            return changing;
        }
        core
    }

    fn text(&self, culprit: usize, what: &str, core: &[usize]) -> String {
        let all = self.history.operations();
        let mut text = format!("{}: {}: {what}", keys(self.part), all[culprit]);
        let skipped = core.len().saturating_sub(SHOWN);
        if skipped > 0 {
            let _ = write!(text, "\n    … {skipped} calls");
        }
        for call in core.iter().skip(skipped) {
            let _ = write!(text, "\n    {}", all[*call]);
        }
        text
    }
}

fn keys<K: fmt::Display>(part: &Part<K>) -> String {
    part.keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
