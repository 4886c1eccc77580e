//! Known deviations of known implementations: files of lines with a reason each.
//!
//! A line that matches no case, and a case that passes though its line says it fails, fail the run: a list of excuses
//! must not outlive its reasons.

use std::sync::Arc;

use glob::Pattern;
use include_dir::{Dir, include_dir};
use serde::Deserialize;
use toml::Spanned;

use crate::aliases::Aliases;
use crate::probe::Profile;
use crate::replay::Delivery;
use crate::suite::Case;

static TARGETS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/targets");

/// An expectations file.
#[derive(Clone, Debug)]
pub struct Expectations {
    /// The file's name, for messages.
    pub name: String,
    /// The implementation's name, as the probe finds it.
    pub implementation: String,
    /// A version range such as `>=1.6.0, <1.7.0`. Without one the file is never chosen by itself: it has to be named.
    pub versions: Option<semver::VersionReq>,
    /// The lines.
    pub lines: Vec<Expectation>,
}

/// One known deviation.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// A case id or a glob.
    pub case: String,
    /// Where it stands in the file.
    pub line: usize,
    /// What is expected instead of a pass.
    pub verdict: ExpectedVerdict,
    /// Why, with a requirement id or a link.
    pub reason: String,
    /// The recording of the original that shows it, as `FOLDER/SCENARIO` of `recordings/`.
    pub recording: Option<String>,
    /// In which deliveries.
    pub deliveries: Vec<Delivery>,
    glob: Pattern,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    implementation: String,
    versions: Option<semver::VersionReq>,
    #[serde(default)]
    expect: Vec<WrittenLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLine {
    case: Spanned<String>,
    verdict: ExpectedVerdict,
    reason: String,
    recording: Option<String>,
    /// All, if empty.
    #[serde(default)]
    deliveries: Vec<String>,
}

/// What a line expects.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectedVerdict {
    /// The case fails; a pass is an error.
    Fail,
    /// It sometimes fails.
    Flaky,
}

/// An expectations file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExpectationsError {
    /// Not readable.
    #[error("{0}: {1}")]
    Unreadable(String, std::io::Error),
    /// Not of this form.
    #[error("{0}: {1}")]
    Malformed(String, toml::de::Error),
    /// A delivery that there is not.
    #[error("{0}:{1}: `{2}` is no delivery; whole, bytes, fields and coalesced are")]
    UnknownDelivery(String, usize, String),
    /// Neither an id nor a glob.
    #[error("{0}:{1}: `{2}` is no glob: {3}")]
    BadGlob(String, usize, String, &'static str),
    /// Two lines for the same case.
    #[error("{0}:{1}: `{2}` stands in line {3} already; make one line of them")]
    Twice(String, usize, String, usize),
}

impl Expectations {
    /// Reads a file's text; `name` is for messages.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub fn parse(name: &str, text: &str) -> Result<Self, ExpectationsError> {
        let written: Written = toml::from_str(text)
            .map_err(|error| ExpectationsError::Malformed(name.to_owned(), error))?;
        let mut lines: Vec<Expectation> = Vec::new();
        for line in written.expect {
            let number = 1 + text[..line.case.span().start].matches('\n').count();
            let line = line.read(name, number)?;
            if let Some(earlier) = lines.iter().find(|earlier| earlier.overlaps(&line)) {
                let (name, case) = (name.to_owned(), line.case);
                return Err(ExpectationsError::Twice(name, number, case, earlier.line));
            }
            lines.push(line);
        }
        let (implementation, versions) = (written.implementation, written.versions);
        Ok(Self { name: name.to_owned(), implementation, versions, lines })
    }

    /// Reads a file of the user's.
    ///
    /// # Errors
    ///
    /// As [`Expectations::parse`], or that it cannot be read.
    pub fn read(path: &std::path::Path) -> Result<Self, ExpectationsError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ExpectationsError::Unreadable(name.clone(), error))?;
        Self::parse(&name, &text)
    }

    /// The files that come with the suite.
    ///
    /// # Errors
    ///
    /// A fault of this build, found by its tests.
    pub fn bundled() -> Result<Vec<Self>, ExpectationsError> {
        files().map(|(name, text)| Self::parse(name, text)).collect()
    }

    /// The names of the files that come with the suite, in order.
    pub fn bundled_names() -> Vec<&'static str> {
        let mut names: Vec<_> = files().map(|(name, _)| name).collect();
        names.sort_unstable();
        names
    }

    /// Whether the file is about a server of that profile.
    pub fn is_about(&self, profile: &Profile) -> bool {
        let version =
            profile.version.as_deref().and_then(|version| semver::Version::parse(version).ok());
        let fits = self.versions.as_ref().zip(version);
        profile.implementation.starts_with(&self.implementation)
            && fits.is_some_and(|(versions, version)| versions.matches(&version))
    }

    /// The line about a case in that delivery: the first, if there are several.
    pub fn about(&self, case: &str, delivery: Delivery) -> Option<&Expectation> {
        self.lines.iter().find(|line| line.names(case) && line.deliveries.contains(&delivery))
    }

    /// Lines that match no case of the suite at all.
    pub fn unused<'a>(&'a self, all: &[Arc<Case>]) -> Vec<&'a Expectation> {
        let unused = |line: &&Expectation| !all.iter().any(|case| line.names(case.id()));
        self.lines.iter().filter(unused).collect()
    }
}

/// Name (without its ending) and text of each bundled file.
fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    TARGETS.files().filter_map(|file| {
        let name = file.path().to_str()?.strip_suffix(".toml")?;
        Some((name, file.contents_utf8()?))
    })
}

impl Expectation {
    /// Whether the line is about that case, by the id that it has or one that it had.
    pub fn names(&self, case: &str) -> bool {
        Aliases::bundled().matches(&self.glob, case)
    }

    /// Whether one of the two would never apply.
    fn overlaps(&self, other: &Self) -> bool {
        let aliases = Aliases::bundled();
        aliases.current(&self.case) == aliases.current(&other.case)
            && self.deliveries.iter().any(|delivery| other.deliveries.contains(delivery))
    }
}

impl WrittenLine {
    fn read(self, name: &str, line: usize) -> Result<Expectation, ExpectationsError> {
        let case = self.case.into_inner();
        let glob = Pattern::new(&case).map_err(|error| {
            ExpectationsError::BadGlob(name.to_owned(), line, case.clone(), error.msg)
        })?;
        let read = |word: &String| {
            Delivery::from_name(word).ok_or_else(|| {
                ExpectationsError::UnknownDelivery(name.to_owned(), line, word.clone())
            })
        };
        let named = self.deliveries.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let deliveries = if named.is_empty() { Delivery::ALL.to_vec() } else { named };
        let (verdict, reason, recording) = (self.verdict, self.reason, self.recording);
        Ok(Expectation { case, line, verdict, reason, recording, deliveries, glob })
    }
}
