//! `lockproof sim`: the server that users run, in a simulated network with clients that die.
//!
//! Runs happen in processes of their own ([`watched`]), because a server can hang the simulator itself.

mod arguments;
mod list;
mod picture;
mod progress;

pub(crate) use arguments::Sim;

use std::env::current_exe;
use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lockproof_sim::report::{self, INCONCLUSIVE, Merged, Report};
use lockproof_sim::run::Run;
use lockproof_sim::server::Server;
use lockproof_sim::subject::Subject;
use lockproof_sim::sweep::Order;
use lockproof_sim::watched::{self, Halt, Judge, Program, Watch};

use self::arguments::{Merge, OPEN, Replay, SimFormat, Verb};
use self::progress::Progress;
use crate::exit::{Done, Problem};
use crate::output;

pub(crate) fn run(sim: &Sim) -> Done {
    match &sim.verb {
        Some(Verb::List(list)) => {
            output::print(&list::text(list.format))?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Verb::Replay(again)) => return replay(again),
        Some(Verb::Merge(reports)) => return merge(reports),
        None => {}
    }
    let server = Server::from_name(&sim.server).ok_or_else(|| {
        let server = &sim.server;
        Problem::usage(format!("no server is named `{server}`; `lockproof sim list` shows all"))
    })?;
    let subjects = Subject::of_names(&sim.scenarios).map_err(|name| {
        Problem::usage(format!("no scenario is named `{name}`; `lockproof sim list` shows all"))
    })?;
    let mut report = swept(sim, server, &subjects)?;
    if let Some(path) = &sim.timeline {
        let mut judge = Judge::new(watch(sim.watchdog)?);
        report.timeline = Some(picture::of_report(path, &report, &subjects, &mut judge)?);
    }
    output::print(&match sim.format {
        SimFormat::Human => report.human(),
        SimFormat::Json => format!("{:#}", report.json()),
    })?;
    Ok(report.counts().code().into())
}

/// Runs happen in this program, started anew.
fn watch(patience: Duration) -> Result<Watch, Problem> {
    let path = current_exe().map_err(Problem::harness)?.into();
    let program = Program { path, arguments: vec!["sim-worker".into()] };
    Ok(Watch { program, patience, halt: Halt::default() })
}

/// What `lockproof sim-worker` does.
pub(crate) fn work() -> Done {
    watched::serve().map_err(Problem::harness)?;
    Ok(ExitCode::SUCCESS)
}

fn merge(merge: &Merge) -> Done {
    let read = |path: &std::path::PathBuf| {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| Problem::usage(format!("{name}: {error}")))?;
        Ok((name, text))
    };
    let reports: Vec<_> = merge.reports.iter().map(read).collect::<Result<_, Problem>>()?;
    let whole = Merged::of(&reports, merge.all_marks).map_err(Problem::usage)?;
    output::print(&match merge.format {
        SimFormat::Human => whole.human(),
        SimFormat::Json => format!("{:#}", whole.json()),
    })?;
    Ok(whole.counts().code().into())
}

fn swept(sim: &Sim, server: Server, subjects: &[Subject]) -> Result<Report, Problem> {
    let seeds = sim.seeds()?;
    let begun = Instant::now();
    let until = sim.time.and_then(|time| begun.checked_add(time));
    let seeds_of_each = (seeds.end != OPEN).then_some(seeds.end - seeds.start);
    let total = seeds_of_each.and_then(|count| count.checked_mul(subjects.len() as u64));
    let progress = Progress::new(total, sim.time);
    let watch = watch(sim.watchdog)?;
    let halt = watch.halt.clone();
    let order = Order { seeds, subjects: subjects.len(), jobs: sim.jobs(), until, halt };
    let tell = |so_far: &_, _, _| progress.tell(so_far);
    let found = watched::sweep(&order, server, subjects, &watch, tell);
    let took = progress.end();
    let report = Report::of(server, subjects, found, took, &mut Judge::new(watch));
    Ok(Report { all_marks: sim.all_marks, ..report })
}

fn replay(again: &Replay) -> Done {
    let run = planned(&again.plan)?;
    let (outcome, recording) = Judge::new(watch(again.watchdog)?).recorded(&run);
    let as_json = again.format == SimFormat::Json;
    output::print(&report::replayed(&run, &outcome, recording.as_ref(), as_json))?;
    if let Some(path) = &again.timeline {
        let name = again.plan.display().to_string();
        let command = format!("lockproof sim replay --plan {name}");
        picture::of_run(path, (&name, &command), &run, &outcome, recording.as_ref())?;
    }
    Ok(match outcome.word() {
        "ok" => ExitCode::SUCCESS,
        "inert" => ExitCode::from(INCONCLUSIVE),
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
