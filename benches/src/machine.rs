//! What the machine is, and how busy it was with something else: ratios mean little without.
//!
//! Linux only, from /proc; elsewhere it says that it does not know. Left out: what is measured.

use std::fs;
use std::time::Instant;

/// Processor time is counted in hundredths of a second here.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time of this process and of everything, since a moment.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    own: f64,
    all: f64,
}

impl Meter {
    /// Starts to count.
    pub fn start() -> Self {
        Self { started: Instant::now(), own: own_seconds(), all: all_seconds() }
    }

    /// Processors that this process kept busy, and that all others did; since the start, on average.
    pub fn busy(&self) -> (f64, f64) {
        let elapsed = self.started.elapsed().as_secs_f64();
        let own = own_seconds() - self.own;
        let others = (all_seconds() - self.all - own).max(0.0);
        (own / elapsed, others / elapsed)
    }
}

/// The processor, the kernel and the load of the last 1, 5 and 15 minutes, in one line.
pub fn description() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<_> = load.split(' ').take(3).collect();
    format!("{count} x {model}, Linux {}, load {}", kernel.trim(), load.join(" "))
}

/// User and system time of this process.
fn own_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold spaces; after it, fields 14 and 15 of proc(5) are 11 and 12.
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    ticks(fields, &[11, 12])
}

/// User, nice, system, interrupt, soft interrupt and steal time of all processors.
fn all_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = stat.lines().next().and_then(|line| line.strip_prefix("cpu  "));
    ticks(fields.unwrap_or_default(), &[0, 1, 2, 5, 6, 7])
}

fn ticks(fields: &str, wanted: &[usize]) -> f64 {
    let fields: Vec<_> = fields.split(' ').collect();
    let each = wanted.iter().filter_map(|field| fields.get(*field)?.parse::<f64>().ok());
    each.sum::<f64>() / TICKS_PER_SECOND
}
