//! Puts a cell's load on its servers in turn, and takes the figures of one round.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use lockproof_benches::load::memcached::{Ask, Data, Fill, Memcached};
use lockproof_benches::load::memcached_lines::Lines;
use lockproof_benches::load::{Driver, Outcome, Pace, Script, locker, netmem};
use lockproof_benches::machine::Meter;
use lockproof_benches::servers::Server;
use serde::Serialize;

use crate::cells::{Cell, Contender, Load, Measured, What};

/// Time before a load is measured, in which caches and buffers find their sizes.
const WARM_UP: Duration = Duration::from_millis(150);

/// NetMem's pages, and their bytes.
pub(crate) const PAGES: (u32, u32) = (1024, 64);

/// Until what a server does on its own after a load is done.
const SETTLED: Duration = Duration::from_secs(3);

/// Connections that fill a server.
const FILLERS: usize = 4;

/// What one server did in one round. A figure that the cell does not have is absent.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Sample {
    /// Operations in a second.
    pub(crate) throughput: Option<f64>,
    /// Microseconds of the server's processor time for an operation.
    pub(crate) cpu: Option<f64>,
    /// Microseconds of a batch, at these quantiles.
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) p999: Option<f64>,
    /// Bytes of the server's memory for an item or a connection.
    pub(crate) memory: Option<f64>,
    /// The same, when each connection has sent a batch.
    pub(crate) memory_after: Option<f64>,
    /// Processors that neither the server nor the generator kept busy, nor the neighbour that the cell asks for.
    pub(crate) other: Option<f64>,
}

/// The servers of a cell, filled with what its load asks for.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    cell: &'a Cell,
    servers: BTreeMap<Contender, Server>,
    time: Duration,
    /// What to draw the keys by; another in each round.
    seed: u64,
}

impl<'a> Stage<'a> {
    /// Starts and fills the servers; a load is measured for `time`.
    pub(crate) fn set(cell: &'a Cell, time: Duration) -> anyhow::Result<Self> {
        let mut servers = BTreeMap::new();
        let is_kept = matches!(cell.measured, Measured::Load(_) | Measured::Memaslap { .. });
        for &contender in cell.contenders.iter().filter(|_| is_kept) {
            let server = start(contender, cell)?;
            if let Measured::Load(Load { what: What::Memcached { keys, value_len, .. }, .. }) =
                cell.measured
            {
                fill(&server, keys, value_len)?;
            }
            servers.insert(contender, server);
        }
        Ok(Self { cell, servers, time, seed: 0 })
    }

    /// One round: each contender once, in their order or the opposite one.
    pub(crate) fn round(&mut self, round: u32) -> anyhow::Result<BTreeMap<Contender, Sample>> {
        let mut order = self.cell.contenders.clone();
        if !round.is_multiple_of(2) {
            order.reverse();
        }
        self.seed += 1;
        let mut samples = BTreeMap::new();
        for contender in order {
            let sample = self.sample(contender);
            samples.insert(contender, sample.with_context(|| contender.name().to_owned())?);
        }
        Ok(samples)
    }

    fn sample(&self, contender: Contender) -> anyhow::Result<Sample> {
        match self.cell.measured {
            Measured::Load(load) => self.load(&self.servers[&contender], load),
            Measured::Memaslap { connections, depth } => {
                memaslap(&self.servers[&contender], connections, depth)
            }
            Measured::Items { count, value_len } => {
                let server = start(contender, self.cell)?;
                // What the first items bring with them is not theirs.
                fill(&server, 1000, value_len)?;
                let before = server.resident()?;
                fill(&server, count, value_len)?;
                // memcached's hash table grows in the background.
                std::thread::sleep(SETTLED);
                #[expect(clippy::cast_precision_loss, reason = "figures for people")]
                let each = (server.resident()? - before) as f64 / f64::from(count - 1000);
                Ok(Sample { memory: Some(each), ..Sample::default() })
            }
            Measured::Connections { count } => connections(&start(contender, self.cell)?, count),
        }
    }

    fn load(&self, server: &Server, load: Load) -> anyhow::Result<Sample> {
        let connections = 0..load.connections;
        match load.what {
            What::Memcached { ask, keys, value_len, tongue } => {
                let data = Data::new(keys, value_len);
                let seed = |index: u32| self.seed * 1_000_000 + u64::from(index);
                if let Some(tongue) = tongue {
                    let script = |index| Lines::new(data.clone(), tongue, ask, seed(index));
                    return self.drive(server, load, connections.map(script));
                }
                let script = |index| Memcached::new(data.clone(), ask, seed(index));
                self.drive(server, load, connections.map(script))
            }
            What::NetMem { ask, depth } => {
                let script = |index| netmem::NetMem::new(ask, depth, PAGES, index);
                self.drive(server, load, connections.map(script))
            }
            What::Locker(ask) => {
                let script = |index| locker::Locker::new(ask, index);
                self.drive(server, load, connections.map(script))
            }
        }
    }

