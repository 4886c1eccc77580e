//! `compare growth`: the cost of an operation against the size of what the server keeps.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use lockproof_benches::load::memcached::{Ask, Data, Memcached};
use lockproof_benches::load::{Driver, Pace, Script, locker, netmem};
use lockproof_benches::machine::description;
use lockproof_benches::ratio::Spread;
use lockproof_benches::servers::Server;
use serde::Serialize;

use crate::measure::fill;

const WARM_UP: Duration = Duration::from_millis(300);
const CONNECTIONS: u32 = 16;
/// Most locks that a session may hold by the server's rule.
const HELD_BY_ONE: u32 = 1_000;

/// The cost of an operation at each size.
#[derive(Debug, Serialize)]
pub(crate) struct Curve {
    pub(crate) title: &'static str,
    pub(crate) server: &'static str,
    /// Size, and microseconds of the server's processor time for an operation: medians of the rounds.
    pub(crate) points: Vec<(u32, f64)>,
}

/// Measures, tells what it finds as it goes, and writes it down.
pub(crate) fn run(run: &Run, json: Option<&Path>, plot: Option<&Path>) -> anyhow::Result<()> {
    println!(
        "{}\n\n| load, by size | server | size | CPU µs/op |\n|---|---|---|---|",
        description()
    );
    let curves = measure(run, |curve, size, cost| {
        println!("| {} | {} | {size} | {cost:.3} |", curve.title, curve.server);
    })?;
    if let Some(file) = json {
        let text = serde_json::to_string_pretty(&curves)?;
        std::fs::write(file, text).with_context(|| file.display().to_string())?;
    }
    if let Some(file) = plot {
        crate::growth_plot::draw(file, &curves, &description())
            .map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
    }
    Ok(())
}

/// Measures all curves; tells each point as it comes.
fn measure(run: &Run, mut tell: impl FnMut(&Curve, u32, f64)) -> anyhow::Result<Vec<Curve>> {
    let mut curves = Vec::new();
    for server in ["memcached -t 1", "lockproof"] {
        for (title, sizes, cost) in MEMCACHED {
            let cost = |size| cost(run, &start(server)?, size);
            curves.push(curve(title, server, &run.within(sizes), cost, &mut tell)?);
        }
    }
    let pages = "NetMem: lock and unlock, by pages";
    let cost = |size| run.pages(size);
    curves.push(curve(pages, "lockproof", &run.within(&[16, 256, 4096, 65_536]), cost, &mut tell)?);
    // A million is the most that the server lets be held.
    let locks = "locker: a lock taken and released, by locks held";
    let cost = |size| run.locks(size);
    let sizes = run.within(&[1, 10, 100, 1_000, 10_000, 100_000, 990_000]);
    curves.push(curve(locks, "lockproof", &sizes, cost, &mut tell)?);
    Ok(curves)
}

type Cost = fn(&Run, &Server, u32) -> anyhow::Result<f64>;

const MEMCACHED: [(&str, &[u32], Cost); 2] = [
    ("GET, 100 B, one at a time, by connections", &[1, 10, 100, 1_000, 10_000], Run::connections),
    (
        "GET, 100 B, 32 at a time, by items",
        &[1_000, 10_000, 100_000, 1_000_000, 10_000_000],
        Run::items,
    ),
];

fn start(server: &str) -> anyhow::Result<Server> {
    match server {
        "lockproof" => Server::own(&["serve", "memcached"]),
        _ => Server::memcached(&["-t", "1", "-m", "8192", "-c", "20000"]),
    }
}

fn curve(
    title: &'static str,
    server: &'static str,
    sizes: &[u32],
    cost: impl Fn(u32) -> anyhow::Result<f64>,
    tell: &mut impl FnMut(&Curve, u32, f64),
) -> anyhow::Result<Curve> {
    let mut curve = Curve { title, server, points: Vec::new() };
    for &size in sizes {
        let cost = cost(size).with_context(|| format!("{title}, {size}"))?;
        tell(&curve, size, cost);
        curve.points.push((size, cost));
    }
    Ok(curve)
}

/// How it is measured.
pub(crate) struct Run {
    /// Runs for each point.
    pub(crate) rounds: u32,
    /// How long each is.
    pub(crate) time: Duration,
    /// The largest size.
    pub(crate) up_to: u32,
}

impl Run {
    fn within(&self, sizes: &[u32]) -> Vec<u32> {
        sizes.iter().copied().filter(|size| *size <= self.up_to).collect()
    }

    fn connections(&self, server: &Server, count: u32) -> anyhow::Result<f64> {
        const KEYS: u32 = 10_000;
        fill(server, KEYS, 100)?;
        let data = Data::new(KEYS, 100);
        let ask = Ask::Mix { depth: 1, sets: 0, of: 1 };
        let script = |index: u32| Memcached::new(data.clone(), ask, index.into());
        self.cost(server, (0..count).map(script))
    }

    fn items(&self, server: &Server, count: u32) -> anyhow::Result<f64> {
        fill(server, count, 100)?;
        let data = Data::new(count, 100);
        let ask = Ask::Mix { depth: 32, sets: 0, of: 1 };
        let script = |index: u32| Memcached::new(data.clone(), ask, index.into());
        self.cost(server, (0..CONNECTIONS).map(script))
    }

    fn pages(&self, count: u32) -> anyhow::Result<f64> {
        let server = Server::own(&["serve", "netmem", "--pages", &count.to_string()])?;
        let ask = netmem::Ask::LockAndUnlock;
        let page = |index| index * (count / CONNECTIONS);
        let script = |index| netmem::NetMem::new(ask, 1, (count, 64), page(index));
        self.cost(&server, (0..CONNECTIONS).map(script))
    }

    fn locks(&self, held: u32) -> anyhow::Result<f64> {
        let server = Server::own(&["serve", "locker"])?;
        let holders = held.div_ceil(HELD_BY_ONE);
        let at_once = held.min(100);
        let ask = locker::Ask::Hold { keys: at_once };
        // Beside the connections that are measured, so that nobody wants the same locks.
        let holder = |index| locker::Locker::new(ask, CONNECTIONS + index);
        let mut holding = Driver::open(server.address, (0..holders).map(holder))?;
        let each = held.min(HELD_BY_ONE) / at_once;
        holding.finish(|script| script.rounds() >= each)?;
        let script = |index| locker::Locker::new(locker::Ask::OwnKeys { keys: 1 }, index);
        self.cost(&server, (0..CONNECTIONS).map(script))
    }

    /// Microseconds of processor time for an operation.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn cost<S: Script>(
        &self,
        server: &Server,
        scripts: impl Iterator<Item = S>,
    ) -> anyhow::Result<f64> {
        let mut driver = Driver::open(server.address, scripts)?;
        let mut costs = Vec::new();
        for _ in 0..self.rounds {
            let mut marks = Vec::new();
            let mark = || marks.push(server.cpu_time());
            let outcome = driver.run(Pace::Closed, WARM_UP, self.time, mark)?;
            let [begin, end] = marks.try_into().ok().context("a run has two marks")?;
            let spent = end?.saturating_sub(begin?);
            costs.push(spent.as_secs_f64() * 1e6 / outcome.operations as f64);
        }
        Ok(Spread::of(costs).median)
    }
}
