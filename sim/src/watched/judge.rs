//! Runs in a process of their own, with a watch on the wall beside it: one that hangs is ended, one that dies is missed,
//! and the next run gets a new process.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::worker::{Answer, Order};
use super::{Halt, Program, Watch};
use crate::check::Kind;
use crate::run::{Outcome, Run};

/// A process is replaced after so many runs: what leaks in one does not add up.
const RUNS_OF_ONE: u32 = 500;

/// A thread that does nothing else answers within that.
const LAST_ANSWER: Duration = Duration::from_secs(20);

/// Lines of a process's last words that are kept.
const LAST_LINES: usize = 8;

/// How often who waits for an answer looks whether it is still wanted.
const LOOKS_EVERY: Duration = Duration::from_millis(50);

/// Has runs judged by processes, one after another.
#[derive(Debug)]
pub struct Judge {
    child: Option<Child>,
    watch: Watch,
}

impl Judge {
    /// Has no process yet.
    pub fn new(watch: Watch) -> Self {
        Self { child: None, watch }
    }

    /// What becomes of a run, whatever it does to its process.
    ///
    /// # Panics
    ///
    /// If no process can be started.
    pub fn outcome(&mut self, run: &Run) -> Outcome {
        self.ask(run, false).0
    }

    /// The same, with what happened; a run that came to no end has no recording.
    ///
    /// # Panics
    ///
    /// If no process can be started.
    pub fn recorded(&mut self, run: &Run) -> Answer {
        self.ask(run, true)
    }

    fn ask(&mut self, run: &Run, record: bool) -> Answer {
        let Watch { program, patience, halt } = &self.watch;
        let mut child = self.child.take().unwrap_or_else(|| Child::start(program));
        match child.ask(&(record, run), *patience, halt) {
            Ok(answer) => {
                child.left -= 1;
                self.child = Some(child).filter(|child| child.left > 0);
                answer
            }
            Err(RecvTimeoutError::Disconnected) => {
                (Outcome::cut_off(Kind::Died, child.last_words()), None)
            }
            Err(RecvTimeoutError::Timeout) if halt.is_called() => {
                (Outcome::cut_off(Kind::Hung, "it was not waited for".to_owned()), None)
            }
            Err(RecvTimeoutError::Timeout) => {
                (Outcome::cut_off(Kind::Hung, self.hung(child.virtual_time())), None)
            }
        }
    }

    fn hung(&self, at: Option<Duration>) -> String {
        let seconds = self.watch.patience.as_secs_f64();
        let at = at.map_or_else(String::new, |at| {
            format!(", and virtual time stands at {:.3} s", at.as_secs_f64())
        });
        format!(
            "it did not end within {seconds:.0} s of real time{at}: a task never rests, or the thread waits for itself"
        )
    }
}

/// A process that waits for runs.
#[derive(Debug)]
struct Child {
    process: std::process::Child,
    orders: ChildStdin,
    answers: Receiver<String>,
    words: Option<JoinHandle<String>>,
    left: u32,
}

impl Child {
    fn start(program: &Program) -> Self {
        Self::try_start(program).unwrap_or_else(|error| panic!("no process for the runs: {error}"))
    }

    fn try_start(program: &Program) -> std::io::Result<Self> {
        let mut process = program
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let missing = || std::io::Error::other("it has no pipes");
        let orders = process.stdin.take().ok_or_else(missing)?;
        let (stdout, stderr) =
            process.stdout.take().zip(process.stderr.take()).ok_or_else(missing)?;
        let (send, answers) = channel();
        std::thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| send.send(line))
        });
        let words = Some(std::thread::spawn(move || last_lines(stderr)));
        Ok(Self { process, orders, answers, words, left: RUNS_OF_ONE })
    }

    /// The answer to an order, if it comes within the limit; one that nobody wants any more counts as late.
    fn ask(
        &mut self,
        order: &Order<&Run>,
        limit: Duration,
        halt: &Halt,
    ) -> Result<Answer, RecvTimeoutError> {
        let line = serde_json::to_string(order).expect("a run is plain data");
        // One that is gone takes no orders, and gives no answer either.
        let _ = writeln!(self.orders, "{line}").and_then(|()| self.orders.flush());
        let begun = Instant::now();
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            match self.answers.recv_timeout(left.min(LOOKS_EVERY)) {
                Ok(line) => {
                    return Ok(serde_json::from_str(&line).expect("the same program wrote it"));
                }
                Err(RecvTimeoutError::Timeout) if left > LOOKS_EVERY && !halt.is_called() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// How far it is, if it still says so.
    fn virtual_time(&mut self) -> Option<Duration> {
        writeln!(self.orders).and_then(|()| self.orders.flush()).ok()?;
        let line = self.answers.recv_timeout(LAST_ANSWER).ok()?;
        line.parse().ok().map(Duration::from_micros)
    }

    /// How it ended, and what it said last.
    fn last_words(&mut self) -> String {
        let status =
            self.process.wait().map_or_else(|error| error.to_string(), |it| it.to_string());
        let words = self.words.take().and_then(|words| words.join().ok()).unwrap_or_default();
        let sep = if words.is_empty() { "" } else { "; it said: " };
        format!("its process ended in the middle ({status}){sep}{words}")
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may hang, so it is not asked.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn last_lines(stderr: impl Read) -> String {
    let mut last = VecDeque::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        last.push_back(line);
        if last.len() > LAST_LINES {
            last.pop_front();
        }
    }
    last.make_contiguous().join(" | ")
}
