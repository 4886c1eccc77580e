//! The `lockproof` binary: argument parsing and printing, nothing else.

mod arguments;
mod check;
mod embedded;
mod exit;
mod list;
mod play;
mod progress;
mod record;
mod replay;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Cli, Verb};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.verb {
        Verb::Check(check) => check::run(&check),
        Verb::Serve(serve) => serve::run(*serve),
        Verb::Record(record) => record::run(&record),
        Verb::Replay(replay) => replay::run(&replay),
        Verb::EchoChild => serve::echo_child(),
    };
    match done {
        Ok(code) => code,
        Err(problem) => {
            anstream::eprintln!("{}", problem.text());
            problem.code()
        }
    }
}
