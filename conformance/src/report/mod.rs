//! What a run found: the data, and the forms it is shown in.

mod failure;
mod form;
mod frames;
pub mod html;
mod human;
mod json;
mod junit;
mod markdown;
pub mod matrix;
mod summary;
mod tap;
#[cfg(test)]
mod tests;
mod when;

use std::collections::BTreeSet;
use std::time::SystemTime;

pub use form::Form;

pub use failure::evidence_in_colour;
pub use frames::messages;

use crate::replay::{Delivery, Failure, Transcript};
use crate::session::Level;
use crate::wire::{Codec, Protocol};

/// What became of one case in one delivery.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// As the session says.
    Pass,
    /// Not as the session says.
    Fail,
    /// Failed, and an expectations file says why.
    ExpectedFail,
    /// Passed, although an expectations file says it fails.
    UnexpectedPass,
    /// The server was not asked: it lacks something that the case needs.
    Unsupported,
    /// Not run: the case that it builds on failed.
    Blocked,
    /// Not run, or cut off: the server is gone, or the run's time was over.
    NotPlayed,
    /// The suite itself could not do its work.
    Error,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Pass,
        Self::Fail,
        Self::ExpectedFail,
        Self::UnexpectedPass,
        Self::Unsupported,
        Self::Blocked,
        Self::NotPlayed,
        Self::Error,
    ];

    /// The verdict of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }

    /// Which of a case's verdicts, one a delivery, stands for the case: the highest.
    pub(crate) const fn weight(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Unsupported => 1,
            Self::ExpectedFail => 2,
            Self::UnexpectedPass => 3,
            Self::Blocked => 4,
            Self::NotPlayed => 5,
            Self::Fail => 6,
            Self::Error => 7,
        }
    }

    /// The word in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::ExpectedFail => "expected-fail",
            Self::UnexpectedPass => "unexpected-pass",
            Self::Unsupported => "unsupported",
            Self::Blocked => "blocked",
            Self::NotPlayed => "not-played",
            Self::Error => "error",
        }
    }
}

/// One line of a report.
#[derive(Clone, Debug)]
pub struct CaseReport {
    /// The case.
    pub id: String,
    /// What it is about, in a sentence.
    pub title: Option<String>,
    /// Its protocol.
    pub protocol: Protocol,
    /// How binding it is.
    pub level: Level,
    /// The requirements it tests.
    pub spec: Vec<String>,
    /// How requests were cut into writes.
    pub delivery: Delivery,
    /// What became of it.
    pub verdict: Verdict,
    /// How long it took, its waits included.
    pub millis: u64,
    /// In a sentence, unless it simply passed.
    pub detail: Option<String>,
    /// The server's URL.
    pub target: String,
    /// What a failure looked like.
    pub evidence: Option<Evidence>,
}

/// What a failure looked like.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The step and the differences.
    pub failure: Failure,
    /// Every byte.
    pub transcript: Transcript,
    /// The dialect that the bytes are in.
    pub codec: Codec,
}

impl CaseReport {
    /// Whether this line makes the run fail. Info never does, should only in a strict run.
    pub fn counts(&self, strict: bool) -> bool {
        match self.verdict {
            Verdict::Fail | Verdict::Blocked => match self.level {
                Level::Must | Level::DeFacto => true,
                Level::Should => strict,
                Level::Info => false,
            },
            Verdict::UnexpectedPass => true,
            _ => false,
        }
    }
}

/// A whole run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was judged: URLs, or `embedded`.
    pub target: String,
    /// What it says it is.
    pub implementation: String,
    /// The protocols in which it answers, of those that its kind of server may speak.
    pub speaks: BTreeSet<Protocol>,
    /// The run's seed.
    pub seed: u64,
    /// Whether should counts.
    pub strict: bool,
    /// When the run began.
    pub began: SystemTime,
    /// How long the run took.
    pub millis: u64,
    /// One line a case and delivery, by id.
    pub cases: Vec<CaseReport>,
    /// The user's session file, if that is what was played instead of the suite.
    pub file: Option<String>,
    /// Options of the run that its commands for single cases need too: `--strict`, `--expectations FILE`.
    pub options: Vec<String>,
    /// Expectations lines that match no case.
    pub unused_expectations: Vec<String>,
}

/// What a run comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The server conforms.
    Conforms,
    /// Something failed.
    Failed,
    /// Nothing was judged, or not everything, or the suite could not do its work.
    Inconclusive,
}

impl Outcome {
    /// The process's exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Conforms => 0,
            Self::Failed => 1,
            Self::Inconclusive => 4,
        }
    }
}

impl Report {
    /// What the run comes to. Never "conforms" without a case that was judged.
    pub fn outcome(&self) -> Outcome {
        let failed = self.cases.iter().any(|case| case.counts(self.strict));
        if failed || !self.unused_expectations.is_empty() {
            return Outcome::Failed;
        }
        let harness = self
            .cases
            .iter()
            .any(|case| matches!(case.verdict, Verdict::Error | Verdict::NotPlayed));
        let judged = self.cases.iter().any(|case| {
            matches!(case.verdict, Verdict::Pass | Verdict::Fail | Verdict::ExpectedFail)
        });
        if harness || !judged { Outcome::Inconclusive } else { Outcome::Conforms }
    }

    /// How many lines have that verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.cases.iter().filter(|case| case.verdict == verdict).count()
    }

    /// The command that runs one line again, for a shell.
    pub fn replay_command(&self, case: &CaseReport) -> String {
        let (delivery, seed) = (case.delivery.name(), self.seed.to_string());
        let mut words = match &self.file {
            Some(file) => vec!["lockproof", "replay", file],
            None => vec!["lockproof", "check", "--case", &case.id],
        };
        if self.target != "embedded" {
            words.push(&case.target);
        }
        words.extend(["--delivery", delivery, "--seed", &seed]);
        words.extend(self.options.iter().map(String::as_str));
        words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
    }
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
