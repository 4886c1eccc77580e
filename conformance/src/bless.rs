//! An expectations file made true again: what fails gets a line, what passes loses its line, and nothing else changes.
//!
//! Conservative: comments, order and every other line stay as they are, a line that says `flaky` is not touched, and what
//! cannot be decided (a glob of which a part passes) is left and told. Reasons have to be written by somebody: a line that
//! is added asks for one.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use crate::expectations::{Expectation, Expectations, ExpectationsError, ExpectedVerdict};
use crate::replay::Delivery;
use crate::report::{CaseReport, Report, Verdict};
use crate::suite::Case;

/// How the reason of an added line begins.
pub const BLESSED: &str = "blessed on ";

/// What became of a file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Blessed {
    /// The file's new text.
    pub text: String,
    /// Cases that got a line.
    pub added: Vec<String>,
    /// Lines that are gone.
    pub removed: Vec<String>,
    /// Lines that are about fewer deliveries than before.
    pub narrowed: Vec<String>,
    /// What somebody has to look at, in a sentence each.
    pub left: Vec<String>,
}

/// Why a run cannot be blessed.
#[derive(Debug, thiserror::Error)]
pub enum BlessError {
    /// The file is not as it should be.
    #[error(transparent)]
    File(#[from] ExpectationsError),
    /// The file is no TOML that can be edited.
    #[error("{0}: {1}")]
    Malformed(String, toml_edit::TomlError),
    /// The lines are not tables of their own.
    #[error("{0}: `expect` is no list of [[expect]] tables: write it so, then bless")]
    Inline(String),
    /// The suite could not do its work, so its verdicts mean nothing.
    #[error("nothing was blessed: the suite itself failed in {0}; see the report")]
    Harness(String),
}

/// A new file's text about that implementation.
pub fn new_file(implementation: &str) -> String {
    let mut text = DocumentMut::new();
    text["implementation"] = value(implementation);
    text.to_string()
}

/// Makes the file of that `name` and `text` true of a run. `all` are the suite's cases; `date` is for the reasons.
///
/// # Errors
///
/// The file cannot be read, or the run is no basis for a verdict.
pub fn bless(
    name: &str,
    text: &str,
    report: &Report,
    all: &[Arc<Case>],
    date: &str,
) -> Result<Blessed, BlessError> {
    if let Some(broken) = report.cases.iter().find(|case| case.verdict == Verdict::Error) {
        return Err(BlessError::Harness(broken.id.clone()));
    }
    let expectations = Expectations::parse(name, text)?;
    let mut document: DocumentMut =
        text.parse().map_err(|error| BlessError::Malformed(name.to_owned(), error))?;
    let mut blessed = Blessed::default();
    let tables = document.entry("expect").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let tables =
        tables.as_array_of_tables_mut().ok_or_else(|| BlessError::Inline(name.to_owned()))?;
    let mut behind = String::new();
    // From the back, so that the places of the others stay.
    for (index, line) in expectations.lines.iter().enumerate().rev() {
        match fate(line, index, &expectations, report, all) {
            Fate::Stays => {}
            Fate::Left(why) => blessed.left.push(format!("{name}:{}: {why}", line.line)),
            Fate::Narrowed(deliveries) => {
                if let Some(table) = tables.get_mut(index) {
                    table["deliveries"] = value(words(&deliveries));
                }
                blessed.narrowed.push(line.case.clone());
            }
            Fate::Removed => {
                remove(tables, index, &mut behind);
                blessed.removed.push(line.case.clone());
            }
        }
    }
    for (case, (first, deliveries)) in failed(report) {
        tables.push(added(first, &deliveries, report, date));
        blessed.added.push(case.to_owned());
    }
    for list in [&mut blessed.removed, &mut blessed.narrowed, &mut blessed.left] {
        list.reverse();
    }
    let changes = [&blessed.added, &blessed.removed, &blessed.narrowed];
    blessed.text = if changes.iter().all(|list| list.is_empty()) {
        text.to_owned()
    } else {
        let trailing = document.trailing().as_str().unwrap_or_default().to_owned();
        document.set_trailing(format!("{behind}{trailing}"));
        document.to_string()
    };
    Ok(blessed)
}

/// What happens to a line.
enum Fate {
    Stays,
    Removed,
    Narrowed(Vec<Delivery>),
    Left(String),
}

fn fate(
    line: &Expectation,
    index: usize,
    expectations: &Expectations,
    report: &Report,
    all: &[Arc<Case>],
) -> Fate {
    if line.verdict == ExpectedVerdict::Flaky {
        return Fate::Stays;
    }
    // A case that an earlier line is about is not this line's affair.
    let is_about = |id: &str, delivery| {
        expectations
            .lines
            .iter()
            .position(|line| line.names(id) && line.deliveries.contains(&delivery))
            == Some(index)
    };
    let passed: Vec<(&str, Delivery)> = report
        .cases
        .iter()
        .filter(|case| case.verdict == Verdict::UnexpectedPass && is_about(&case.id, case.delivery))
        .map(|case| (case.id.as_str(), case.delivery))
        .collect();
    let named: Vec<&str> = all.iter().map(|case| case.id()).filter(|id| line.names(id)).collect();
    let rest = |id: &&str| -> Vec<Delivery> {
        let stays =
            |delivery: &&Delivery| is_about(id, **delivery) && !passed.contains(&(*id, **delivery));
        line.deliveries.iter().filter(stays).copied().collect()
    };
    match (&passed[..], &named[..]) {
        ([], _) => Fate::Stays,
        (_, named) if named.iter().all(|id| rest(id).is_empty()) => Fate::Removed,
        (_, [only]) => Fate::Narrowed(rest(only)),
        (_, named) => Fate::Left(format!(
            "of the {} cases of `{}` not all passed, or not all were run; write the others out",
            named.len(),
            line.case
        )),
    }
}

/// Takes a table out; the comments above it stay where they were.
fn remove(tables: &mut ArrayOfTables, index: usize, behind: &mut String) {
    let prefix = tables.get(index).and_then(|table| table.decor().prefix()?.as_str());
    let prefix = prefix.unwrap_or_default().to_owned();
    tables.remove(index);
    if !prefix.contains('#') {
        return;
    }
    let Some(next) = tables.get_mut(index) else {
        *behind = format!("{}\n{behind}", prefix.trim_end());
        return;
    };
    let own = next.decor().prefix().and_then(|own| own.as_str()).unwrap_or_default().to_owned();
    next.decor_mut().set_prefix(format!("{}\n{own}", prefix.trim_end()));
}

/// The cases that failed without a line about them, each with its first failure and the deliveries.
fn failed(report: &Report) -> BTreeMap<&str, (&CaseReport, Vec<Delivery>)> {
    let mut failed: BTreeMap<&str, (&CaseReport, Vec<Delivery>)> = BTreeMap::new();
    for case in report.cases.iter().filter(|case| case.verdict == Verdict::Fail) {
        failed.entry(&case.id).or_insert((case, Vec::new())).1.push(case.delivery);
    }
    failed
}

/// The line about a case that failed, which asks for a reason.
fn added(case: &CaseReport, deliveries: &[Delivery], report: &Report, date: &str) -> Table {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    table["case"] = value(&case.id);
    table["verdict"] = value("fail");
    table["reason"] = value(format!(
        "{BLESSED}{date} with {}: {}; say why, with a reference ({})",
        report.implementation,
        case.detail.as_deref().unwrap_or("it failed"),
        case.spec.first().map_or("a requirement", String::as_str),
    ));
    if deliveries.len() < Delivery::ALL.len() {
        table["deliveries"] = value(words(deliveries));
    }
    table
}

fn words(deliveries: &[Delivery]) -> Array {
    deliveries.iter().map(|delivery| delivery.name()).collect()
}
