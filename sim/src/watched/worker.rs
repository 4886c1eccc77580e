//! A process that runs what it is told: a line on standard input is a run, a line on standard output what became of it.
//! An empty line asks how far it is, in virtual microseconds.
//!
//! It ends with its standard input, whatever it is busy with: one that hangs must not outlive who watches it.

use std::io::{BufRead, Write, stdin, stdout};
use std::process::exit;
use std::sync::{Arc, mpsc};

use crate::record::Recording;
use crate::run::{Clock, Outcome, Run};

/// What a worker is told: whether to record, and the run.
pub(super) type Order<R> = (bool, R);

/// What it answers: what became of the run, and the recording if that was asked for.
pub type Answer = (Outcome, Option<Recording>);

/// Serves until nobody asks any more, and then ends the process.
pub fn serve() -> std::io::Result<()> {
    let (send, orders) = mpsc::channel();
    let clock = Arc::new(Clock::default());
    let seen = Arc::clone(&clock);
    std::thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            if line.is_empty() {
                let _ = say(&seen.now().as_micros().to_string());
            } else if send.send(line).is_err() {
                break;
            }
        }
        exit(0);
    });
    for line in orders {
        let (record, run): Order<Run> = serde_json::from_str(&line)?;
        let answer: Answer = if record {
            let (outcome, recording) = run.recorded(&clock);
            (outcome, Some(recording))
        } else {
            (run.watched(&clock), None)
        };
        let answer = serde_json::to_string(&answer)?;
        say(&answer)?;
    }
    Ok(())
}

fn say(line: &str) -> std::io::Result<()> {
    let mut stdout = stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
