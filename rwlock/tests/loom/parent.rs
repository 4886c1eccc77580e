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

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
const BEGIN: &str = "<!-- tables of ci/loom -->";
const END: &str = "<!-- end -->";
const MODEL_HEAD: &str = "| model | what | threads | preemption bound | executions |\n\
                          |---|---|---|---|---|\n";
const DEFECT_HEAD: &str =
    "\n| defect | rejected by | because | in execution |\n|---|---|---|---|\n";

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
    "a free lock was refused",
    "currently reading from cell",
];

pub(crate) fn run(args: Vec<String>) -> ExitCode {
    let args = Arguments::from_iter(std::iter::once("loom".to_owned()).chain(args));
    let lines = Lines::default();
    let mut trials = vec![Trial::test("every-defect-has-a-model", every_defect_has_a_model)];
    if std::env::var_os("LOCKPROOF_BLESS").is_none() {
        trials.push(Trial::test("readme-lists-all", readme_lists_all));
    }
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

/// Its line of the table, without the number of executions.
fn described(model: &Model) -> String {
    let bound = model.preemptions.map_or("none".to_owned(), |bound| bound.to_string());
    format!("| {} | {} | {} | {bound} |", model.name, model.what, model.threads)
}

fn readme_lists_all() -> Result<(), Failed> {
    let readme = std::fs::read_to_string(README)?;
    let defect = |(defect, model): &(Defect, &str)| format!("| {} | {model} |", defect.name());
    let lines = MODELS.iter().map(described).chain(REJECTIONS.iter().map(defect));
    match lines.into_iter().find(|line| !readme.contains(line.as_str())) {
        None => Ok(()),
        Some(line) => Err(format!("not in the README; ci/loom --bless adds it: {line}").into()),
    }
}

fn passes(model: &Model, place: usize, lines: &Lines) -> Result<(), Failed> {
    let end = explore(&["child", model.name])?;
    if !end.passed {
        return Err(end.output.into());
    }
    let line = format!("{} {} |", described(model), end.executions);
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

/// Prints both tables; with `LOCKPROOF_BLESS` set, writes them into the README.
fn publish(lines: &Lines) {
    let lines = lines.lock().unwrap();
    let mut tables = MODEL_HEAD.to_owned();
    for (place, line) in lines.iter() {
        if *place == MODELS.len() {
            tables += DEFECT_HEAD;
        }
        let _ = writeln!(tables, "{line}");
    }
    print!("{tables}");
    if std::env::var_os("LOCKPROOF_BLESS").is_some() {
        let readme = std::fs::read_to_string(README).expect("no README");
        let (before, rest) = readme.split_once(BEGIN).expect("no begin mark in the README");
        let (_, after) = rest.split_once(END).expect("no end mark in the README");
        let readme = format!("{before}{BEGIN}\n{tables}{END}{after}");
        std::fs::write(README, readme).expect("the README cannot be written");
    }
}
