//! Starts the children, judges how they end, and writes the tables.

use crate::catalogue::{MODELS, Model, REJECTIONS};
use crate::child::EXECUTIONS;
use libtest_mimic::{Arguments, Failed, Trial};
use lockproof_rwlock::Defect;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex};

/// Lines of the tables by their place in the catalogue: models first.
type Lines = Arc<Mutex<BTreeMap<usize, String>>>;

/// What loom and the models say where something is wrong; another end of a child is no rejection.
const REASONS: &[&str] = &[
    "deadlock;",
    "Causality violation",
    "a reader saw half a write",
    "an update was lost",
    "was not seen after it",
    "passed a waiting writer",
    "passed the first",
    "came before",
    "not in the batch",
    "got in beside readers",
    "exceeded maximum number of branches",
];

pub(crate) fn run(args: Vec<String>) -> ExitCode {
    let args = Arguments::from_iter(std::iter::once("loom".to_owned()).chain(args));
    let lines = Lines::default();
    let mut trials = vec![Trial::test("every-defect-has-a-model", every_defect_has_a_model)];
    for (place, model) in MODELS.iter().enumerate() {
        let lines = Arc::clone(&lines);
        trials.push(Trial::test(model.name, move || passes(model, place, &lines)));
    }
    for (place, (defect, model)) in REJECTIONS.iter().enumerate() {
        let lines = Arc::clone(&lines);
        let name = format!("rejects-{}", defect.name());
        let place = MODELS.len() + place;
        trials.push(Trial::test(name, move || rejects(*defect, model, place, &lines)));
    }
    let conclusion = libtest_mimic::run(&args, trials);
    publish(&lines);
    conclusion.exit_code()
}

fn every_defect_has_a_model() -> Result<(), Failed> {
    let missing = |defect: &&Defect| !REJECTIONS.iter().any(|(known, _)| known == *defect);
    match Defect::ALL.iter().find(missing) {
        None => Ok(()),
        Some(defect) => Err(format!("no model for {}", defect.name()).into()),
    }
}

fn passes(model: &Model, place: usize, lines: &Lines) -> Result<(), Failed> {
    let end = explore(&["child", model.name])?;
    if !end.passed {
        return Err(end.output.into());
    }
    let bound = model.preemptions.map_or("none".to_owned(), |bound| bound.to_string());
    let line = format!(
        "| {} | {} | {} | {bound} | {} |",
        model.name, model.what, model.threads, end.executions
    );
    lines.lock().unwrap().insert(place, line);
    Ok(())
}

fn rejects(defect: Defect, model: &str, place: usize, lines: &Lines) -> Result<(), Failed> {
    let end = explore(&["child", model, defect.name()])?;
    if end.passed {
        return Err(
            format!("{model} passes {} in {} executions", defect.name(), end.executions).into()
        );
    }
    let Some(reason) = REASONS.iter().find(|reason| end.output.contains(**reason)) else {
        return Err(format!("died, but not of the defect: {}", end.output).into());
    };
    let reason = reason.trim_end_matches(';');
    let line = format!("| {} | {model} | {reason} | {} |", defect.name(), end.executions);
    lines.lock().unwrap().insert(place, line);
    Ok(())
}

/// How a child ended.
struct End {
    passed: bool,
    executions: u64,
    output: String,
}

fn explore(args: &[&str]) -> Result<End, Failed> {
    let child = Command::new(std::env::current_exe()?).args(args).output()?;
    let output = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    // A panic while a panic unwinds says the number once more; the first is where it was found.
    let executions = output.lines().find_map(|line| line.strip_prefix(EXECUTIONS));
    let executions = executions.and_then(|number| number.parse().ok());
    let executions = executions.ok_or_else(|| format!("no number of executions: {output}"))?;
    Ok(End { passed: child.status.success(), executions, output: output.into_owned() })
}

/// Prints both tables, and writes them where LOCKPROOF_LOOM_TABLE says.
fn publish(lines: &Lines) {
    let lines = lines.lock().unwrap();
    let mut tables = "| model | what | threads | preemption bound | executions |\n\
                      |---|---|---|---|---|\n"
        .to_owned();
    for (place, line) in lines.iter() {
        if *place == MODELS.len() {
            tables += "\n| defect | rejected by | because | in execution |\n|---|---|---|---|\n";
        }
        let _ = writeln!(tables, "{line}");
    }
    print!("{tables}");
    if let Ok(path) = std::env::var("LOCKPROOF_LOOM_TABLE") {
        std::fs::write(path, tables).expect("the table cannot be written");
    }
}
