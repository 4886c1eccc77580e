//! The reference server beside memcached, in turn, on this machine: ratios of throughput, processor time, latency
//! and memory.
//!
//! This very program is also what it starts: `serve`, `null` and `burn` are for itself.

mod arguments;
mod cells;
mod growth;
mod growth_plot;
mod measure;
mod plot;
mod results;
mod role;
mod table;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use lockproof_benches::machine;

use arguments::{Arguments, Role};
use cells::{Cell, Contender};
use measure::{Sample, Stage};
use results::Results;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.role {
        Some(Role::Growth { rounds, time, up_to, ref json, ref plot }) => {
            let run = growth::Run { rounds, time: Duration::from_millis(time), up_to };
            growth::run(&run, json.as_deref(), plot.as_deref())
        }
        Some(Role::Serve { protocol, spin, threads, pages }) => {
            role::serve(protocol, spin, threads, pages)
        }
        Some(Role::Null { protocol }) => role::null(protocol),
        Some(Role::Burn) => role::burn(),
        None => match arguments.cells() {
            Ok(cells) => compare(&arguments, &cells),
            Err(error) => {
                eprintln!("error: {error:#}");
                return ExitCode::from(2);
            }
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn compare(arguments: &Arguments, cells: &[Cell]) -> anyhow::Result<()> {
    if arguments.list {
        for cell in cells {
            println!("{:<14} {}", cell.name, cell.title);
        }
        return Ok(());
    }
    let mut results = Results::new(machine::description(), arguments.rounds);
    println!("{}", results.heading());
    println!("{}", table::HEAD);
    let begun = Instant::now();
    for (index, cell) in cells.iter().enumerate() {
        progress(index, cells.len(), cell, begun.elapsed());
        let rounds = measured(cell, arguments).with_context(|| cell.name.to_owned())?;
        let judged = results.add(cell, rounds);
        println!("{}", table::row(judged));
    }
    println!("\n{}", table::details(&results));
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(&results)?;
        std::fs::write(file, text).with_context(|| file.display().to_string())?;
    }
    if let Some(file) = &arguments.plot {
        plot::draw(file, &results).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

fn measured(
    cell: &Cell,
    arguments: &Arguments,
) -> anyhow::Result<Vec<BTreeMap<Contender, Sample>>> {
    let mut stage = Stage::set(cell, Duration::from_millis(arguments.time))?;
    // Memory is the same every time, and to fill a server takes long.
    let rounds = if cell.is_of_memory() { arguments.rounds.min(3) } else { arguments.rounds };
    (0..rounds).map(|round| stage.round(round)).collect()
}

/// One line on standard error for each cell: which, and how long the rest may take.
fn progress(index: usize, count: usize, cell: &Cell, elapsed: Duration) {
    let left = match u32::try_from(index) {
        Ok(done) if done > 0 => {
            let each = elapsed / done;
            let left = each * u32::try_from(count - index).unwrap_or(1);
            format!(", about {} s left", left.as_secs())
        }
        _ => String::new(),
    };
    eprintln!("{} of {count}{left}: {} ({})", index + 1, cell.name, cell.title);
}
