//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use lockproof_benches::faults::network::Network;
use lockproof_benches::faults::{Stage, names, served};

/// Harm `lockproof serve` in real ways, and look whether it stands that
///
/// Five scenarios: a crowd of 10,000 connections of which most are in the way, a server that is stopped, one without
/// descriptors, one that cannot write its log, and one whose wall clock jumps. Nothing leaves loopback, or the network
/// namespace that the run makes for itself when it may.
///
///   faults
///   faults --scale 0.02 --time 2 --only crowd
///   faults --output faults.md --json faults.json
///
/// Exit codes: 0 every check holds, 1 one does not, 2 usage, 3 nothing could be played. An aim that is missed is a figure,
/// not a failure.
#[derive(Debug, Parser)]
#[command(
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    /// Connections: 1 is ten thousand
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub(crate) scale: f64,
    /// How long the crowd is in the way, in seconds; above 70, vanished clients have to be noticed, too
    #[arg(long, value_name = "SECONDS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    time: u64,
    /// What is random is drawn from it [default: a random one]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Only this scenario: crowd, pause, descriptors, logs or clock (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// The server's program [default: `lockproof` beside this one]
    #[arg(long, value_name = "PROGRAM")]
    server: Option<PathBuf>,
    /// How long the server may take to be as it was before, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    patience: u64,
    /// Make no network namespace, and say that this is why
    #[arg(long, value_name = "WHY", num_args = 0..=1, default_missing_value = "--loopback")]
    pub(crate) loopback: Option<String>,
    /// Write the table into this Markdown file
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write everything into this file
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
    /// What is wrong with the names and numbers.
    pub(crate) fn unknown(&self) -> Option<String> {
        let wrong = self.only.iter().find(|name| !names().any(|known| known == *name));
        if let Some(wrong) = wrong {
            let known = names().collect::<Vec<_>>().join(", ");
            return Some(format!("no scenario is named {wrong}; there are {known}"));
        }
        let fits = self.scale > 0.0 && self.scale <= 1.5;
        (!fits).then(|| format!("--scale {}: more than 0, and at most 1.5", self.scale))
    }

    /// The seed, or one of its own.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| fastrand::u64(..1 << 32))
    }

    /// What the same program has to be told so that it has that seed.
    pub(crate) fn missing_seed(&self, seed: u64) -> Vec<String> {
        if self.seed.is_some() { Vec::new() } else { vec!["--seed".into(), seed.to_string()] }
    }

    /// What the scenarios share; the network and the seed are another matter.
    pub(crate) fn stage(&self) -> anyhow::Result<Stage> {
        Ok(Stage {
            program: served::program(self.server.clone())?,
            seed: 0,
            scale: self.scale,
            hold: Duration::from_secs(self.time),
            patience: Duration::from_secs(self.patience),
            network: Network::Namespace,
        })
    }

    /// The command that plays the same again.
    pub(crate) fn again(&self, seed: u64) -> String {
        let (scale, time) = (self.scale, self.time);
        let only: Vec<String> = self.only.iter().map(|name| format!(" --only {name}")).collect();
        format!("ci/faults --seed {seed} --scale {scale} --time {time}{}", only.concat())
    }
}
