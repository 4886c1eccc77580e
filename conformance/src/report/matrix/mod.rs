//! Several reports side by side: which implementation does what.
//!
//! A column is a report, a row a case; the verdict of a case is the worst of its deliveries. What is asked of the matrix
//! stands in `query`, how it is written in `forms` and `html`.

mod forms;
mod html;
mod query;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

pub use forms::Rows;
use query::Query;

use super::{Verdict, json};
use crate::session::Level;

/// The schema of several reports in a file.
const SEVERAL: &str = "lockproof.reports/1";

/// Reports that do not make a matrix, or a question that cannot be asked of it; in a sentence.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct MatrixError(String);

/// Reports side by side.
#[derive(Clone, Debug)]
pub struct Matrix {
    columns: Vec<Column>,
    rows: Vec<Row>,
    /// Rows that were not asked for, see [`Matrix::only`].
    hidden: usize,
    asked: bool,
}

/// One report.
#[derive(Clone, Debug)]
struct Column {
    name: String,
    implementation: String,
    target: String,
}

/// One case.
#[derive(Clone, Debug)]
struct Row {
    id: String,
    title: Option<String>,
    level: Level,
    /// A verdict for each column, unless that report does not have the case.
    verdicts: Vec<Option<Verdict>>,
}

/// What is read of a report; the rest is not needed here.
#[derive(Deserialize)]
struct Document {
    schema: String,
    target: String,
    implementation: String,
    cases: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    #[serde(default)]
    title: Option<String>,
    level: String,
    delivery: String,
    verdict: String,
}

impl Matrix {
    /// Puts reports side by side: the name of each, and its JSON document. A document may also be several reports with
    /// names of their own (`{"schema": "lockproof.reports/1", "reports": {NAME: REPORT, …}}`).
    ///
    /// # Errors
    ///
    /// A text that is no such report, a name twice or one that no query could say.
    pub fn of(reports: &[(String, String)]) -> Result<Self, MatrixError> {
        let (mut columns, mut rows): (Vec<Column>, BTreeMap<String, Row>) = Default::default();
        let parsed = reports.iter().map(|(name, text)| documents(name, text));
        let parsed = parsed.collect::<Result<Vec<_>, _>>()?.concat();
        let count = parsed.len();
        for (index, (name, value)) in parsed.into_iter().enumerate() {
            check_name(&name, &columns)?;
            let document = read(&name, value)?;
            for line in &document.cases {
                add(&mut rows, line, index, count)
                    .map_err(|what| MatrixError(format!("{name}: {what}")))?;
            }
            let Document { implementation, target, .. } = document;
            columns.push(Column { name, implementation, target });
        }
        Ok(Self { columns, rows: rows.into_values().collect(), hidden: 0, asked: false })
    }

    /// Keeps the rows that one of `queries` asks for; all of them if there is none.
    ///
    /// # Errors
    ///
    /// A query that cannot be read, or names a column that is not there.
    pub fn only(mut self, queries: &[String]) -> Result<Self, MatrixError> {
        if queries.is_empty() {
            return Ok(self);
        }
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let parsed: Result<Vec<Query>, String> =
            queries.iter().map(|query| Query::parse(query, &names)).collect();
        let parsed = parsed.map_err(MatrixError)?;
        let before = self.rows.len();
        self.rows.retain(|row| parsed.iter().any(|query| query.fits(&row.verdicts)));
        self.hidden += before - self.rows.len();
        self.asked = true;
        Ok(self)
    }

    /// Keeps the rows of these case ids or globs; all of them if there is none.
    ///
    /// # Errors
    ///
    /// What is no glob, or matches no case.
    pub fn of_cases(mut self, globs: &[String]) -> Result<Self, MatrixError> {
        if globs.is_empty() {
            return Ok(self);
        }
        let mut kept = BTreeSet::new();
        for text in globs {
            let glob = glob::Pattern::new(text)
                .map_err(|error| MatrixError(format!("`{text}` is not a glob: {error}")))?;
            let before = kept.len();
            kept.extend(self.rows.iter().map(|row| row.id.clone()).filter(|id| glob.matches(id)));
            if kept.len() == before && !self.rows.iter().any(|row| glob.matches(&row.id)) {
                return Err(MatrixError(format!("no case of these reports matches `{text}`")));
            }
        }
        self.rows.retain(|row| kept.contains(&row.id));
        Ok(self)
    }

