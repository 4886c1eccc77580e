//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Keep `lockproof serve` under a mixed load for as long as you like, with clients that die all the time
///
/// Every second the server's memory, descriptors and connections are noted; what clients of memcached, NetMem and locker
/// saw side by side is judged, round by round. At the end the clients go, and the server has to hold what it held before.
///
///   soak --time 30m
///   soak --time 8h --plot soak.svg --output soak.md
///
/// Exit codes: 0 all is well, 1 a reply that no order of calls explains, a leak, or a server that died, 2 usage,
/// 3 nothing could be played.
#[derive(Debug, Parser)]
#[command(
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    /// How long: a number, and s, m or h
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration)]
    pub(crate) time: Duration,
    /// What is random is drawn from it [default: a random one]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The server's program [default: `lockproof` beside this one]
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) server: Option<PathBuf>,
    /// How long the server may take to be as it was before, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    pub(crate) patience: u64,
    /// Draw memory, descriptors and operations over time into this SVG file
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Write what came of it into this Markdown file
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write everything, each second, into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// A process of clients, for this program itself
    #[command(hide = true)]
    Client { plan: String },
}

impl Arguments {
    /// The seed, or one of its own.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| fastrand::u64(..1 << 32))
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text}: a number, and s, m or h behind it, such as 30m");
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return Err(wrong()),
    };
    let time = Duration::from_secs(number.saturating_mul(seconds));
    if time.is_zero() { Err(wrong()) } else { Ok(time) }
}
