//! What goes to standard output: reports and lists, without styles where they are not wanted.

use std::io::{ErrorKind, Write};

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
