//! A matrix as text, Markdown and JSON.

use std::fmt::Write;

use anstyle::Style;
use serde_json::{Map, Value, json};

use super::{Matrix, Row};
use crate::report::Verdict;
use crate::report::markdown::inline;

const HEAD: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();

/// Which rows a text lists below the summary.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rows {
    /// None: the summary alone.
    None,
    /// Where a query chose, all; else those that fail somewhere.
    Telling,
    /// All.
    All,
}

/// A head and lines below it; the first column is a name.
struct Table {
    head: Vec<String>,
    lines: Vec<Vec<String>>,
}

/// What a column has of some rows.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) judged: usize,
    pub(super) unasked: usize,
}

impl Tally {
    pub(super) fn of(rows: &[Row], column: usize) -> Self {
        let mut tally = Self::default();
        for verdict in rows.iter().filter_map(|row| *row.verdicts.get(column)?) {
            match verdict {
                Verdict::Unsupported => tally.unasked += 1,
                Verdict::Pass | Verdict::UnexpectedPass => {
                    tally.passed += 1;
                    tally.judged += 1;
                }
                _ => tally.judged += 1,
            }
        }
        tally
    }

    /// `22/23`, and ` –2` if two were not asked.
    pub(super) fn text(self) -> String {
        match (self.judged, self.unasked) {
            (0, 0) => "·".to_owned(),
            (0, unasked) => format!("–{unasked}"),
            (judged, 0) => format!("{}/{judged}", self.passed),
            (judged, unasked) => format!("{}/{judged} –{unasked}", self.passed),
        }
    }
}

const LEGEND: &str = "passed/judged; –N: so many not asked; ·: not in that report";

impl Matrix {
    /// For a terminal.
    pub fn human(&self, rows: Rows) -> String {
        let mut text = String::new();
        let width =
            self.columns.iter().map(|column| column.name.chars().count()).max().unwrap_or(0);
        for column in &self.columns {
            let (name, what) = (&column.name, &column.implementation);
            let _ = writeln!(
                text,
                "{HEAD}{name:<width$}{HEAD:#}  {what}  {QUIET}{}{QUIET:#}",
                column.target
            );
        }
        let _ = writeln!(text, "\n{}{QUIET}{LEGEND}{QUIET:#}", plain(&self.summary()));
        let listed = self.listed(rows);
        if !listed.is_empty() {
            let _ = write!(text, "\n{}", plain(&self.cases(&listed)));
        }
        let _ = writeln!(text, "\n{}", self.closing(rows, listed.len()));
        text
    }

    /// For forges.
    pub fn markdown(&self, rows: Rows) -> String {
        let mut text = String::new();
        for column in &self.columns {
            let (name, what) = (inline(&column.name), inline(&column.implementation));
            let _ = writeln!(text, "- **{name}**: {what}");
        }
        let _ = writeln!(text, "\n{}\n{LEGEND}", marked(&self.summary()));
        let listed = self.listed(rows);
        if !listed.is_empty() {
            let _ = write!(text, "\n{}", marked(&self.cases(&listed)));
        }
        let _ = writeln!(text, "\n{}", self.closing(rows, listed.len()));
        text
    }

    /// For programs: every row that was asked for, whether it passes or not.
    pub fn json(&self) -> String {
        let columns: Vec<Value> = self
            .columns
            .iter()
            .map(|one| json!({ "name": one.name, "implementation": one.implementation, "target": one.target }))
            .collect();
        let cases: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                let verdicts: Map<String, Value> = self
                    .columns
                    .iter()
                    .zip(&row.verdicts)
                    .map(|(column, verdict)| {
                        (column.name.clone(), verdict.map_or("absent", Verdict::name).into())
                    })
                    .collect();
                json!({ "id": row.id, "title": row.title, "level": row.level.name(), "verdicts": verdicts })
            })
            .collect();
        let groups: Vec<Value> = self.groups().map(|(name, rows)| self.group(name, rows)).collect();
        let document = json!({
            "schema": "lockproof.matrix/1",
            "columns": columns,
            "groups": groups,
            "cases": cases,
        });
        format!("{document:#}")
    }

    fn group(&self, name: &str, rows: &[Row]) -> Value {
        let tallies: Map<String, Value> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let Tally { passed, judged, unasked } = Tally::of(rows, index);
                let tally = json!({ "passed": passed, "judged": judged, "unsupported": unasked });
                (column.name.clone(), tally)
            })
            .collect();
        json!({ "group": name, "cases": rows.len(), "columns": tallies })
    }

    fn summary(&self) -> Table {
        let mut head = vec!["group".to_owned(), "cases".to_owned()];
        head.extend(self.columns.iter().map(|column| column.name.clone()));
        let line = |name: &str, rows: &[Row]| {
            let tallies = (0..self.columns.len()).map(|index| Tally::of(rows, index).text());
            [name.to_owned(), rows.len().to_string()].into_iter().chain(tallies).collect()
        };
        let mut lines: Vec<Vec<String>> =
            self.groups().map(|(name, rows)| line(name, rows)).collect();
        if lines.len() != 1 {
            lines.push(line("all", &self.rows));
        }
        Table { head, lines }
    }

    fn cases(&self, listed: &[&Row]) -> Table {
        let mut head = vec!["case".to_owned(), "level".to_owned()];
        head.extend(self.columns.iter().map(|column| column.name.clone()));
        let line = |row: &&Row| {
            let cells = row.verdicts.iter().map(|cell| cell.map_or("·", Verdict::name).to_owned());
            [row.id.clone(), row.level.name().to_owned()].into_iter().chain(cells).collect()
        };
        Table { head, lines: listed.iter().map(line).collect() }
    }

    fn listed(&self, rows: Rows) -> Vec<&Row> {
        let telling = |row: &&Row| match rows {
            Rows::None => false,
            Rows::Telling => self.asked || !row.passes(),
            Rows::All => true,
        };
        self.rows.iter().filter(telling).collect()
    }

    fn closing(&self, rows: Rows, listed: usize) -> String {
        let all = self.rows.len() + self.hidden;
        match rows {
            _ if self.asked => format!("{} of {all} cases match", self.rows.len()),
            Rows::Telling => {
                let fail = if listed == 1 { "fails" } else { "fail" };
                format!("{listed} of {all} cases {fail} somewhere; --all lists the others too")
            }
            Rows::None | Rows::All => format!("{all} cases"),
        }
    }
}

fn plain(table: &Table) -> String {
    let widths: Vec<usize> = (0..table.head.len())
        .map(|index| {
            let cells = table.lines.iter().chain([&table.head]).filter_map(|line| line.get(index));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        })
        .collect();
    let line = |cells: &[String]| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(text, "{cell:<width$}  ");
        }
        format!("{}\n", text.trim_end())
    };
    let head = format!("{QUIET}{}{QUIET:#}\n", line(&table.head).trim_end());
    head + &table.lines.iter().map(|cells| line(cells)).collect::<String>()
}

fn marked(table: &Table) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| inline(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule = format!("|{}\n", " --- |".repeat(table.head.len()));
    line(&table.head) + &rule + &table.lines.iter().map(|cells| line(cells)).collect::<String>()
}
