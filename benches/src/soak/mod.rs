//! A long mixed load on `lockproof serve`, with clients that die all the time.
//!
//! Four kinds of clients side by side: those that go about their work, every reply checked; those whose history is judged,
//! round by round; those that end in all the ways there are, from this process; and processes that are killed. Every second
//! the server is looked at. Left out: faults of the server itself (`faults`).

mod deaths;
mod trend;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::Context;
use fastrand::Rng;
use lockproof_client::memcached::Meta;
use serde::Serialize;

use crate::faults::crowd::Gang;
use crate::faults::crowd::client::{LARGE_BYTES, LARGE_KEY, Manner, Plan};
use crate::faults::judged::{SHARED, judged};
use crate::faults::report::Scenario;
use crate::faults::served::{Served, Setup};
use crate::faults::state::{Control, State, memcached, netmem};
use crate::faults::workers::Workers;
use crate::faults::{PATIENCE, eventually};

/// Connections at work.
const WORKING: u32 = 30;
/// Clients in a process that is killed, and how long it lives at most.
const GANG: u32 = 20;
const LIFE: u64 = 3_000;
/// Pages of a history; calls of a client in it, and its longest pause between two.
const JUDGED_PAGES: u32 = 8;
const CALLS: u32 = 150;
const PAUSE: Duration = Duration::from_millis(5);
/// Progress is told so often.
const TOLD: Duration = Duration::from_secs(30);

/// How a soak is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server's program.
    pub program: PathBuf,
    /// What is random is drawn from it.
    pub seed: u64,
    /// How long.
    pub time: Duration,
    /// How long the server may take to be as it was before.
    pub patience: Duration,
}

/// The server at a moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sample {
    /// Seconds since the start.
    pub at: f64,
    /// Resident bytes.
    pub resident: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Operations that were answered so far.
    pub operations: u64,
    /// Clients that died so far, beside those of the judged histories.
    pub deaths: u64,
}

/// What came of a soak.
#[derive(Clone, Debug)]
pub struct Soaked {
    /// The checks.
    pub scenario: Scenario,
    /// The server, second by second.
    pub samples: Vec<Sample>,
}

/// What all clients of a soak share.
struct Stage<'a> {
    options: &'a Options,
    server: &'a Served,
    over: AtomicBool,
    operations: AtomicU64,
    deaths: AtomicU64,
    judged: AtomicU64,
    pages: u32,
}

impl Stage<'_> {
    fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    fn died(&self, count: u32) {
        self.deaths.fetch_add(count.into(), Relaxed);
    }
}

/// Runs it.
///
/// # Errors
/// When it cannot even begin.
pub fn run(options: &Options) -> anyhow::Result<Soaked> {
    let begun = Instant::now();
    let server = Served::start(Setup::new(&options.program).with(&["--pages=1024"]))?;
    let mut control = memcached(server.memcached(), PATIENCE)?;
    let large = vec![b'l'; LARGE_BYTES];
    control.set(LARGE_KEY.as_bytes(), &large, Meta::default()).context("the first item")?;
    let before = State::of(server.process(), &mut control)?;
    let pages = netmem(server.netmem(), PATIENCE)?.pages();
    let stage = Stage {
        options,
        server: &server,
        over: AtomicBool::new(false),
        operations: AtomicU64::new(0),
        deaths: AtomicU64::new(0),
        judged: AtomicU64::new(0),
        pages,
    };
    let mut scenario = Scenario::new("soak");
    let mut samples = Vec::new();
    let ended = stage.play(&mut samples);
    scenario.story = format!(
        "{:.0?} of mixed load; {} operations answered, {} clients died, {} calls judged",
        options.time,
        stage.operations.load(Relaxed),
        stage.deaths.load(Relaxed),
        stage.judged.load(Relaxed)
    );
    for (name, ended) in ended {
        let text = ended.as_ref().map_or_else(|error| format!("{error:#}"), Clone::clone);
        scenario.check(name, ended.is_ok(), text);
    }
    trend::check(&mut scenario, &samples);
    afterwards(&mut scenario, &mut control, &stage, before);
    drop(control);
    let ended = server.stop();
    let holds = ended.as_ref().is_ok_and(std::process::ExitStatus::success);
    let text = ended.map_or_else(|error| format!("{error:#}"), |status| status.to_string());
    scenario.check("it ends when it is told to", holds, text);
    scenario.took = begun.elapsed().as_secs_f64();
    Ok(Soaked { scenario, samples })
}

