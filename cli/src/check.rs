//! `lockproof check`

use lockproof_conformance::expectations::Expectations;
use lockproof_conformance::session::Level;
use lockproof_conformance::suite::{self, Selection};

use crate::arguments::{self, Check};
use crate::bless;
use crate::exit::{Done, Problem};
use crate::list;
use crate::play::{ExpectationsChoice, Play, deliveries, targets};

pub(crate) fn run(check: &Check) -> Done {
    let targets = targets(&check.targets)?;
    let all = suite::all().map_err(Problem::harness)?;
    let selection = Selection {
        cases: check.cases.clone(),
        levels: check.levels.iter().map(|level| level_of(*level)).collect(),
        servers: targets.iter().map(lockproof_conformance::target::Target::protocol).collect(),
        protocols: check.protocols.iter().map(|spoken| spoken.wire()).collect(),
    };
    let cases = selection.of(&all).map_err(Problem::usage)?;
    if check.list {
        return list::print(&cases, check.run.format);
    }
    for alias in selection.renamed() {
        anstream::eprintln!("note: {} is now called {}", alias.old, alias.new);
    }
    let play = Play {
        cases,
        run: &check.run,
        deliveries: deliveries(check.delivery),
        jobs: check.jobs,
        strict: check.strict,
        allow_flush: check.allow_flush,
        save: check.save.clone(),
        expectations: expectations(check)?,
        file: None,
        options: words(check),
    };
    let Some(file) = &check.bless else { return play.against(targets) };
    if targets.len() != 1 {
        return Err(Problem::usage("--bless is about one server: name one target"));
    }
    let report = play.judge(targets)?;
    let done = play.tell(&report)?;
    bless::write(file, &report, &all)?;
    Ok(done)
}

fn expectations(check: &Check) -> Result<ExpectationsChoice, Problem> {
    let path = match (&check.expectations, &check.bless) {
        (Some(path), _) => path,
        (None, Some(file)) if file.exists() => file,
        (None, Some(_)) => return Ok(ExpectationsChoice::None),
        (None, None) => return Ok(ExpectationsChoice::Bundled),
    };
    if path.as_os_str() == "none" {
        return Ok(ExpectationsChoice::None);
    }
    let bundled = Expectations::bundled().map_err(Problem::harness)?;
    let named = bundled.into_iter().find(|file| path.as_os_str() == file.name.as_str());
    let file = match named {
        Some(file) => file,
        None if path.exists() => Expectations::read(path).map_err(Problem::usage)?,
        None => {
            return Err(Problem::usage(format!(
                "{}: there is no such file, and the bundled ones are {}",
                path.display(),
                Expectations::bundled_names().join(", ")
            )));
        }
    };
    Ok(ExpectationsChoice::File(file))
}

/// The options that a command for one case needs to come to the same verdict.
fn words(check: &Check) -> Vec<String> {
    let mut words = check.run.words();
    words.extend(check.strict.then(|| "--strict".to_owned()));
    words.extend(check.allow_flush.then(|| "--allow-flush".to_owned()));
    if let Some(file) = check.expectations.as_ref().or(check.bless.as_ref()) {
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