    /// Verdicts that occur in a column.
    fn verdicts_of(&self, column: usize) -> Vec<Verdict> {
        let occurs = |verdict: &Verdict| {
            self.rows.iter().any(|row| row.verdicts.get(column) == Some(&Some(*verdict)))
        };
        Verdict::ALL.into_iter().filter(occurs).collect()
    }

    /// Rows by group, in order.
    fn groups(&self) -> impl Iterator<Item = (&str, &[Row])> {
        self.rows.chunk_by(|a, b| a.group() == b.group()).map(|rows| (rows[0].group(), rows))
    }
}

impl Row {
    /// `PROTOCOL/GROUP`
    fn group(&self) -> &str {
        self.id.rsplit_once('/').map_or(&self.id, |(group, _)| group)
    }

    fn protocol(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }

    /// Whether it passes wherever it was asked.
    fn passes(&self) -> bool {
        let sound = |verdict: &Verdict| matches!(verdict, Verdict::Pass | Verdict::Unsupported);
        self.verdicts.iter().flatten().all(sound)
    }
}

/// A name that a query can say, and that no other column has.
fn check_name(name: &str, columns: &[Column]) -> Result<(), MatrixError> {
    let plain = |c: char| c.is_alphanumeric() || "._+-".contains(c);
    if name.is_empty() || !name.chars().all(plain) || query::RESERVED.contains(&name) {
        return Err(MatrixError(format!(
            "`{name}` cannot be a column's name: letters, digits and . _ + - can, {} have a meaning; name it with NAME=FILE",
            query::RESERVED.join(", ")
        )));
    }
    if columns.iter().any(|column| column.name == name) {
        return Err(MatrixError(format!(
            "two columns are named `{name}`; name one of them with NAME=FILE"
        )));
    }
    Ok(())
}

/// What a file holds: a report, or several that have names.
fn documents(name: &str, text: &str) -> Result<Vec<(String, Value)>, MatrixError> {
    let mut value: Value = serde_json::from_str(text)
        .map_err(|error| MatrixError(format!("{name}: no JSON document: {error}")))?;
    if value["schema"] != SEVERAL {
        return Ok(vec![(name.to_owned(), value)]);
    }
    match value["reports"].take() {
        Value::Object(reports) => Ok(reports.into_iter().collect()),
        _ => Err(MatrixError(format!("{name}: a {SEVERAL} document without reports"))),
    }
}

fn read(name: &str, value: Value) -> Result<Document, MatrixError> {
    let schema = value["schema"].as_str().unwrap_or("none").to_owned();
    if schema != json::SCHEMA {
        return Err(MatrixError(format!(
            "{name}: not a report of this schema: {} expected, got {schema}; `lockproof check --output FILE.json` writes one",
            json::SCHEMA
        )));
    }
    let document: Document = serde_json::from_value(value)
        .map_err(|error| MatrixError(format!("{name}: not a {schema} document: {error}")))?;
    debug_assert_eq!(document.schema, schema, "read from the same field");
    let mut seen = BTreeSet::new();
    match document.cases.iter().find(|line| !seen.insert((&line.id, &line.delivery))) {
        Some(line) => Err(MatrixError(format!(
            "{name}: {} [{}] is there twice: a column is one server, so write a report for each",
            line.id, line.delivery
        ))),
        None => Ok(document),
    }
}

fn add(
    rows: &mut BTreeMap<String, Row>,
    line: &Line,
    column: usize,
    columns: usize,
) -> Result<(), String> {
    let Line { id, title, level, verdict, .. } = line;
    let verdict =
        Verdict::from_name(verdict).ok_or_else(|| format!("{id}: `{verdict}` is no verdict"))?;
    let level = Level::from_name(level).ok_or_else(|| format!("{id}: `{level}` is no level"))?;
    let row = rows.entry(id.clone()).or_insert_with(|| Row {
        id: id.clone(),
        title: title.clone(),
        level,
        verdicts: vec![None; columns],
    });
    if let Some(cell) = row.verdicts.get_mut(column) {
        *cell = cell.iter().copied().chain([verdict]).max_by_key(|one| one.weight());
    }
    Ok(())
}