/// A check's name, and what was seen.
type Ended = (&'static str, anyhow::Result<String>);

impl Stage<'_> {
    /// All clients until the time is over, and what came of each kind.
    fn play(&self, samples: &mut Vec<Sample>) -> Vec<Ended> {
        std::thread::scope(|scope| {
            let working = scope.spawn(|| self.work());
            let judged: Vec<_> = SHARED
                .into_iter()
                .zip(self.server.addresses())
                .map(|(name, address)| scope.spawn(move || self.judge(name, address)))
                .collect();
            let ending = scope.spawn(|| deaths::end_in_all_ways(self));
            // In this thread, because processes die with the thread that started them.
            let watched = self.watch(samples);
            self.over.store(true, Relaxed);
            let joined = |thread: std::thread::ScopedJoinHandle<'_, anyhow::Result<String>>| {
                thread.join().map_err(|_| anyhow::anyhow!("its thread panicked")).flatten()
            };
            let mut ended: Vec<Ended> = vec![("the server is there all the time", watched)];
            ended.push(("those at work are served right", joined(working)));
            let judged = judged.into_iter().map(|thread| ("an order explains it", joined(thread)));
            ended.extend(judged);
            ended.push(("clients that end in all ways are served before", joined(ending)));
            ended
        })
    }

    fn work(&self) -> anyhow::Result<String> {
        let pages = netmem(self.server.netmem(), PATIENCE)?;
        let shape = (self.pages / 2, pages.page_bytes());
        let mut workers = Workers::open(self.server, WORKING, shape, self.options.seed)?;
        while !self.is_over() {
            let phase = workers.work(Duration::from_secs(1), || ()).0?;
            self.operations.fetch_add(phase.operations, Relaxed);
        }
        Ok("every reply".to_owned())
    }

    /// History after history, each with a seed of its own.
    fn judge(&self, name: &str, address: std::net::SocketAddr) -> anyhow::Result<String> {
        let mut calls = 0;
        for round in 0.. {
            if self.is_over() {
                return Ok(format!("{name}: {calls} calls in {round} histories, linearizable"));
            }
            let seed = self.options.seed.wrapping_add(round);
            let pages = if name == "netmem" { self.judged_pages(round) } else { String::new() };
            let url = format!("{name}://{address}{pages}");
            let outcome = judged(&url, seed, CALLS, PAUSE)?;
            if let Some(problem) = outcome.verdict.problem() {
                anyhow::bail!("{name}, seed {seed}: {problem}");
            }
            calls += outcome.calls;
            self.judged.fetch_add(outcome.calls as u64, Relaxed);
            self.operations.fetch_add(outcome.calls as u64, Relaxed);
        }
        Ok(String::new())
    }

    /// The first half of the pages belongs to those at work. Of the other, each history has its own: what a client asked for
    /// with its last breath may be done when the next history has begun.
    fn judged_pages(&self, round: u64) -> String {
        let half = self.pages / 2;
        let groups = u64::from((half / JUDGED_PAGES).max(1));
        let group = u32::try_from(round % groups).unwrap_or(0);
        let first = half + group * JUDGED_PAGES;
        format!("?pages={first}..{}", first + JUDGED_PAGES - 1)
    }

    /// Looks at the server each second, and starts and kills processes meanwhile.
    fn watch(&self, samples: &mut Vec<Sample>) -> anyhow::Result<String> {
        let begun = Instant::now();
        let mut random = Rng::with_seed(self.options.seed);
        let mut gangs: Vec<(Instant, Gang)> = Vec::new();
        let (mut next, mut told, mut first) = (begun, begun, 0);
        while begun.elapsed() < self.options.time {
            let now = Instant::now();
            if now >= next {
                samples.push(self.sample(begun)?);
                next += Duration::from_secs(1);
            }
            if told.elapsed() > TOLD {
                told = now;
                let Sample { at, operations, deaths, .. } = samples[samples.len() - 1];
                eprintln!("soak: {at:.0} s, {operations} operations, {deaths} deaths");
            }
            let (dead, alive) = gangs.into_iter().partition(|(end, _)| *end <= now);
            gangs = alive;
            self.kill(dead);
            if gangs.len() < 3 {
                let life = Duration::from_millis(random.u64(200..LIFE));
                gangs.push((now + life, Gang::start(&self.plan(&mut random, first))?));
                first = (first + 4 * GANG) % (1 << 20);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.kill(gangs);
        samples.push(self.sample(begun)?);
        Ok(format!("{} looks at it", samples.len()))
    }

    fn kill(&self, gangs: Vec<(Instant, Gang)>) {
        for (_, gang) in gangs {
            self.died(gang.count);
        }
    }

    fn plan(&self, random: &mut Rng, first: u32) -> Plan {
        let manners = [Manner::HalfFrame, Manner::StopsReading, Manner::Drips];
        let manner = manners[random.usize(..manners.len())];
        let (addresses, count) = (self.server.addresses(), GANG);
        // No pages of their own: a gang's would be those of the one before it.
        let pages = (self.pages, self.pages);
        Plan { manner, first, count, per_second: 200, addresses, pages, wired: false, drip: 50 }
    }

    fn sample(&self, begun: Instant) -> anyhow::Result<Sample> {
        let process = self.server.process();
        Ok(Sample {
            at: begun.elapsed().as_secs_f64(),
            resident: process.resident()?,
            descriptors: process.descriptors()?,
            operations: self.operations.load(Relaxed),
            deaths: self.deaths.load(Relaxed),
        })
    }
}

/// All clients are gone: the server holds what it held before.
fn afterwards(scenario: &mut Scenario, control: &mut Control, stage: &Stage<'_>, before: State) {
    let mut seen = String::from("it was not asked");
    let back = eventually(stage.options.patience, || {
        let now = State::of(stage.server.process(), control)?;
        seen = format!(
            "{} descriptors before, {} now; curr_connections {:?} before, {:?} now",
            before.descriptors, now.descriptors, before.connections, now.connections
        );
        Ok(now.descriptors <= before.descriptors && now.connections <= before.connections)
    });
    let text = back.as_ref().map_or_else(|error| format!("{error:#}"), |_| seen);
    scenario.check("no descriptor and no connection is lost", matches!(back, Ok(Some(_))), text);
}
