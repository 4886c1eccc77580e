//! What can be asked of the simulator on the command line.

#![allow(clippy::doc_markdown, reason = "these comments are printed in a terminal")]

use std::ops::Range;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::arguments::duration;
use crate::exit::{CODES, Problem};

/// Seeds of each scenario, if nobody says otherwise.
const SEEDS: Range<u64> = 0..5;

/// A run takes some tens of milliseconds, and seconds on a machine that is busy with other things.
const WATCHDOG: &str = "2m";

/// Run the server in a simulated network, with clients that die
///
/// The reference server, as it is, serves healthy clients and others that break: they die in the
/// middle of a send, stop reading, read drop by drop, are cut off. Healthy clients must be served
/// within a bound of virtual time, replies must be whole and in order, nothing may be left of who
/// is gone, and every fault must have had an effect. All of it follows from the seed.
///
/// A scenario is named as in 'lockproof sim list', by the whole name or by one half of it. The
/// scenario 'swarm' draws a random plan from every seed, and 'meta/swarm' does so for one protocol.
///
/// Every run happens in a process that is watched: one that hangs or dies is reported with its seed,
/// and the others go on. A failure shows what happened, the smallest plan of faults that still
/// fails, and the command that runs it again.
///
/// Examples:
///
///   lockproof sim                                      every scenario, five seeds each
///   lockproof sim client-drips --seed 3 --server K04   a server that is wrong on purpose
///   lockproof sim client-drips --seed 3 --server K04 --timeline drips.html
///   lockproof sim swarm --seeds 0..10000
///   lockproof sim swarm --seeds 0..10000 --shard 1/4   the second quarter of them
///   lockproof sim swarm --seeds 70000.. --time 10m     as many as there is time for
///   lockproof sim swarm --seeds 0..1000 --all-marks    and no place of the server may be missed
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
    /// A range of seeds, without its end; 'A..' where --time ends it [default: 0..5, or 0..]
    #[arg(long, value_name = "A..B", value_parser = range)]
    seeds: Option<Range<u64>>,
    /// Only the K-th of N equal parts of the seeds, counted from 0
    #[arg(long, value_name = "K/N", value_parser = Shard::parse)]
    shard: Option<Shard>,
    /// Begin no seed after this time, such as 90s or 10m; the report says which were run
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) time: Option<Duration>,
    /// What one run may take of real time before it counts as hung
    #[arg(long, value_name = "TIME", default_value = WATCHDOG, value_parser = duration)]
    pub(super) watchdog: Duration,
    /// Processes at a time [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// 'reference', or a server that is wrong on purpose, such as K01
    #[arg(long, value_name = "NAME", default_value = "reference")]
    pub(super) server: String,
    /// List the places of the server that the runs reached, and be content with nothing less than all
    #[arg(long)]
    pub(super) all_marks: bool,
    /// Draw the first failure, or the first run if all is well, as a page for the browser
    #[arg(long, value_name = "FILE.html")]
    pub(super) timeline: Option<PathBuf>,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t = SimFormat::Human)]
    pub(super) format: SimFormat,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show the scenarios, and the servers that are wrong on purpose
    List(List),
    Replay(Replay),
    Merge(Merge),
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
    /// What the run may take of real time before it counts as hung
    #[arg(long, value_name = "TIME", default_value = WATCHDOG, value_parser = duration)]
    pub(super) watchdog: Duration,
    /// Draw the run as a page for the browser
    #[arg(long, value_name = "FILE.html")]
    pub(super) timeline: Option<PathBuf>,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t = SimFormat::Human)]
    pub(super) format: SimFormat,
}

/// Make one report of reports about neighbouring seeds
///
/// What ran on several machines, by --shard or otherwise: counts add up, and the hash is that of one
/// run with all seeds. The reports must be of the same program, with no seed missing between them.
///
/// Example:
///
///   lockproof sim merge part-0.json part-1.json part-2.json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment, after_long_help = CODES)]
pub(super) struct Merge {
    /// Reports of 'lockproof sim --format json', in any order
    #[arg(value_name = "REPORT.json", required = true)]
    pub(super) reports: Vec<PathBuf>,
    /// List the places of the server that the runs reached, and be content with nothing less than all
    #[arg(long)]
    pub(super) all_marks: bool,
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
    /// The seeds to run, if there is time for all.
    pub(super) fn seeds(&self) -> Result<Range<u64>, Problem> {
        let one = self.seed.map(|seed| seed..seed.saturating_add(1));
        let unsaid = if self.time.is_some() { 0..OPEN } else { SEEDS };
        let seeds = one.or_else(|| self.seeds.clone()).unwrap_or(unsaid);
        if seeds.end == OPEN && self.time.is_none() {
            return Err(Problem::usage("seeds without an end: say how long, by --time"));
        }
        let Some(shard) = &self.shard else { return Ok(seeds) };
        if seeds.end == OPEN {
            return Err(Problem::usage(
                "a part of seeds without an end: say where, by --seeds A..B",
            ));
        }
        let part = shard.of(&seeds);
        if part.is_empty() {
            let count = seeds.end - seeds.start;
            return Err(Problem::usage(format!("this part of {count} seeds has none in it")));
        }
        Ok(part)
    }

    pub(super) fn jobs(&self) -> usize {
        let all = || available_parallelism().map_or(1, usize::from);
        self.jobs.map_or_else(all, usize::from)
    }
}

/// The end of a range that has none.
pub(super) const OPEN: u64 = u64::MAX;

/// One of several equal parts.
#[derive(Clone, Copy, Debug)]
struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no part; write the second of four as 1/4");
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        let (index, count) = (number(index)?, number(count)?);
        if index < count { Ok(Self { index, count }) } else { Err(wrong()) }
    }

    /// This part of a range; all parts together are the range.
    fn of(self, all: &Range<u64>) -> Range<u64> {
        let length = u128::from(all.end - all.start);
        let border = |index: u64| {
            let offset = length * u128::from(index) / u128::from(self.count);
            all.start + u64::try_from(offset).unwrap_or_default()
        };
        border(self.index)..border(self.index + 1)
    }
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("`{text}` is no range of seeds; write it as 0..100");
    let (start, end) = text.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    let range = number(start)?..if end.is_empty() { OPEN } else { number(end)? };
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
