//! The report in the Test Anything Protocol, version 14.
//!
//! `not ok` without a directive is what the exit code counts; what fails and does not count is a TODO, what was not asked
//! a SKIP.

use std::fmt::Write;

use super::{CaseReport, Report, Verdict};

impl Report {
    /// The report as TAP 14.
    pub fn tap(&self) -> String {
        let points = self.cases.len() + self.unused_expectations.len();
        let mut text = String::from("TAP version 14\n");
        let _ = writeln!(text, "1..{points}");
        let _ = writeln!(text, "# {}, seed {}", on_a_line(&self.implementation), self.seed);
        for (index, case) in self.cases.iter().enumerate() {
            self.point(&mut text, index + 1, case);
        }
        for (index, line) in self.unused_expectations.iter().enumerate() {
            let number = self.cases.len() + index + 1;
            let _ = writeln!(text, "not ok {number} - {}", described(&Self::unused_text(line)));
        }
        let _ = writeln!(text, "# {}{}: {}", self.verdict(), self.why(), self.effort());
        text
    }

    fn point(&self, text: &mut String, number: usize, case: &CaseReport) {
        let ok = if matches!(case.verdict, Verdict::Pass | Verdict::Unsupported) {
            "ok"
        } else {
            "not ok"
        };
        let _ = write!(text, "{ok} {number} - {} [{}]", described(&case.id), case.delivery.name());
        let why = described(case.detail.as_deref().unwrap_or_default());
        match case.verdict {
            Verdict::Pass | Verdict::NotPlayed | Verdict::Error => {}
            Verdict::Unsupported => {
                let _ = write!(text, " # SKIP {why}");
            }
            Verdict::ExpectedFail => {
                let _ = write!(text, " # TODO {why}");
            }
            _ if case.counts(self.strict) => {}
            _ => {
                let _ = write!(text, " # TODO {} does not count", case.level.name());
            }
        }
        text.push('\n');
        if case.verdict != Verdict::Pass && case.verdict != Verdict::Unsupported {
            self.diagnosis(text, case);
        }
    }

    /// A YAML block: strings are written as JSON, which is YAML too.
    fn diagnosis(&self, text: &mut String, case: &CaseReport) {
        let string = |text: &str| serde_json::Value::from(text).to_string();
        let message = case.detail.as_deref().unwrap_or_default();
        let _ = writeln!(text, "  ---\n  message: {}", string(message));
        let _ =
            writeln!(text, "  severity: {}\n  level: {}", case.verdict.name(), case.level.name());
        let _ = writeln!(text, "  target: {}", string(self.target_of(case)));
        let _ = writeln!(text, "  duration_ms: {}", case.millis);
        if case.evidence.is_some() {
            let _ = writeln!(text, "  report: |");
            for line in self.body(case).trim().lines() {
                let _ = writeln!(text, "    {}", printable(line));
            }
        }
        text.push_str("  ...\n");
    }
}

/// A description: `#` would begin a directive, `\` an escape, a line's end a new point.
fn described(text: &str) -> String {
    on_a_line(text).replace('\\', "\\\\").replace('#', "\\#")
}

fn on_a_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
