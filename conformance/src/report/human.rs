//! The report that people read in a terminal: failing cases first, then each failure in full, then the summary and the
//! verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::failure::Ink;
use super::{CaseReport, Evidence, Outcome, Report, Verdict};
use crate::requirements;

/// Failures shown in full; the others are listed by line only.
const SHOWN: usize = 20;

const BAD: Style = Ink::COLOURED.bad;
const GOOD: Style = AnsiColor::Green.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default();
const QUIET: Style = Ink::COLOURED.quiet;
const HEAD: Style = Ink::COLOURED.head;

impl Report {
    /// The report as text with ANSI styles; print it through something that strips them where they are not wanted.
    pub fn human(&self) -> String {
        let mut text = String::new();
        let requirements = requirements::all();
        let grouped = self.grouped();
        for lines in &grouped {
            self.headline(&mut text, lines);
        }
        for case in self.plainest_first(&grouped).into_iter().take(SHOWN) {
            self.failure(&mut text, case, &requirements, &Ink::COLOURED);
        }
        if let Some(more @ 1..) = grouped.len().checked_sub(SHOWN) {
            let _ = writeln!(text, "\n… {more} more; --format json has them all");
        }
        for line in &self.unused_expectations {
            let _ = writeln!(text, "\n{BAD}UNUSED{BAD:#}  {}", Self::unused_text(line));
        }
        self.told_by_reason(&mut text, Verdict::Unsupported, "not asked");
        self.told_by_reason(&mut text, Verdict::NotPlayed, "not played");
        self.summary(&mut text);
        text
    }

    /// What counts first, and of that the case that goes wrong soonest: one fault fails many cases, and the shortest way
    /// to it says most clearly what it is.
    fn plainest_first<'a>(&self, grouped: &[Vec<&'a CaseReport>]) -> Vec<&'a CaseReport> {
        let mut cases: Vec<_> = grouped.iter().filter_map(|lines| lines.first().copied()).collect();
        // 0: not a step that went wrong, but the start or the end.
        let line = |evidence: &Evidence| evidence.failure.line.checked_sub(1).unwrap_or(usize::MAX);
        cases.sort_by_key(|case| {
            (!case.counts(self.strict), case.evidence.as_ref().map_or(usize::MAX, line))
        });
        cases
    }

    fn headline(&self, text: &mut String, lines: &[&CaseReport]) {
        let Some(case) = lines.first() else { return };
        let deliveries: Vec<&str> = lines.iter().map(|case| case.delivery.name()).collect();
        let counts = case.counts(self.strict) || case.verdict == Verdict::Error;
        let (style, note) = if counts { (BAD, "") } else { (NOTE, ", does not count") };
        let _ = writeln!(
            text,
            "{style}{}{style:#}  {}  {QUIET}[{}] {}{note}{QUIET:#}",
            case.verdict.name().to_uppercase(),
            case.id,
            deliveries.join(" "),
            case.level.name(),
        );
    }

    /// What was not asked, by reason: silence would look like a pass.
    fn told_by_reason(&self, text: &mut String, verdict: Verdict, heading: &str) {
        let mut reasons: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for case in self.cases.iter().filter(|case| case.verdict == verdict) {
            let reason = case.detail.as_deref().unwrap_or_default();
            reasons.entry(reason).or_default().insert(&case.id);
        }
        if !reasons.is_empty() {
            let _ = writeln!(text, "\n{NOTE}{heading}{NOTE:#}");
        }
        for (reason, cases) in reasons {
            let first = cases.first().copied().unwrap_or_default();
            let more = if cases.len() > 1 {
                format!(" and {} more", cases.len() - 1)
            } else {
                String::new()
            };
            let _ = writeln!(text, "  {reason}: {first}{more}");
        }
    }

    fn summary(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "\n{HEAD}{}{HEAD:#}  {QUIET}seed {}{QUIET:#}",
            self.implementation, self.seed
        );
        let spoken = self.spoken();
        if !spoken.is_empty() {
            let _ = writeln!(text, "  speaks {spoken}");
        }
        let columns = self.verdicts();
        let width = |verdict: &Verdict| verdict.name().len().max(6) + 2;
        let _ = write!(text, "  {:<11}{:<10}{:>7}", "protocol", "level", "cases");
        for verdict in &columns {
            let _ = write!(text, "{:>width$}", verdict.name(), width = width(verdict));
        }
        text.push('\n');
        for row in self.rows() {
            let (protocol, level) = (row.protocol.name(), row.level.name());
            let _ = write!(text, "  {protocol:<11}{level:<10}{:>7}", row.cases);
            for (verdict, count) in columns.iter().zip(row.counts) {
                let shown = if count == 0 { "·".to_owned() } else { count.to_string() };
                let _ = write!(text, "{shown:>width$}", width = width(verdict));
            }
            text.push('\n');
        }
        let _ = writeln!(text, "  deliveries: {}", self.deliveries().join(", "));
        let style = match self.outcome() {
            Outcome::Conforms => GOOD,
            Outcome::Failed => BAD,
            Outcome::Inconclusive => NOTE,
        };
        let (verdict, why, effort) = (self.verdict(), self.why(), self.effort());
        let _ = writeln!(text, "{style}{verdict}{style:#}{why}: {effort}");
    }
}
