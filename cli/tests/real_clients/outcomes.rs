//! What a script of `tests/clients/` says of its steps, and what is wrong when two servers are asked the same.

use std::fmt;

/// A script's steps, or a client's own tests.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    /// Name and version.
    pub(crate) client: String,
    steps: Vec<Step>,
}

#[derive(Debug, Eq, PartialEq)]
struct Step {
    name: String,
    came: Came,
    /// What came of it, and behind a failure what should have.
    result: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Came {
    Right,
    Wrong,
    /// By the client's authors.
    Skipped,
}

impl Outcomes {
    /// Reads `client NAME VERSION` and a line for each step. Nothing else may have been said.
    pub(crate) fn read(said: &str) -> Self {
        let mut outcomes = Self::default();
        for line in said.lines() {
            if let Some(client) = line.strip_prefix("client ") {
                client.clone_into(&mut outcomes.client);
            } else {
                let step = Step::read(line);
                outcomes.steps.push(step.unwrap_or_else(|| panic!("`{line}` in:\n{said}")));
            }
        }
        assert!(!outcomes.client.is_empty() && !outcomes.steps.is_empty(), "no steps in:\n{said}");
        outcomes
    }

    /// How many of how many came out right, without those that were skipped.
    pub(crate) fn passed(&self) -> String {
        let count = |came| self.steps.iter().filter(|step| step.came == came).count();
        format!("{} of {}", count(Came::Right), count(Came::Right) + count(Came::Wrong))
    }

    pub(crate) fn skipped(&self) -> usize {
        self.steps.iter().filter(|step| step.came == Came::Skipped).count()
    }
}

impl Step {
    fn read(line: &str) -> Option<Self> {
        let (came, rest) =
            [("ok ", Came::Right), ("not ok ", Came::Wrong), ("skip ", Came::Skipped)]
                .into_iter()
                .find_map(|(word, came)| Some((came, line.strip_prefix(word)?)))?;
        let (name, result) = rest.split_once(": ").unwrap_or((rest, ""));
        Some(Self { name: name.to_owned(), came, result: result.to_owned() })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?}): {}", self.name, self.came, self.result)
    }
}

/// Steps, by how their names begin, that cannot come out right on our server, and why.
pub(crate) type Exceptions = &'static [(&'static str, &'static str)];

/// Everything that is wrong: memcached fails a step, ours answers otherwise than memcached where no exception says so, or an
/// exception is not needed.
pub(crate) fn complaints(
    memcached: &Outcomes,
    ours: &Outcomes,
    exceptions: Exceptions,
) -> Vec<String> {
    let mut found = Vec::new();
    if memcached.steps.len() != ours.steps.len() {
        let counts = (memcached.steps.len(), ours.steps.len());
        found.push(format!("{} steps with memcached, {} with ours", counts.0, counts.1));
    }
    let wrong = memcached.steps.iter().filter(|step| step.came == Came::Wrong);
    found.extend(wrong.map(|step| format!("with memcached: {step}")));
    for (theirs, our) in memcached.steps.iter().zip(&ours.steps) {
        let is_excepted = exceptions.iter().any(|(name, _)| our.name.starts_with(name));
        match (theirs == our, is_excepted) {
            (true, true) => found.push(format!("no exception is needed for {our}")),
            (false, false) => found.push(format!("memcached: {theirs}\n  ours: {our}")),
            (true, false) | (false, true) => {}
        }
    }
    let is_about_nothing = |name: &str| !ours.steps.iter().any(|step| step.name.starts_with(name));
    let idle = exceptions.iter().filter(|(name, _)| is_about_nothing(name));
    found.extend(idle.map(|(name, _)| format!("an exception for {name}, which is no step")));
    found
}

#[test]
fn any_difference_between_two_servers_is_a_complaint() {
    let said = |steps: &str| Outcomes::read(&format!("client c 1.0\n{steps}"));
    let memcached = "ok a: 1\nok b: 2\nskip c\n";
    let judged =
        |ours: &str, exceptions| complaints(&said(memcached), &said(ours), exceptions).len();
    assert_eq!(judged(memcached, &[]), 0);
    assert_eq!(judged("ok a: 2\nok b: 2\nskip c\n", &[]), 1, "another result");
    assert_eq!(judged("ok a: 1\nnot ok b: 3\nskip c\n", &[]), 1, "a failure");
    assert_eq!(judged("ok a: 1\nnot ok b: 3\nskip c\n", &[("b", "why")]), 0);
    assert_eq!(judged(memcached, &[("b", "why")]), 1, "an exception too many");
    assert_eq!(judged(memcached, &[("d", "why")]), 1, "an exception for nothing");
    assert_eq!(judged("ok a: 1\nok b: 2\n", &[]), 1, "a step less");
    let wrong = said("not ok a: 1\n");
    assert_eq!(complaints(&wrong, &wrong, &[]).len(), 1, "memcached is the measure");
    let counted = said("ok a\nnot ok b: x\nskip c");
    assert_eq!((counted.passed(), counted.skipped()), ("1 of 2".to_owned(), 1));
}
