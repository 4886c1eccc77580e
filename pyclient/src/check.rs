//! The conformance suite, against any server.

use std::time::{Duration, Instant, SystemTime};

use lockproof_conformance::expectations::Expectations;
use lockproof_conformance::replay::Delivery;
use lockproof_conformance::report::matrix::{Matrix, Rows};
use lockproof_conformance::report::{Form, Report};
use lockproof_conformance::runner::{self, Plan};
use lockproof_conformance::suite::{self, Case, Selection};
use lockproof_conformance::target::Target;
use lockproof_conformance::venue::Venue;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::sync::Arc;
use tokio::runtime::Builder;

use crate::arguments;
use crate::errors::failure;

/// Cases that work at the same time, as many as `lockproof check` has.
const JOBS: usize = 32;

/// Nothing is played after that.
const MAX_TIME: Duration = Duration::from_mins(10);

/// Runs the suite against a target (`memcached://127.0.0.1:11211`), and returns the exit code that the program would
/// have, the report as JSON, and as text for people. No cases means all of the protocol.
#[pyfunction]
pub(crate) fn check(
    py: Python<'_>,
    target: &str,
    cases: Vec<String>,
    deliveries: Vec<String>,
    timeout: f64,
    seed: u64,
) -> PyResult<(u8, String, String)> {
    let timeout = arguments::patience(Some(timeout))?;
    let target = Target::parse(target).map_err(|error| refused(&error))?;
    let all = suite::all().map_err(|error| broken(&error))?;
    let selection =
        Selection { cases, servers: [target.protocol()].into(), ..Selection::default() };
    let cases = selection.of(&all).map_err(|error| refused(&error))?;
    if cases.is_empty() {
        return Err(PyValueError::new_err(
            "none of the selected cases is of the target's protocol",
        ));
    }
    let deliveries = deliveries.iter().map(|name| {
        let unknown = || PyValueError::new_err(format!("no such delivery: {name}"));
        Delivery::from_name(name).ok_or_else(unknown)
    });
    let deliveries: Vec<Delivery> = deliveries.collect::<PyResult<_>>()?;
    let plan =
        Plan { deliveries, jobs: JOBS, timeout, max_time: MAX_TIME, seed, allow_flush: false };
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| broken(&error))?;
    let report = py.detach(|| runtime.block_on(judge(target, &cases, &plan)));
    let report = report.map_err(|text| failure(py, "connection", &text, false, None))?;
    let code = report.outcome().exit_code();
    Ok((code, report.written(Form::Json), report.written(Form::Human)))
}

/// Reports side by side, for people: the name of each and its JSON document, which may also be several reports
/// (`lockproof.reports/1`).
#[pyfunction]
pub(crate) fn matrix(py: Python<'_>, reports: Vec<(String, String)>) -> PyResult<String> {
    let matrix = py.detach(|| Matrix::of(&reports));
    Ok(matrix.map_err(|error| refused(&error))?.human(Rows::Telling))
}

async fn judge(target: Target, cases: &[Arc<Case>], plan: &Plan) -> Result<Report, String> {
    let (began, clock) = (SystemTime::now(), Instant::now());
    let mut venue = Venue::new(target, plan.timeout).await.map_err(|error| error.to_string())?;
    let bundled = Expectations::bundled().map_err(|error| error.to_string())?;
    venue.expectations = bundled.into_iter().find(|file| file.is_about(&venue.profile));
    let target = venue.target().url.clone();
    let implementation = venue.profile.implementation.clone();
    let speaks = venue.profile.speaks.clone();
    let cases = runner::run(vec![venue], cases, plan, &|_| ()).await;
    Ok(Report {
        target,
        implementation,
        speaks,
        seed: plan.seed,
        strict: false,
        began,
        millis: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
        cases,
        file: None,
        options: Vec::new(),
        unused_expectations: Vec::new(),
    })
}

fn refused(error: &dyn std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn broken(error: &dyn std::fmt::Display) -> PyErr {
    PyRuntimeError::new_err(error.to_string())
}
