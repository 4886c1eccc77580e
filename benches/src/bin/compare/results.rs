//! The figures of a run, and what they say of the targets.

use std::collections::BTreeMap;

use lockproof_benches::ratio::Spread;
use serde::Serialize;

use crate::cells::{Against, Cell, Contender, Metric, Target};
use crate::measure::Sample;

/// All cells of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: String,
    pub(crate) versions: String,
    pub(crate) rounds: u32,
    pub(crate) cells: Vec<Judged>,
}

/// One cell, measured.
#[derive(Debug, Serialize)]
pub(crate) struct Judged {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) ratios: Vec<Ratio>,
    /// By contender, in the order of the rounds.
    pub(crate) samples: BTreeMap<&'static str, Vec<Sample>>,
    pub(crate) ours: &'static str,
}

/// Ours to another's.
#[derive(Debug, Serialize)]
pub(crate) struct Ratio {
    /// Such as `CPU`.
    pub(crate) metric: &'static str,
    /// Such as `memcached -t 1 or 2`.
    pub(crate) against: &'static str,
    pub(crate) spread: Spread,
    /// The target, if the cell has one for this ratio.
    pub(crate) bound: Option<f64>,
    pub(crate) is_met: Option<bool>,
}

impl Results {
    pub(crate) fn new(machine: String, rounds: u32) -> Self {
        Self { machine, versions: versions(), rounds, cells: Vec::new() }
    }

    pub(crate) fn heading(&self) -> String {
        format!(
            "{}; {}\nmedian of the ratios of {} rounds [smallest-largest]\n",
            self.machine, self.versions, self.rounds
        )
    }

    /// Judges a cell by its rounds.
    pub(crate) fn add(&mut self, cell: &Cell, rounds: Vec<BTreeMap<Contender, Sample>>) -> &Judged {
        let ratios = pairs(cell).filter_map(|(metric, against)| {
            let spread = spread(cell.ours(), metric, against, &rounds)?;
            let is_about = |target: &&Target| target.metric == metric && target.against == against;
            let target = cell.targets.iter().find(is_about);
            Some(Ratio {
                metric: metric.name(),
                against: against.name(),
                spread,
                bound: target.map(|target| target.bound),
                is_met: target.map(|target| target.is_met(spread.median)),
            })
        });
        let ratios = ratios.collect();
        let mut samples: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (contender, sample) in rounds.into_iter().flatten() {
            samples.entry(contender.name()).or_default().push(sample);
        }
        let (name, title, ours) = (cell.name, cell.title, cell.ours().name());
        self.cells.push(Judged { name, title, ratios, samples, ours });
        // INVARIANT: it was pushed just now.
        self.cells.last().expect("a cell")
    }
}

/// The ratios that a cell is told by: each metric against the baseline, then what its targets name beside.
fn pairs(cell: &Cell) -> impl Iterator<Item = (Metric, Against)> {
    let is_memcacheds = cell.contenders.contains(&Contender::Memcached1);
    let base = if is_memcacheds { Against::Better } else { Against::One(Contender::Null) };
    let usual = [Metric::Throughput, Metric::Cpu, Metric::P99, Metric::Memory];
    let named = cell.targets.iter().map(|target| (target.metric, target.against));
    let mut all: Vec<_> = usual.into_iter().map(|metric| (metric, base)).collect();
    for pair in named {
        if !all.contains(&pair) {
            all.push(pair);
        }
    }
    all.into_iter()
}

fn spread(
    ours: Contender,
    metric: Metric,
    against: Against,
    rounds: &[BTreeMap<Contender, Sample>],
) -> Option<Spread> {
    let ratio = |round: &BTreeMap<Contender, Sample>| {
        let figure = |contender| metric.of(round.get(&contender)?);
        let base = match against {
            Against::One(contender) => figure(contender)?,
            Against::Better => {
                let (one, two) = (figure(Contender::Memcached1)?, figure(Contender::Memcached2)?);
                if metric == Metric::Throughput { one.max(two) } else { one.min(two) }
            }
        };
        Some(figure(ours)? / base)
    };
    let ratios: Option<Vec<f64>> = rounds.iter().map(ratio).collect();
    ratios.map(Spread::of)
}

impl Metric {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Throughput => "ops/s",
            Self::Cpu => "CPU",
            Self::P99 => "p99",
            Self::Memory => "memory",
        }
    }

    pub(crate) fn of(self, sample: &Sample) -> Option<f64> {
        match self {
            Self::Throughput => sample.throughput,
            Self::Cpu => sample.cpu,
            Self::P99 => sample.p99,
            Self::Memory => sample.memory,
        }
    }
}

impl Against {
    fn name(self) -> &'static str {
        match self {
            Self::Better => "memcached, the better",
            Self::One(contender) => contender.name(),
        }
    }
}

/// Of what is compared.
fn versions() -> String {
    let output = std::process::Command::new("memcached").arg("-V").output();
    let memcached = output.map_or_else(
        |_| "no memcached".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    );
    format!("{memcached}, lockproof {}", env!("CARGO_PKG_VERSION"))
}
