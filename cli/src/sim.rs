//! `lockproof sim`: the server that users run, in a simulated network with clients that die.
//!
//! Runs happen in processes of their own ([`child`]), because a server can hang the simulator itself.

mod arguments;
mod child;
mod counts;
mod json;
mod list;
mod marks;
mod merge;
mod picture;
mod progress;
mod provenance;
mod report;
mod worker;

pub(crate) use arguments::Sim;
pub(crate) use worker::serve as work;

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use lockproof_sim::run::Run;
use lockproof_sim::scenario::Scenario;
use lockproof_sim::server::Server;
use lockproof_sim::swarm;
use lockproof_sim::sweep::{Order, sweep};

use self::arguments::{OPEN, Replay, SWARM, Verb};
use self::child::Judge;
use self::progress::Progress;
use self::report::Report;
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
            output::print(&list::text(list.format))?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Verb::Replay(again)) => return replay(again),
        Some(Verb::Merge(merge)) => {
            let whole = merge::merged(merge)?;
            output::print(&merge::text(&whole, merge))?;
            return Ok(merge::counts(&whole, merge.all_marks).code());
        }
        None => {}
    }
    let server = Server::from_name(&sim.server).ok_or_else(|| {
        let server = &sim.server;
        Problem::usage(format!("no server is named `{server}`; `lockproof sim list` shows all"))
    })?;
    let subjects = subjects(&sim.scenarios)?;
    let mut report = swept(sim, server, &subjects)?;
    if let Some(path) = &sim.timeline {
        let mut judge = Judge::new(sim.watchdog);
        report.timeline = Some(picture::of_report(path, &report, &subjects, &mut judge)?);
    }
    output::print(&report.text(sim.format))?;
    Ok(report.counts().code())
}

fn swept(sim: &Sim, server: Server, subjects: &[Subject]) -> Result<Report, Problem> {
    let seeds = sim.seeds()?;
    let begun = Instant::now();
    let until = sim.time.and_then(|time| begun.checked_add(time));
    let seeds_of_each = (seeds.end != OPEN).then_some(seeds.end - seeds.start);
    let total = seeds_of_each.and_then(|count| count.checked_mul(subjects.len() as u64));
    let progress = Progress::new(total, sim.time);
    let order = Order { seeds, subjects: subjects.len(), jobs: sim.jobs(), until };
    let make = |subject: usize, seed| subjects[subject].with(server, seed);
    let judge = || {
        let mut judge = Judge::new(sim.watchdog);
        move |run: &Run| judge.outcome(run)
    };
    let found = sweep(&order, make, judge, |so_far| progress.tell(so_far));
    let took = progress.end();
    let report = Report::of(server, subjects, found, took, &mut Judge::new(sim.watchdog));
    Ok(Report { all_marks: sim.all_marks, ..report })
}

fn replay(again: &Replay) -> Done {
    let run = planned(&again.plan)?;
    let (outcome, recording) = Judge::new(again.watchdog).recorded(&run);
    output::print(&report::replayed(&run, &outcome, recording.as_ref(), again.format))?;
    if let Some(path) = &again.timeline {
        let name = again.plan.display().to_string();
        let command = format!("lockproof sim replay --plan {name}");
        picture::of_run(path, (&name, &command), &run, &outcome, recording.as_ref())?;
    }
    Ok(match outcome.word() {
        "ok" => ExitCode::SUCCESS,
        "inert" => ExitCode::from(counts::INCONCLUSIVE),
        _ => ExitCode::FAILURE,
    })
}

fn planned(plan: &Path) -> Result<Run, Problem> {
    let wrong = |error: &dyn Display| Problem::usage(format!("{}: {error}", plan.display()));
    let text = std::fs::read_to_string(plan).map_err(|error| wrong(&error))?;
    serde_json::from_str(&text).map_err(|error| {
        wrong(&format!("no plan of a run: {error}\n  a failure in the report of `lockproof sim --format json` has one, as `run`"))
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
