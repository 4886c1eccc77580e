//! `lockproof sim`: the server that users run, in a simulated network with clients that die.

mod arguments;
mod report;

pub(crate) use arguments::Sim;

use std::fmt::Display;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lockproof_sim::run::Run;
use lockproof_sim::scenario::Scenario;
use lockproof_sim::server::Server;
use lockproof_sim::swarm;
use lockproof_sim::sweep::{Sweep, sweep};

use self::arguments::SimFormat;
use self::arguments::{SWARM, Verb};
use self::report::{Report, Swept};
use crate::exit::{Done, Problem};
use crate::output;

/// What is run with every seed.
#[derive(Clone, Copy, Debug)]
enum Subject {
    Named(Scenario),
    Swarm,
}

impl Subject {
    fn name(self) -> String {
        match self {
            Self::Named(scenario) => scenario.name(),
            Self::Swarm => SWARM.to_owned(),
        }
    }

    fn with(self, server: Server, seed: u64) -> Run {
        match self {
            Self::Named(scenario) => scenario.with(server, seed),
            Self::Swarm => swarm::draw(server, seed),
        }
    }
}

pub(crate) fn run(sim: &Sim) -> Done {
    match &sim.verb {
        Some(Verb::List(list)) => {
            output::print(&report::list(list.format))?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Verb::Replay(again)) => return replay(&again.plan, again.format),
        None => {}
    }
    let server = Server::from_name(&sim.server).ok_or_else(|| {
        let server = &sim.server;
        Problem::usage(format!("no server is named `{server}`; `lockproof sim list` shows all"))
    })?;
    let subjects = subjects(&sim.scenarios)?;
    let seeds = sim.seeds();
    let total = subjects.len() as u64 * (seeds.end - seeds.start);
    let (progress, begun) = (Progress::new(total), Instant::now());
    let mut report =
        Report { server, seeds: seeds.clone(), swept: Vec::new(), took: Duration::ZERO };
    for subject in subjects {
        let before = report.runs();
        let make = |seed| subject.with(server, seed);
        let found = sweep(seeds.clone(), sim.jobs(), make, |so_far| progress.tell(before, so_far));
        report.swept.push(Swept::of(subject, server, found));
    }
    progress.bar.finish_and_clear();
    report.took = begun.elapsed();
    output::print(&report.text(sim.format))?;
    Ok(report.code())
}

fn replay(plan: &Path, format: SimFormat) -> Done {
    let wrong = |error: &dyn Display| Problem::usage(format!("{}: {error}", plan.display()));
    let text = std::fs::read_to_string(plan).map_err(|error| wrong(&error))?;
    let run: Run = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    let outcome = run.outcome();
    output::print(&report::replayed(&run, &outcome, format))?;
    Ok(match outcome.word() {
        "ok" => ExitCode::SUCCESS,
        "inert" => ExitCode::from(report::INCONCLUSIVE),
        _ => ExitCode::FAILURE,
    })
}

/// The subjects of these names: a scenario, one half of its name, or `swarm`.
fn subjects(names: &[String]) -> Result<Vec<Subject>, Problem> {
    let mut subjects = Vec::new();
    if names.is_empty() {
        subjects.extend(Scenario::all().map(Subject::Named));
    }
    for name in names {
        if name == SWARM {
            subjects.push(Subject::Swarm);
            continue;
        }
        let before = subjects.len();
        let is_meant = |scenario: &Scenario| {
            let full = scenario.name();
            full == *name || full.split('/').any(|half| half == name)
        };
        subjects.extend(Scenario::all().filter(is_meant).map(Subject::Named));
        if subjects.len() == before {
            return Err(Problem::usage(format!(
                "no scenario is named `{name}`; `lockproof sim list` shows all"
            )));
        }
    }
    Ok(subjects)
}

/// Progress on stderr, where that is a terminal.
struct Progress {
    bar: ProgressBar,
}

impl Progress {
    fn new(total: u64) -> Self {
        let visible = std::io::stderr().is_terminal();
        let target =
            if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let style =
            ProgressStyle::with_template("{bar:30} {pos}/{len} seeds, {per_sec}, {elapsed} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar }
    }

    fn tell(&self, before: u64, so_far: &Sweep) {
        self.bar.set_position(before + so_far.seeds());
        if let Some((seed, _)) = so_far.failed.last_key_value() {
            self.bar.set_message(format!("({} failed, last {seed})", so_far.failed.len()));
        }
    }
}
