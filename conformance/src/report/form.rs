//! The forms of a report, by name and by the ending of a file.

use std::path::Path;

use super::Report;

/// How a report is written down.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// Text for a terminal, with ANSI styles.
    Human,
    /// See [`Report::json`].
    Json,
    /// See [`Report::junit`].
    Junit,
    /// See [`Report::tap`].
    Tap,
    /// See [`Report::markdown`].
    Markdown,
    /// See [`Report::html`].
    Html,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Human, Self::Json, Self::Junit, Self::Tap, Self::Markdown, Self::Html];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Tap => "tap",
            Self::Markdown => "markdown",
            Self::Html => "html",
        }
    }

    /// What it is, in a few words.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Human => "Text for people",
            Self::Json => "One JSON document (schema lockproof.report/1)",
            Self::Junit => "XML for CI servers",
            Self::Tap => "Test Anything Protocol, version 14",
            Self::Markdown => "A table and the failures, for forges",
            Self::Html => "One page for browsers, complete in itself",
        }
    }

    /// The form of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// The form that a file of that name is expected to have.
    pub fn of_file(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match ending.as_str() {
            "txt" => Self::Human,
            "json" => Self::Json,
            "xml" => Self::Junit,
            "tap" => Self::Tap,
            "md" => Self::Markdown,
            "html" | "htm" => Self::Html,
            _ => return None,
        })
    }
}

impl Report {
    /// The report in that form.
    pub fn written(&self, form: Form) -> String {
        match form {
            Form::Human => self.human(),
            Form::Json => self.json(),
            Form::Junit => self.junit(),
            Form::Tap => self.tap(),
            Form::Markdown => self.markdown(),
            Form::Html => self.html(),
        }
    }
}
