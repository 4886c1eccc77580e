//! `--timeline FILE`: a run as a page to look at.

use std::path::Path;

use lockproof_sim::provenance;
use lockproof_sim::record::Recording;
use lockproof_sim::report::Report;
use lockproof_sim::run::{Outcome, Run};
use lockproof_sim::subject::Subject;
use lockproof_sim::timeline::Timeline;
use lockproof_sim::watched::Judge;

use crate::exit::Problem;

/// Draws the first failure that came to an end, or else the first run of all; says of what the picture is.
pub(super) fn of_report(
    path: &Path,
    report: &Report,
    subjects: &[Subject],
    judge: &mut Judge,
) -> Result<String, Problem> {
    let failures = report.swept.iter().flat_map(|swept| {
        swept.failures.iter().filter_map(|failure| {
            let recording = failure.recording.as_ref()?;
            Some((swept.name.as_str(), &failure.run, &failure.outcome, recording))
        })
    });
    let seed = report.seeds.start;
    let first = failures.into_iter().next();
    let Some((name, run, outcome, recording)) = first else {
        let subject = subjects.first().ok_or_else(|| Problem::usage("nothing to draw"))?;
        let (name, run) = (subject.name(), subject.with(report.server, seed));
        let (outcome, recording) = judge.recorded(&run);
        let again = report.again(&name, seed);
        return of_run(path, (&name, &again), &run, &outcome, recording.as_ref());
    };
    let again = report.again(name, run.seed);
    of_run(path, (name, &again), run, outcome, Some(recording))
}

/// Draws one run, by its name and the command for it; says of what the picture is.
pub(super) fn of_run(
    path: &Path,
    (name, again): (&str, &str),
    run: &Run,
    outcome: &Outcome,
    recording: Option<&Recording>,
) -> Result<String, Problem> {
    let Some(recording) = recording else {
        return Ok(format!(
            "no timeline: seed {} came to no end, so nothing is known of it",
            run.seed
        ));
    };
    let build = provenance::line();
    let page = Timeline { name, run, outcome, recording, again, build: &build }.html();
    let wrong = |error| Problem::usage(format!("{}: {error}", path.display()));
    std::fs::write(path, page).map_err(wrong)?;
    Ok(format!("timeline of {name} seed {}: {}", run.seed, path.display()))
}
