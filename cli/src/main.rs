//! The `lockproof` binary: argument parsing and printing, nothing else.

mod arguments;
mod bless;
mod check;
mod coverage;
mod embedded;
mod exit;
mod list;
mod matrix;
mod output;
mod play;
mod play_server;
mod progress;
mod record;
mod replay;
mod serve;
mod sim;
mod top;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Cli, Verb};
use crate::exit::{Done, Problem};

fn main() -> ExitCode {
    let verb = Cli::parse().verb;
    // A panic is a fault of this program, never a verdict on the server.
    let done = std::panic::catch_unwind(|| run(verb));
    let done = done.unwrap_or_else(|_| Err(Problem::harness("lockproof itself failed, see above")));
    match done {
        Ok(code) => code,
        Err(problem) => {
            // Nobody may be left to read it; the exit code tells as much.
            let _ = writeln!(anstream::stderr(), "{}", problem.text());
            problem.code()
        }
    }
}

fn run(verb: Verb) -> Done {
    match verb {
        Verb::Check(check) => check::run(&check),
        Verb::Coverage(coverage) => coverage::run(&coverage),
        Verb::Serve(serve) => serve::run(&serve),
        Verb::Top(top) => top::run(&top),
        Verb::Record(record) => record::run(&record),
        Verb::Replay(replay) => replay::run(&replay),
        Verb::Matrix(arguments) => matrix::run(&arguments),
        Verb::Play(play) => play_server::run(&play),
        Verb::Sim(sim) => sim::run(&sim),
        Verb::EchoChild => serve::echo_child(),
        Verb::SimWorker => sim::work(),
    }
}
