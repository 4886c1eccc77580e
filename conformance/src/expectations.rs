//! Known deviations of known implementations: files of lines with a reason each.
//!
//! A line that matches no case, and a case that passes though its line says it fails, fail the run: a list of excuses
//! must not outlive its reasons.

use std::collections::BTreeSet;

use include_dir::{Dir, include_dir};
use serde::Deserialize;

use crate::probe::Profile;
use crate::replay::Delivery;
use crate::suite::Case;

static TARGETS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/targets");

/// An expectations file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectations {
    /// The implementation's name, as the probe finds it.
    pub implementation: String,
    /// A version range such as `>=1.6.0, <1.7.0`.
    pub versions: semver::VersionReq,
    /// The lines.
    #[serde(default, rename = "expect")]
    pub lines: Vec<Expectation>,
}

/// One known deviation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// A case id or a glob.
    pub case: String,
    /// What is expected instead of a pass.
    pub verdict: ExpectedVerdict,
    /// Why, with a requirement id or a link.
    pub reason: String,
    /// Only in these deliveries; all, if empty.
    #[serde(default)]
    pub deliveries: Vec<String>,
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
    #[error("{0}: `{1}` is no delivery; whole, bytes, fields and coalesced are")]
    UnknownDelivery(String, String),
    /// Two lines for the same case.
    #[error("{0}: `{1}` stands twice")]
    Twice(String, String),
}

impl Expectations {
    /// Reads a file's text; `name` is for messages.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub fn parse(name: &str, text: &str) -> Result<Self, ExpectationsError> {
        let parsed: Self = toml::from_str(text)
            .map_err(|error| ExpectationsError::Malformed(name.to_owned(), error))?;
        let mut seen = BTreeSet::new();
        for line in &parsed.lines {
            let unknown = line.deliveries.iter().find(|word| Delivery::from_name(word).is_none());
            if let Some(unknown) = unknown {
                return Err(ExpectationsError::UnknownDelivery(name.to_owned(), unknown.clone()));
            }
            if !seen.insert((&line.case, &line.deliveries)) {
                return Err(ExpectationsError::Twice(name.to_owned(), line.case.clone()));
            }
        }
        Ok(parsed)
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
        TARGETS
            .files()
            .filter(|file| file.path().extension().is_some_and(|extension| extension == "toml"))
            .filter_map(|file| Some((file.path().to_str()?, file.contents_utf8()?)))
            .map(|(name, text)| Self::parse(name, text))
            .collect()
    }

    /// Whether the file is about a server of that profile.
    pub fn is_about(&self, profile: &Profile) -> bool {
        let version =
            profile.version.as_deref().and_then(|version| semver::Version::parse(version).ok());
        profile.implementation.starts_with(&self.implementation)
            && version.is_some_and(|version| self.versions.matches(&version))
    }

    /// The line about a case in that delivery.
    pub fn about(&self, case: &Case, delivery: Delivery) -> Option<&Expectation> {
        self.lines.iter().find(|line| {
            let glob = glob::Pattern::new(&line.case);
            glob.is_ok_and(|glob| glob.matches(case.id()))
                && (line.deliveries.is_empty()
                    || line.deliveries.iter().any(|name| name == delivery.name()))
        })
    }

    /// Lines that match no case of the suite at all.
    pub fn unused<'a>(&'a self, all: &[std::sync::Arc<Case>]) -> Vec<&'a Expectation> {
        let matches = |line: &Expectation| {
            glob::Pattern::new(&line.case)
                .is_ok_and(|glob| all.iter().any(|case| glob.matches(case.id())))
        };
        self.lines.iter().filter(|line| !matches(line)).collect()
    }
}
