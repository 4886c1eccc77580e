//! `lockproof check`

use lockproof_conformance::expectations::Expectations;
use lockproof_conformance::session::Level;
use lockproof_conformance::suite::{self, Selection};

use crate::arguments::{self, Check};
use crate::exit::{Done, Problem};
use crate::list;
use crate::play::{ExpectationsChoice, Play, deliveries, targets};

pub(crate) fn run(check: &Check) -> Done {
    let targets = targets(&check.targets)?;
    let all = suite::all().map_err(Problem::harness)?;
    let selection = Selection {
        cases: check.cases.clone(),
        levels: check.levels.iter().map(|level| level_of(*level)).collect(),
        protocols: targets.iter().map(lockproof_conformance::target::Target::protocol).collect(),
    };
    let cases = selection.of(&all).map_err(Problem::usage)?;
    if check.list {
        return list::print(&cases, check.run.format);
    }
    let expectations = match &check.expectations {
        None => ExpectationsChoice::Bundled,
        Some(path) if path.as_os_str() == "none" => ExpectationsChoice::None,
        Some(path) => ExpectationsChoice::File(Expectations::read(path).map_err(Problem::usage)?),
    };
    let play = Play {
        cases,
        run: &check.run,
        deliveries: deliveries(check.delivery),
        jobs: check.jobs,
        strict: check.strict,
        allow_flush: check.allow_flush,
        save: check.save.clone(),
        expectations,
        file: None,
        options: words(check),
    };
    play.against(targets)
}

/// The options that a command for one case needs to come to the same verdict.
fn words(check: &Check) -> Vec<String> {
    let mut words = check.run.words();
    words.extend(check.strict.then(|| "--strict".to_owned()));
    words.extend(check.allow_flush.then(|| "--allow-flush".to_owned()));
    if let Some(file) = &check.expectations {
        words.extend(["--expectations".to_owned(), file.display().to_string()]);
    }
    words
}

const fn level_of(level: arguments::Level) -> Level {
    match level {
        arguments::Level::Must => Level::Must,
        arguments::Level::Should => Level::Should,
        arguments::Level::DeFacto => Level::DeFacto,
        arguments::Level::Info => Level::Info,
    }
}
