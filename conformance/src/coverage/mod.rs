//! Which requirement is tested by which case, which elsewhere, and which not at all.
//!
//! A requirement is covered by the cases that cite it. What no session can see is marked in `unseen.toml` with the tests
//! that hold it instead; whether those tests exist only the sources can tell, and `tests/coverage.rs` asks them.

mod render;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::requirements::{self, Requirement};
use crate::session::Level;
use crate::suite::{self, Case};
use crate::unseen::{self, Mark};
use crate::wire::Protocol;

/// The requirements of the documents, each with what tests it.
#[derive(Clone, Debug)]
pub struct Coverage {
    /// One line a requirement, by protocol and id.
    pub lines: Vec<Line>,
    /// Citations and marks that cannot be right, in a sentence each.
    pub faults: Vec<String>,
}

/// One requirement and what tests it.
#[derive(Clone, Debug)]
pub struct Line {
    /// The requirement's id.
    pub id: String,
    /// Level, text and document.
    pub requirement: Requirement,
    /// Ids of the cases that cite it and bind as much as it does.
    pub cases: Vec<String>,
    /// Why no case can, and what holds it instead.
    pub mark: Option<Mark>,
}

/// How a requirement is tested.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Cover {
    /// By cases of the suite.
    Cases,
    /// By tests outside it: the requirement cannot be seen on the wire.
    Elsewhere,
    /// By nothing, and it may be left out: a MAY.
    Optional,
    /// By nothing.
    Uncovered,
}

impl Cover {
    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cases => "cases",
            Self::Elsewhere => "elsewhere",
            Self::Optional => "optional",
            Self::Uncovered => "uncovered",
        }
    }
}

impl Line {
    /// How the requirement is tested.
    pub fn cover(&self) -> Cover {
        if !self.cases.is_empty() {
            Cover::Cases
        } else if self.mark.is_some() {
            Cover::Elsewhere
        } else if self.requirement.level == "MAY" {
            Cover::Optional
        } else {
            Cover::Uncovered
        }
    }
}

/// A suite that cannot be read: a fault of this build.
#[derive(Debug, thiserror::Error)]
pub enum CoverageError {
    /// A session file.
    #[error(transparent)]
    Case(#[from] suite::BrokenCase),
    /// The marks.
    #[error("unseen.toml: {0}")]
    Marks(#[from] toml::de::Error),
}

impl Coverage {
    /// The coverage of this suite.
    ///
    /// # Errors
    ///
    /// A fault of this build, found by its tests.
    pub fn of_suite() -> Result<Self, CoverageError> {
        Ok(Self::of(&requirements::all(), &suite::all()?, &unseen::all()?))
    }

    /// The coverage of these requirements by these cases and marks.
    pub fn of(
        requirements: &BTreeMap<&str, Requirement>,
        cases: &[Arc<Case>],
        marks: &[Mark],
    ) -> Self {
        let mut faults = unknown_citations(requirements, cases);
        let mut lines: Vec<Line> = requirements
            .iter()
            .map(|(id, requirement)| Line {
                id: (*id).to_owned(),
                requirement: requirement.clone(),
                cases: citing(id, requirement, cases),
                mark: marks.iter().find(|mark| mark.id == *id).cloned(),
            })
            .collect();
        faults.extend(bad_marks(&lines, marks));
        lines.sort_by_key(|line| line.requirement.protocol);
        Self { lines, faults }
    }

    /// Only the lines of these protocols; all, if there are none.
    #[must_use]
    pub fn of_protocols(mut self, protocols: &[Protocol]) -> Self {
        self.lines
            .retain(|line| protocols.is_empty() || protocols.contains(&line.requirement.protocol));
        self
    }

    /// The requirements that nothing tests and something should.
    pub fn uncovered(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.cover() == Cover::Uncovered)
    }

    /// Whether every MUST and SHOULD is tested, and every citation and mark is right.
    pub fn is_complete(&self) -> bool {
        self.faults.is_empty() && self.uncovered().next().is_none()
    }
}

/// The cases that cite a requirement. One that can never fail a run covers a MAY at most.
fn citing(id: &str, requirement: &Requirement, cases: &[Arc<Case>]) -> Vec<String> {
    let binds = |case: &Case| requirement.level == "MAY" || case.level() != Level::Info;
    let cites = |case: &&Arc<Case>| case.session.header.spec.iter().any(|cited| cited == id);
    cases.iter().filter(cites).filter(|case| binds(case)).map(|case| case.id().to_owned()).collect()
}

fn unknown_citations(
    requirements: &BTreeMap<&str, Requirement>,
    cases: &[Arc<Case>],
) -> Vec<String> {
    let mut faults = Vec::new();
    for case in cases {
        let unknown =
            case.session.header.spec.iter().filter(|id| !requirements.contains_key(id.as_str()));
        faults.extend(
            unknown.map(|id| format!("{} cites {id}, which stands in no document", case.path)),
        );
    }
    faults
}

fn bad_marks(lines: &[Line], marks: &[Mark]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for mark in marks {
        let id = &mark.id;
        if !seen.insert(id) {
            faults.push(format!("unseen.toml marks {id} twice"));
        }
        if mark.covered_by.is_empty() {
            faults.push(format!("unseen.toml names no test that holds {id}"));
        }
        match lines.iter().find(|line| line.id == *id) {
            None => faults.push(format!("unseen.toml marks {id}, which stands in no document")),
            Some(line) => faults.extend(line.cases.first().map(|case| {
                format!("unseen.toml marks {id}, and {case} covers it: remove the mark")
            })),
        }
    }
    faults
}
