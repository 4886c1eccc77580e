//! Are the verdicts steady? Every case alone, twice in a row, in reverse order and a hundred at once, while all
//! processors are kept busy; tells which verdicts differ, and fails if one does.
//!
//! ```text
//! cargo run --release -p lockproof-conformance --example steady                  # the reference server
//! cargo run --release -p lockproof-conformance --example steady -- memcached://127.0.0.1:11211
//! cargo run --release -p lockproof-conformance --example steady -- --delivery all --at-once 200
//! ```

#[path = "../tests/steady/ways.rs"]
mod ways;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lockproof_conformance::replay::Delivery;
use lockproof_conformance::report::Verdict;
use lockproof_conformance::suite;
use lockproof_conformance::target::Target;
use tokio::runtime::Builder;
use ways::{Trip, Way, differing, reference_server};

const TIMEOUT: Duration = Duration::from_secs(5);
const SEED: u64 = 7;

fn main() -> ExitCode {
    let asked = match Asked::parse(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(problem) => {
            eprintln!("{problem}\nusage: steady [URL…] [--delivery NAME|all] [--at-once N]");
            return ExitCode::from(2);
        }
    };
    match travel(asked) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::from(3)
        }
    }
}

struct Asked {
    targets: Vec<Target>,
    deliveries: Vec<Delivery>,
    at_once: usize,
}

impl Asked {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut asked =
            Self { targets: Vec::new(), deliveries: vec![Delivery::Whole], at_once: 100 };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word}: a value is missing"));
            match word.as_str() {
                "--delivery" => {
                    let name = value()?;
                    let known = suite::deliveries(&name);
                    asked.deliveries = known.ok_or(format!("`{name}` is no delivery"))?;
                }
                "--at-once" => {
                    asked.at_once = value()?.parse().map_err(|error| format!("{word}: {error}"))?;
                }
                url => asked.targets.push(Target::parse(url).map_err(|error| error.to_string())?),
            }
        }
        Ok(asked)
    }
}

/// Whether all verdicts were steady.
fn travel(asked: Asked) -> Result<bool, String> {
    let threads = Builder::new_multi_thread().enable_all().build();
    let threads = threads.map_err(|error| error.to_string())?;
    let (_server, targets) = if asked.targets.is_empty() {
        let (server, targets) = threads.block_on(reference_server())?;
        (Some(server), targets)
    } else {
        (None, asked.targets)
    };
    let cases = suite::all().map_err(|error| error.to_string())?;
    let trip = Trip { targets, cases, deliveries: asked.deliveries, timeout: TIMEOUT, seed: SEED };
    let _busy = Busy::start();
    let (mut names, mut ways) = (Vec::new(), Vec::new());
    for way in [Way::Alone, Way::Again, Way::Reversed, Way::Together(asked.at_once)] {
        let begun = Instant::now();
        let verdicts = threads.block_on(trip.verdicts(way))?;
        let count =
            |wanted| verdicts.values().filter(|verdict| **verdict == wanted).count().to_string();
        let counts = Verdict::ALL.map(|verdict| (verdict, count(verdict)));
        let counts = counts.iter().filter(|(_, count)| count != "0");
        let counts: Vec<_> =
            counts.map(|(verdict, count)| format!("{count} {}", verdict.name())).collect();
        println!(
            "{:<12} {:>6.1} s  {}",
            heading(way),
            begun.elapsed().as_secs_f32(),
            counts.join(", ")
        );
        names.push(heading(way));
        ways.push(verdicts);
    }
    let lines = differing(&ways);
    for (case, delivery, verdicts) in &lines {
        println!("\n{case} ({})", delivery.name());
        for (name, verdict) in names.iter().zip(verdicts) {
            println!("  {name:<12} {}", verdict.map_or("not played", Verdict::name));
        }
    }
    println!("\n{} of {} verdicts differ", lines.len(), ways[0].len());
    Ok(lines.is_empty())
}

fn heading(way: Way) -> String {
    match way {
        Way::Alone => "alone".to_owned(),
        Way::Again => "again".to_owned(),
        Way::Reversed => "reversed".to_owned(),
        Way::Together(count) => format!("{count} at once"),
    }
}

/// Keeps all processors busy until it is dropped.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        for _ in 0..std::thread::available_parallelism().map_or(1, Into::into) {
            let over = over.clone();
            std::thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self(over)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