    fn drive<S: Script>(
        &self,
        server: &Server,
        load: Load,
        scripts: impl Iterator<Item = S>,
    ) -> anyhow::Result<Sample> {
        let _neighbour = load.neighbour.then(|| Server::own(&["burn"])).transpose()?;
        let mut driver = Driver::open(server.address, scripts)?;
        let pace = load.rate.map_or(Pace::Closed, Pace::Open);
        let mut marks = Vec::new();
        let mut meter = Meter::start();
        let outcome = driver.run(pace, WARM_UP, self.time, || {
            if marks.is_empty() {
                meter = Meter::start();
            }
            marks.push(server.cpu_time());
        })?;
        let (_, others) = meter.busy();
        let [begin, end] = marks.try_into().ok().context("a run has two marks")?;
        let neighbours = if load.neighbour { 1.0 } else { 0.0 };
        let cpu = end?.saturating_sub(begin?);
        let other = others - cpu.as_secs_f64() / outcome.elapsed.as_secs_f64() - neighbours;
        Ok(Sample { other: Some(other.max(0.0)), ..of(&outcome, cpu)? })
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn of(outcome: &Outcome, cpu: Duration) -> anyhow::Result<Sample> {
    ensure!(outcome.operations > 0, "nothing was answered");
    let operations = outcome.operations as f64;
    let at = |quantile| Some(outcome.times.value_at_quantile(quantile) as f64 / 1000.0);
    Ok(Sample {
        throughput: Some(operations / outcome.elapsed.as_secs_f64()),
        cpu: Some(cpu.as_secs_f64() * 1e6 / operations),
        p50: at(0.50),
        p99: at(0.99),
        p999: at(0.999),
        ..Sample::default()
    })
}

fn start(contender: Contender, cell: &Cell) -> anyhow::Result<Server> {
    let protocol = match cell.measured {
        Measured::Load(Load { what: What::NetMem { .. }, .. }) => "netmem",
        Measured::Load(Load { what: What::Locker(_), .. }) => "locker",
        _ => "memcached",
    };
    let memcached =
        |more: &[&str]| Server::memcached(&[&["-m", "8192", "-c", "20000"], more].concat());
    match contender {
        Contender::Memcached1 => memcached(&["-t", "1"]),
        Contender::Memcached2 => memcached(&["-t", "2"]),
        Contender::Memcached2R => memcached(&["-t", "2", "-R", "1000"]),
        Contender::Lockproof => Server::own(&["serve", protocol]),
        Contender::Lockproof2 => Server::own(&["serve", protocol, "--threads", "2"]),
        Contender::LockproofSpin => Server::own(&["serve", protocol, "--spin"]),
        Contender::Null => Server::own(&["null", protocol]),
    }
}

/// Stores `keys` values.
pub(crate) fn fill(server: &Server, keys: u32, value_len: usize) -> anyhow::Result<()> {
    let data = Data::new(keys, value_len);
    let share = data.count().div_ceil(FILLERS);
    let fillers = (0..FILLERS).map(|filler| {
        let start = (filler * share).min(data.count());
        Fill::new(data.clone(), start..(start + share).min(data.count()))
    });
    Driver::open(server.address, fillers)?.finish(Fill::is_over)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn connections(server: &Server, count: usize) -> anyhow::Result<Sample> {
    fill(server, 1000, 100)?;
    let data = Data::new(1000, 100);
    let before = server.resident()?;
    let scripts = (0..count).map(|index| {
        Memcached::new(data.clone(), Ask::Mix { depth: 32, sets: 0, of: 1 }, index as u64)
    });
    let mut driver = Driver::open(server.address, scripts)?;
    let each = |resident: u64| Some((resident.saturating_sub(before)) as f64 / count as f64);
    // The kernel has accepted them; the server, until here, perhaps not all.
    std::thread::sleep(SETTLED);
    let idle = each(server.resident()?);
    driver.once()?;
    let memory_after = each(server.resident()?);
    Ok(Sample { memory: idle, memory_after, ..Sample::default() })
}

/// The cross-check: figures of a generator that others wrote.
fn memaslap(server: &Server, connections: u32, depth: u32) -> anyhow::Result<Sample> {
    const SECONDS: f64 = 3.0;
    let before = server.cpu_time()?;
    let output = Command::new("memcaslap")
        .args(["-s", &server.address.to_string(), "-B", "-T", "1"])
        .args(["-c", &connections.to_string(), "-d", &depth.to_string()])
        .args(["-t", &format!("{SECONDS}s"), "-X", "100"])
        .output()
        .context("memcaslap does not start; run ci/setup")?;
    let cpu = server.cpu_time()?.saturating_sub(before).as_secs_f64();
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text.lines().find_map(|line| {
        line.strip_prefix("Run time:")?.split_once("TPS: ")?.1.split(' ').next()?.parse().ok()
    });
    let rate: f64 = rate.with_context(|| format!("memcaslap tells no TPS:\n{text}"))?;
    let cpu = cpu * 1e6 / (rate * SECONDS);
    Ok(Sample { throughput: Some(rate), cpu: Some(cpu), ..Sample::default() })
}
