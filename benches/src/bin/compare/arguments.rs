//! The command line.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Parser, Subcommand, ValueEnum};

use crate::cells::{self, Cell};

/// Compare the reference server with memcached, side by side on this machine
///
/// Each cell is a load. Its servers run on free loopback ports, one thread of this program puts the load on one after
/// the other, in rounds, and ratios are taken within a round: what else the machine does falls on all alike. Every
/// reply's opaque, status and lengths are checked.
///
///   compare --list
///   compare --cell T2 --cell T4/16 --rounds 11
///   compare --json results.json --plot ratios.svg
///
/// Exit codes: 0 measured, 2 usage, 3 something could not be measured. A target that is missed is a figure, not a failure.
///
/// The verdict is the processor time for an operation, from the kernel's accounts of the server's process; operations a
/// second support it. The baseline is the better of memcached -t 1 and -t 2 in that round and figure.
#[derive(Debug, Parser)]
#[command(
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    /// Only these cells: a name (T2/16) or a group (T2); repeatable
    #[arg(long = "cell", value_name = "NAME")]
    cells: Vec<String>,
    /// Rounds: each puts the load on every server once
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// How long a load is measured, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) time: u64,
    /// Write all figures of all rounds into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Draw the ratios into this SVG file
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Name the cells, and measure nothing
    #[arg(long)]
    pub(crate) list: bool,
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Measure the cost of an operation against what the server keeps: connections, items, pages, locks
    Growth {
        /// Runs for each point, of which the one in the middle counts
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// How long a run is, in milliseconds
        #[arg(long, value_name = "MS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
        time: u64,
        /// No size above this one: ten million items want two gigabytes, ten thousand connections as many descriptors
        #[arg(long, value_name = "N", default_value_t = u32::MAX, value_parser = clap::value_parser!(u32).range(1..))]
        up_to: u32,
        /// Write the figures into this file
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Draw the curves into this SVG file
        #[arg(long, value_name = "FILE")]
        plot: Option<PathBuf>,
    },
    /// The reference server with one protocol, for this program itself; prints its address
    #[command(hide = true)]
    Serve {
        protocol: Protocol,
        #[arg(long)]
        spin: bool,
        #[arg(long)]
        threads: Option<usize>,
        #[arg(long)]
        pages: Option<u32>,
    },
    /// The null server; prints its address
    #[command(hide = true)]
    Null { protocol: Protocol },
    /// A neighbour that keeps a processor busy
    #[command(hide = true)]
    Burn,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Protocol {
    Memcached,
    Netmem,
    Locker,
}

impl Arguments {
    /// The cells that are asked for.
    pub(crate) fn cells(&self) -> anyhow::Result<Vec<Cell>> {
        let all = cells::all();
        for name in &self.cells {
            if !all.iter().any(|cell| cell.name == name || cell.group() == name) {
                bail!("no cell is named {name}; --list names them all");
            }
        }
        let is_asked =
            |cell: &Cell| self.cells.iter().any(|name| cell.name == name || cell.group() == name);
        Ok(all.into_iter().filter(|cell| self.cells.is_empty() || is_asked(cell)).collect())
    }
}
