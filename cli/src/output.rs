//! Where reports and lists go: standard output, without styles where they are not wanted, and files.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use lockproof_conformance::report::{Form, Report};

use crate::exit::Problem;

/// Prints `text` and a newline, if it does not end with one.
pub(crate) fn print(text: &str) -> Result<(), Problem> {
    let mut stdout = anstream::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    let written = write!(stdout, "{text}{newline}").and_then(|()| stdout.flush());
    match written {
        // Whoever closed the pipe has read enough; the verdict stays what it is.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Problem::harness(format!("the report cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// A file that the report is written into, and the form that it has there.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    form: Form,
    path: PathBuf,
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((name, path)) = text.split_once('=')
            && let Some(form) = Form::from_name(name)
            && !path.is_empty()
        {
            return Ok(Self { form, path: path.into() });
        }
        let known = "known endings: .json, .xml (JUnit), .tap, .md, .html, .txt; FORMAT=FILE takes any name";
        Form::of_file(Path::new(text))
            .map(|form| Self { form, path: text.into() })
            .ok_or_else(|| format!("its ending does not say in which form; {known}"))
    }
}

impl Output {
    /// Finds out before a long run whether the file can be written at all.
    pub(crate) fn prepare(&self) -> Result<(), Problem> {
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let made = parent.map_or(Ok(()), fs::create_dir_all);
        let mut options = fs::OpenOptions::new();
        let opened = made.and_then(|()| options.append(true).create(true).open(&self.path));
        opened.map(|_| ()).map_err(|error| Problem::usage(self.unwritable(&error)))
    }

    /// Writes the report.
    pub(crate) fn write(&self, report: &Report) -> Result<(), Problem> {
        let text = report.written(self.form);
        let plain = anstream::adapter::strip_str(&text).to_string();
        let text = if self.form == Form::Human { plain } else { text };
        fs::write(&self.path, text).map_err(|error| Problem::harness(self.unwritable(&error)))
    }

    fn unwritable(&self, error: &std::io::Error) -> String {
        format!("--output {}: {error}", self.path.display())
    }
}
