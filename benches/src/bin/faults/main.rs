//! Real faults against `lockproof serve`: plays the scenarios, and says what came of them.
//!
//! This very program is also what it starts: `client` is a process of clients, for itself.

mod arguments;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use lockproof_benches::faults::network::{self, Network};
use lockproof_benches::faults::report::Report;
use lockproof_benches::faults::{Stage, crowd, descriptors, exit_code, play, process};
use lockproof_benches::machine;

use arguments::{Arguments, Role};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.role {
        Some(Role::Client { plan }) => crowd::client::of_plan(plan),
        None => faults(&arguments),
    };
    exit_code(done)
}

fn faults(arguments: &Arguments) -> anyhow::Result<u8> {
    if let Some(wrong) = arguments.unknown() {
        eprintln!("error: {wrong}");
        return Ok(2);
    }
    process::allow_descriptors(descriptors(arguments.scale))?;
    let seed = arguments.seed();
    if arguments.loopback.is_none()
        && let Some(code) = network::enter(&arguments.missing_seed(seed))?
    {
        return Ok(code);
    }
    let network = arguments.loopback.clone().map_or_else(Network::here, Network::Loopback);
    network::prepare(&network)?;
    let stage = Stage { network, seed, ..arguments.stage()? };
    let again = arguments.again(seed);
    eprintln!("faults: seed {seed}; {}", stage.network.description());
    let machine = machine::description();
    let scenarios = play(&stage, &arguments.only);
    let network = stage.network.description();
    let report = Report { machine, network, seed, again, scenarios };
    println!("{}", report.markdown());
    if let Some(file) = &arguments.output {
        std::fs::write(file, report.markdown()).with_context(|| file.display().to_string())?;
    }
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, text).with_context(|| file.display().to_string())?;
    }
    if report.holds() {
        return Ok(0);
    }
    eprintln!("faults: a check does not hold; again: {}", report.again);
    Ok(1)
}
