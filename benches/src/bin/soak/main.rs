//! A long mixed load on `lockproof serve` with clients that die, and what the server is like meanwhile and afterwards.
//!
//! This very program is also what it starts: `client` is a process of clients, for itself.

mod arguments;
mod plot;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use lockproof_benches::faults::report::Report;
use lockproof_benches::faults::{crowd, exit_code, served};
use lockproof_benches::{machine, soak};

use arguments::{Arguments, Role};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.role {
        Some(Role::Client { plan }) => crowd::client::of_plan(plan),
        None => run(&arguments),
    };
    exit_code(done)
}

fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let seed = arguments.seed();
    let again = format!("ci/soak --time {}s --seed {seed}", arguments.time.as_secs());
    eprintln!("soak: seed {seed}; again: {again}");
    let machine = machine::description();
    let options = soak::Options {
        program: served::program(arguments.server.clone())?,
        seed,
        time: arguments.time,
        patience: Duration::from_secs(arguments.patience),
    };
    let soaked = soak::run(&options)?;
    if let Some(file) = &arguments.plot {
        let foot = format!("{again}; {machine}");
        plot::draw(file, &soaked.samples, &foot).with_context(|| file.display().to_string())?;
    }
    let network = "loopback".to_owned();
    let scenarios = vec![soaked.scenario];
    let report = Report { machine, network, seed, again, scenarios };
    println!("{}", report.markdown());
    if let Some(file) = &arguments.output {
        std::fs::write(file, report.markdown()).with_context(|| file.display().to_string())?;
    }
    if let Some(file) = &arguments.json {
        let all = serde_json::json!({ "report": report, "samples": soaked.samples });
        let text = serde_json::to_string_pretty(&all)?;
        std::fs::write(file, text).with_context(|| file.display().to_string())?;
    }
    if report.holds() {
        return Ok(0);
    }
    eprintln!("soak: a check does not hold; again: {}", report.again);
    Ok(1)
}
