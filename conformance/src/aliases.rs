//! Case ids that were renamed: `conformance/aliases.toml`. An old id goes on working wherever a case is named.
//!
//! That no id is lost or used again is held by `tests/ids.rs`, against the list of all ids there ever were.

use std::sync::LazyLock;

use glob::Pattern;
use serde::Deserialize;

/// The table of this suite.
static BUNDLED: LazyLock<Aliases> = LazyLock::new(|| {
    Aliases::parse(include_str!("../aliases.toml")).expect("the tests read aliases.toml")
});

/// Old ids, and what became of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aliases {
    /// The lines of the table.
    #[serde(default, rename = "alias")]
    pub lines: Vec<Alias>,
}

/// One case that was renamed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// The id that it had.
    pub old: String,
    /// The id that it has.
    pub new: String,
    /// Why.
    pub reason: String,
}

impl Aliases {
    /// The table of this suite.
    pub fn bundled() -> &'static Self {
        &BUNDLED
    }

    /// Reads a table.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and in which line.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The id that a name stands for today: itself, unless it is an old one.
    pub fn current<'a>(&'a self, name: &'a str) -> &'a str {
        self.lines.iter().find(|line| line.old == name).map_or(name, |line| &line.new)
    }

    /// Whether the glob names that case, by the id that it has or one that it had.
    pub fn matches(&self, glob: &Pattern, id: &str) -> bool {
        glob.matches(id) || self.only_by_old_id(glob).any(|line| line.new == id)
    }

    /// The cases that the glob names by an old id alone.
    pub fn only_by_old_id(&self, glob: &Pattern) -> impl Iterator<Item = &Alias> {
        self.lines.iter().filter(|line| glob.matches(&line.old) && !glob.matches(&line.new))
    }
}
