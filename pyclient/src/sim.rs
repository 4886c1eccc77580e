//! The simulator: seeds in child processes, and what became of them.

use std::any::Any;
use std::ffi::OsString;
use std::ops::Range;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lockproof_sim::known_bad::KnownBad;
use lockproof_sim::provenance;
use lockproof_sim::report::{Counts, Merged, Report, again};
use lockproof_sim::scenario::Scenario;
use lockproof_sim::server::Server;
use lockproof_sim::subject::{SWARM, Subject};
use lockproof_sim::sweep::Order;
use lockproof_sim::watched::{self, Halt, Judge, Program, Watch};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::arguments;

/// How often who waits for a sweep looks whether a signal came.
const LOOKS_EVERY: Duration = Duration::from_millis(50);

/// Exit code, report as JSON, report for people.
type Found = (u8, String, String);

/// A failing seed: scenario, seed, what did not hold, and the command that runs it again.
type News = (String, u64, String, String);

/// Runs seeds, `jobs` at a time, each in a process that is started by the command `worker` and calls [`sim_worker`].
/// `tell` is called with each failing seed as soon as it is found.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of Python's")]
pub(crate) fn simulate(
    py: Python<'_>,
    names: Vec<String>,
    seeds: (u64, u64),
    server: &str,
    jobs: usize,
    watchdog: f64,
    worker: Vec<OsString>,
    tell: Option<Py<PyAny>>,
) -> PyResult<Found> {
    let subjects = Subject::of_names(&names).map_err(|name| {
        PyValueError::new_err(format!(
            "no scenario is named {name:?}; lockproof.sim.scenarios() has all"
        ))
    })?;
    let server = Server::from_name(server).ok_or_else(|| {
        PyValueError::new_err(format!(
            "no server is named {server:?}; lockproof.sim.servers() has all"
        ))
    })?;
    let (path, arguments) = worker
        .split_first()
        .map(|(path, rest)| (path.clone(), rest.to_vec()))
        .ok_or_else(|| PyValueError::new_err("no command for the processes of the runs"))?;
    let patience = arguments::patience(Some(watchdog))?;
    let halt = Halt::default();
    let watch = Watch { program: Program { path, arguments }, patience, halt: halt.clone() };
    let (send, news) = channel();
    // Nobody else takes it; but what waits without the interpreter's lock must be fit for any thread.
    let news = Mutex::new(news);
    let next = || news.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LOOKS_EVERY);
    let seeds = seeds.0..seeds.1;
    let told = tell.is_some();
    let running = Running {
        halt,
        thread: Some(std::thread::spawn(move || {
            swept(server, &subjects, seeds, jobs, &watch, |failed| {
                if told {
                    let _ = send.send(failed);
                }
            })
        })),
    };
    loop {
        match py.detach(next) {
            Ok(failed) => {
                if let Some(tell) = &tell {
                    tell.call1(py, failed)?;
                }
            }
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    running.found(py)
}

fn swept(
    server: Server,
    subjects: &[Subject],
    seeds: Range<u64>,
    jobs: usize,
    watch: &Watch,
    tell: impl Fn(News) + Sync,
) -> Found {
    let begun = Instant::now();
    let order =
        Order { seeds, subjects: subjects.len(), jobs, until: None, halt: watch.halt.clone() };
    let found = watched::sweep(&order, server, subjects, watch, |swept, subject, seed| {
        let outcome = swept.subjects.get(subject).and_then(|it| it.failed.get(&seed));
        let Some(worst) = outcome.and_then(|outcome| outcome.violations.first()) else { return };
        let name = subjects[subject].name();
        let command = again(server, &name, seed);
        tell((name, seed, worst.to_string(), command));
    });
    let took = begun.elapsed();
    let report = Report::of(server, subjects, found, took, &mut Judge::new(watch.clone()));
    (report.counts().code(), report.json().to_string(), report.human())
}

/// A sweep on its way; what is dropped runs no further, and leaves no process behind.
struct Running {
    halt: Halt,
    thread: Option<JoinHandle<Found>>,
}

impl Running {
    fn found(mut self, py: Python<'_>) -> PyResult<Found> {
        let Some(thread) = self.thread.take() else {
            return Err(PyRuntimeError::new_err("the sweep was taken already"));
        };
        let found = py.detach(|| thread.join());
        found.map_err(|panic| PyOSError::new_err(words(&*panic)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.halt.call();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("the simulator failed").to_owned()
}

/// Serves runs on standard input until it ends, and then ends the process.
#[pyfunction]
pub(crate) fn sim_worker(py: Python<'_>) -> PyResult<()> {
    Ok(py.detach(watched::serve)?)
}

/// Makes one report of several, which have names for complaints. A report of no runs is inconclusive.
#[pyfunction]
pub(crate) fn sim_merge(py: Python<'_>, reports: Vec<(String, String)>) -> PyResult<Found> {
    let merged = py.detach(|| {
        let whole = Merged::of(&reports, false)?;
        let code = Counts::code(whole.counts());
        Ok::<_, String>((code, whole.json().to_string(), whole.human()))
    });
    merged.map_err(PyValueError::new_err)
}

/// What the simulator was built of, as JSON.
#[pyfunction]
pub(crate) fn sim_build() -> String {
    provenance::json().to_string()
}

/// Names of what can be run, and of the servers that can serve.
#[pyfunction]
pub(crate) fn sim_names() -> (Vec<String>, Vec<String>) {
    let scenarios = Scenario::all().map(|it| it.name()).chain([SWARM.to_owned()]);
    let flawed = KnownBad::every().map(|flaw| flaw.name().to_owned());
    (scenarios.collect(), ["reference".to_owned()].into_iter().chain(flawed).collect())
}
