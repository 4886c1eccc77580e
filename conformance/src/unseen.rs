//! Requirements that no session can see, and the tests that hold them instead: `conformance/unseen.toml`.
//!
//! Here is only the list. `tests/coverage.rs` holds it against the sources: every test that it names has to be there.

use serde::Deserialize;

const FILE: &str = include_str!("../unseen.toml");

/// One requirement that cannot be seen on the wire.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mark {
    /// The requirement.
    pub id: String,
    /// Why no session can see it.
    pub reason: String,
    /// The tests that hold it, as `path/of/file.rs::name_of_the_test`.
    pub covered_by: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    unseen: Vec<Mark>,
}

/// The marks of this suite.
///
/// # Errors
///
/// A fault of this build, found by its tests.
pub fn all() -> Result<Vec<Mark>, toml::de::Error> {
    parse(FILE)
}

/// Reads a file of marks.
///
/// # Errors
///
/// What is wrong with it, and in which line.
pub fn parse(text: &str) -> Result<Vec<Mark>, toml::de::Error> {
    toml::from_str::<File>(text).map(|file| file.unseen)
}
