//! Why the program ends: one table of exit codes for all subcommands.

use std::fmt::Display;
use std::process::ExitCode;

use anstyle::AnsiColor;

/// Something that ends the program before there is a report.
#[derive(Debug)]
pub(crate) struct Problem {
    text: String,
    code: u8,
}

/// Exit code 2: usage, an unknown case, a broken session file.
const USAGE: u8 = 2;
/// Exit code 3: the target could not be reached.
const UNREACHABLE: u8 = 3;
/// Exit code 4: the suite itself could not do its work.
const HARNESS: u8 = 4;

impl Problem {
    pub(crate) fn usage(error: impl Display) -> Self {
        Self { text: error.to_string(), code: USAGE }
    }

    pub(crate) fn unreachable(error: impl Display) -> Self {
        Self { text: error.to_string(), code: UNREACHABLE }
    }

    pub(crate) fn harness(error: impl Display) -> Self {
        Self { text: error.to_string(), code: HARNESS }
    }

    /// What to print on stderr.
    pub(crate) fn text(&self) -> String {
        let style = AnsiColor::Red.on_default().bold();
        format!("{style}error:{style:#} {}", self.text)
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

pub(crate) type Done = Result<ExitCode, Problem>;

/// Shown below `--help`.
pub(crate) const CODES: &str = "Exit codes:
  0  conforms
  1  something failed; also an expected failure that passed, or a line of an expectations
     file that matches no case
  2  usage: an unknown option or case, an empty selection, a broken session file, an address
     that cannot be listened on
  3  the target could not be reached, or does not speak the protocol
  4  inconclusive: nothing was judged, not every case was played, or the suite itself failed";
