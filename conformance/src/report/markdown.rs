//! The report as Markdown, for summaries on forges: the table first, then each failure behind a fold.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::failure::Ink;
use super::{CaseReport, Report, Verdict};
use crate::requirements;

/// Failures shown in full: forges cut long texts.
const SHOWN: usize = 20;

impl Report {
    /// The report as Markdown, as GitHub and GitLab read it.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "## {}: {}\n", inline(&self.implementation), self.verdict());
        self.table(&mut text);
        let _ = writeln!(
            text,
            "\n{}{} · {} · seed {} · deliveries: {}",
            self.verdict(),
            self.why(),
            self.effort(),
            self.seed,
            self.deliveries().join(", ")
        );
        let grouped = self.grouped();
        if !grouped.is_empty() {
            text.push_str("\n### Failures\n");
        }
        grouped.iter().take(SHOWN).for_each(|lines| self.fold(&mut text, lines));
        if grouped.len() > SHOWN {
            text.push_str("\n### More failures\n\n");
        }
        for case in grouped.iter().skip(SHOWN).filter_map(|lines| lines.first()) {
            let _ = writeln!(text, "- {} ({})", inline(&case.id), case.level.name());
        }
        if !self.unused_expectations.is_empty() {
            text.push_str("\n### Expectations\n\n");
        }
        for line in &self.unused_expectations {
            let _ = writeln!(text, "- {}", inline(&Self::unused_text(line)));
        }
        text
    }

    fn table(&self, text: &mut String) {
        let verdicts = self.verdicts();
        let names: Vec<&str> = verdicts.iter().map(|verdict| verdict.name()).collect();
        let _ = writeln!(text, "| protocol | level | cases | {} |", names.join(" | "));
        let _ = writeln!(text, "| --- | --- | --: |{}", " --: |".repeat(names.len()));
        for row in self.rows() {
            let counts: Vec<String> = row.counts.iter().copied().map(shown).collect();
            let (protocol, level) = (row.protocol.name(), row.level.name());
            let _ =
                writeln!(text, "| {protocol} | {level} | {} | {} |", row.cases, counts.join(" | "));
        }
    }

    fn fold(&self, text: &mut String, lines: &[&CaseReport]) {
        let Some(case) = lines.first() else { return };
        let deliveries: Vec<&str> = lines.iter().map(|case| case.delivery.name()).collect();
        let counts = case.counts(self.strict) || case.verdict == Verdict::Error;
        let note = if counts { "" } else { ", does not count" };
        let _ = writeln!(
            text,
            "\n<details><summary><b>{}</b> <code>{}</code> [{}] {}{note}</summary>\n",
            case.verdict.name(),
            in_html(&case.id),
            deliveries.join(" "),
            case.level.name(),
        );
        let requirements = requirements::all();
        for id in &case.spec {
            if let Some(requirement) = requirements.get(id.as_str()) {
                let _ = writeln!(text, "> **{id}** {}: {}\n>", requirement.level, requirement.text);
            }
        }
        // The requirements stand above.
        let mut body = String::new();
        self.failure(&mut body, case, &BTreeMap::new(), &Ink::PLAIN);
        let fence = "`".repeat(longest_run(&body, '`').max(2) + 1);
        let _ = writeln!(text, "\n{fence}text\n{}\n{fence}\n\n</details>", body.trim());
    }
}

fn shown(count: usize) -> String {
    if count == 0 { "·".to_owned() } else { count.to_string() }
}

/// Text that stands for itself: nothing in it is markup.
pub(super) fn inline(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The same inside HTML, where Markdown does not look.
fn in_html(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn longest_run(text: &str, wanted: char) -> usize {
    text.split(|c| c != wanted).map(str::len).max().unwrap_or_default()
}
