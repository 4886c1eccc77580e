//! What can be asked of the simulator on the command line.

#![allow(clippy::doc_markdown, reason = "these comments are printed in a terminal")]

use std::ops::Range;
use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::{Args, Subcommand};

use crate::exit::CODES;

/// Instead of a scenario's name: a random plan from every seed.
pub(super) const SWARM: &str = "swarm";

/// Seeds of each scenario, if nobody says otherwise.
const SEEDS: Range<u64> = 0..5;

/// Run the server in a simulated network, with clients that die
///
/// The reference server, as it is, serves healthy clients and others that break: they die in the
/// middle of a send, stop reading, read drop by drop, are cut off. Healthy clients must be served
/// within a bound of virtual time, replies must be whole and in order, nothing may be left of who
/// is gone, and every fault must have had an effect. All of it follows from the seed.
///
/// A scenario is named as in 'lockproof sim list', by the whole name or by one half of it. The
/// scenario 'swarm' draws a random plan from every seed.
///
/// Examples:
///
///   lockproof sim                                      every scenario, five seeds each
///   lockproof sim client-drips --seed 3 --server K04   a server that is wrong on purpose
///   lockproof sim swarm --seeds 0..10000
#[derive(Args, Debug)]
#[command(
    verbatim_doc_comment,
    after_long_help = CODES,
    args_conflicts_with_subcommands = true,
    subcommand_help_heading = "Instead of running"
)]
pub(crate) struct Sim {
    #[command(subcommand)]
    pub(super) verb: Option<Verb>,
    /// What to run [default: every named scenario]
    #[arg(value_name = "SCENARIO")]
    pub(super) scenarios: Vec<String>,
    /// One seed
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// A range of seeds, without its end [default: 0..5]
    #[arg(long, value_name = "A..B", value_parser = range)]
    seeds: Option<Range<u64>>,
    /// Threads [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// 'reference', or a server that is wrong on purpose, such as K01
    #[arg(long, value_name = "NAME", default_value = "reference")]
    pub(super) server: String,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t = SimFormat::Human)]
    pub(super) format: SimFormat,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show the scenarios, and the servers that are wrong on purpose
    List(List),
    /// Run a plan from a file again
    Replay(Replay),
}

/// Run a plan from a file again
///
/// The file is JSON: the `run` of a failure in `lockproof sim --format json`. It holds the server,
/// the sizes, the faults and the seed, so it can be edited by hand.
#[derive(Args, Debug)]
#[command(after_long_help = CODES)]
pub(super) struct Replay {
    /// The file
    #[arg(long, value_name = "FILE")]
    pub(super) plan: PathBuf,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t = SimFormat::Human)]
    pub(super) format: SimFormat,
}

#[derive(Args, Debug)]
pub(super) struct List {
    /// How the list is printed
    #[arg(long, value_enum, default_value_t = SimFormat::Human)]
    pub(super) format: SimFormat,
}

impl Sim {
    pub(super) fn seeds(&self) -> Range<u64> {
        let one = self.seed.map(|seed| seed..seed.saturating_add(1));
        one.or_else(|| self.seeds.clone()).unwrap_or(SEEDS)
    }

    pub(super) fn jobs(&self) -> usize {
        let all = || available_parallelism().map_or(1, usize::from);
        self.jobs.map_or_else(all, usize::from)
    }
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("`{text}` is no range of seeds; write it as 0..100");
    let (start, end) = text.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    let range = number(start)?..number(end)?;
    if range.is_empty() { Err(format!("`{text}` has no seed in it")) } else { Ok(range) }
}

/// Where the output goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(super) enum SimFormat {
    /// For people
    Human,
    /// One JSON document
    Json,
}
