//! Coverage as people read it, as a table for documents, and as data.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::{Cover, Coverage, Line};
use crate::requirements::LEVELS;
use crate::wire::Protocol;

const BAD: Style = AnsiColor::Red.on_default().bold();
const QUIET: Style = Style::new().dimmed();
const HEAD: Style = Style::new().bold();

/// How many requirements of one protocol and level are tested in which way.
struct Sum {
    protocol: Protocol,
    level: &'static str,
    all: usize,
    covers: [usize; 4],
}

const COVERS: [Cover; 4] = [Cover::Cases, Cover::Elsewhere, Cover::Optional, Cover::Uncovered];

impl Coverage {
    /// As text with ANSI styles: every requirement with what tests it, then the sums. `only_uncovered`: only what nothing
    /// tests.
    pub fn human(&self, only_uncovered: bool) -> String {
        let mut text = String::new();
        for line in self.shown(only_uncovered) {
            let (id, requirement) = (&line.id, &line.requirement);
            let _ =
                writeln!(text, "{HEAD}{id}{HEAD:#}  {}  {}", requirement.level, requirement.text);
            text.push_str(&tested_by(line));
        }
        for fault in &self.faults {
            let _ = writeln!(text, "{BAD}FAULT{BAD:#}  {fault}");
        }
        self.human_sums(&mut text);
        text
    }

    fn human_sums(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "  {QUIET}protocol   level   requirements  cases  elsewhere  optional  uncovered{QUIET:#}"
        );
        for Sum { protocol, level, all, covers: [cases, elsewhere, optional, uncovered] } in
            self.sums()
        {
            let style = if uncovered > 0 { BAD } else { Style::new() };
            let name = protocol.name();
            let _ = writeln!(
                text,
                "  {name:<9}  {level:<6}  {all:>12}  {cases:>5}  {elsewhere:>9}  {optional:>8}  {style}{uncovered:>9}{style:#}"
            );
        }
    }

    /// As tables in Markdown.
    pub fn markdown(&self, only_uncovered: bool) -> String {
        let mut text = "| requirement | level | tested by |\n| --- | --- | --- |\n".to_owned();
        for line in self.shown(only_uncovered) {
            let by = match line.cover() {
                Cover::Cases => code(&line.cases),
                Cover::Elsewhere => line.mark.as_ref().map_or_else(String::new, |mark| {
                    format!("{}: {}", mark.reason.replace('|', "\\|"), code(&mark.covered_by))
                }),
                Cover::Optional => "nothing; it may be left out".to_owned(),
                Cover::Uncovered => "**nothing**".to_owned(),
            };
            let _ = writeln!(text, "| {} | {} | {by} |", line.id, line.requirement.level);
        }
        text.push_str(
            "\n| protocol | level | requirements | cases | elsewhere | optional | uncovered |\n",
        );
        text.push_str("| --- | --- | --: | --: | --: | --: | --: |\n");
        for sum in self.sums() {
            let counts = sum.covers.map(|count| count.to_string()).join(" | ");
            let (protocol, level, all) = (sum.protocol.name(), sum.level, sum.all);
            let _ = writeln!(text, "| {protocol} | {level} | {all} | {counts} |");
        }
        for fault in &self.faults {
            let _ = writeln!(text, "\n**Fault:** {fault}");
        }
        text
    }

    /// As one JSON document, schema `lockproof.coverage/1`.
    pub fn json(&self, only_uncovered: bool) -> String {
        let requirements: Vec<_> = self.shown(only_uncovered).map(|line| {
            serde_json::json!({
                "id": line.id,
                "protocol": line.requirement.protocol.name(),
                "level": line.requirement.level,
                "text": line.requirement.text,
                "cover": line.cover().name(),
                "cases": line.cases,
                "reason": line.mark.as_ref().map(|mark| &mark.reason),
                "tests": line.mark.as_ref().map(|mark| mark.covered_by.as_slice()).unwrap_or_default(),
            })
        }).collect();
        let totals: Vec<_> = self
            .sums()
            .map(|Sum { protocol, level, all, covers }| {
                let mut sum = serde_json::json!({ "protocol": protocol.name(), "level": level, "requirements": all });
                for (cover, count) in COVERS.iter().zip(covers) {
                    sum[cover.name()] = count.into();
                }
                sum
            })
            .collect();
        let document = serde_json::json!({
            "schema": "lockproof.coverage/1",
            "complete": self.is_complete(),
            "requirements": requirements,
            "totals": totals,
            "faults": self.faults,
        });
        format!("{document:#}")
    }

    fn shown(&self, only_uncovered: bool) -> impl Iterator<Item = &Line> {
        let untested = |line: &Line| matches!(line.cover(), Cover::Optional | Cover::Uncovered);
        self.lines.iter().filter(move |line| !only_uncovered || untested(line))
    }

    /// Every protocol and level that has requirements.
    fn sums(&self) -> impl Iterator<Item = Sum> {
        let kinds =
            Protocol::ALL.into_iter().flat_map(|protocol| LEVELS.map(|level| (protocol, level)));
        let sums = kinds.map(|(protocol, level)| {
            let fits = |line: &&Line| {
                line.requirement.protocol == protocol && line.requirement.level == level
            };
            let lines: Vec<&Line> = self.lines.iter().filter(fits).collect();
            let count = |cover| lines.iter().filter(|line| line.cover() == cover).count();
            Sum { protocol, level, all: lines.len(), covers: COVERS.map(count) }
        });
        sums.filter(|sum| sum.all > 0)
    }
}

/// What tests a requirement, one line each.
fn tested_by(line: &Line) -> String {
    let mut text = String::new();
    match line.cover() {
        Cover::Cases => {
            for case in &line.cases {
                let _ = writeln!(text, "  {QUIET}{case}{QUIET:#}");
            }
        }
        Cover::Elsewhere => {
            if let Some(mark) = &line.mark {
                let _ = writeln!(text, "  not on the wire: {}", mark.reason);
                for test in &mark.covered_by {
                    let _ = writeln!(text, "  {QUIET}{test}{QUIET:#}");
                }
            }
        }
        Cover::Optional => text.push_str("  nothing; it may be left out\n"),
        Cover::Uncovered => {
            let _ = writeln!(text, "  {BAD}UNCOVERED{BAD:#}");
        }
    }
    text
}

fn code(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join("<br>")
}
