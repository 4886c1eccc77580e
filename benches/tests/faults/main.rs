//! `faults` and `soak` as their users run them, at small scale: against `lockproof serve`, where every check holds, and against
//! servers that are wrong on purpose, where the right one does not.
//!
//! A wrong server has to be a process, so this program is one, too: `serve`, with its fault in the environment. `lockproof` is
//! the one beside the programs under test; `cargo test` builds all of them. Nothing here depends on how fast the machine is.

mod broken;
mod found;
mod run;
mod sound;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

/// A test, by its name.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return broken::serve();
    }
    let arguments = Arguments::from_args();
    let trial = |(name, test): Test| {
        let run = move || -> Result<(), Failed> {
            test();
            Ok(())
        };
        Trial::test(name, run)
    };
    let trials = sound::TESTS.iter().chain(found::TESTS).copied().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
