//! What every form says in sum: cases by protocol and level, and the verdict in words.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{CaseReport, Outcome, Report, Verdict};
use crate::replay::Delivery;
use crate::session::Level;
use crate::wire::Protocol;

/// One line of the summary.
pub(super) struct Row {
    pub(super) protocol: Protocol,
    pub(super) level: Level,
    pub(super) cases: usize,
    /// Checks by verdict, in the order of [`Report::verdicts`].
    pub(super) counts: Vec<usize>,
}

impl Report {
    /// Verdicts that occur.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        Verdict::ALL.into_iter().filter(|verdict| self.count(*verdict) > 0).collect()
    }

    /// Deliveries that occur, by name.
    pub(super) fn deliveries(&self) -> Vec<&'static str> {
        let used = |delivery: &Delivery| self.cases.iter().any(|case| case.delivery == *delivery);
        Delivery::ALL.into_iter().filter(used).map(Delivery::name).collect()
    }

    /// Checks by protocol and level; lines without any are left out.
    pub(super) fn rows(&self) -> Vec<Row> {
        let levels = |protocol| Level::ALL.into_iter().map(move |level| (protocol, level));
        Protocol::ALL
            .into_iter()
            .flat_map(levels)
            .filter_map(|(protocol, level)| self.row(protocol, level))
            .collect()
    }

    fn row(&self, protocol: Protocol, level: Level) -> Option<Row> {
        let fits = |case: &&CaseReport| case.protocol == protocol && case.level == level;
        let checks: Vec<_> = self.cases.iter().filter(fits).collect();
        let mut ids: Vec<&str> = checks.iter().map(|case| case.id.as_str()).collect();
        ids.dedup();
        let count = |verdict| checks.iter().filter(|case| case.verdict == verdict).count();
        let counts = self.verdicts().into_iter().map(count).collect();
        (!ids.is_empty()).then_some(Row { protocol, level, cases: ids.len(), counts })
    }

    /// Which of memcached's protocols are spoken, in words; nothing where that is no question.
    pub(super) fn spoken(&self) -> String {
        let of_memcached = |one: &&Protocol| one.server() == Protocol::Memcached;
        let names = self.speaks.iter().filter(of_memcached).map(|protocol| match protocol {
            Protocol::Memcached => "binary",
            other => other.name(),
        });
        names.collect::<Vec<_>>().join(", ")
    }

    /// Lines worth telling, the deliveries of one case together, what counts first.
    pub(super) fn grouped(&self) -> Vec<Vec<&CaseReport>> {
        let mut groups: BTreeMap<(&str, &str, Verdict), Vec<&CaseReport>> = BTreeMap::new();
        let told = [Verdict::Fail, Verdict::UnexpectedPass, Verdict::Blocked, Verdict::Error];
        for case in self.cases.iter().filter(|case| told.contains(&case.verdict)) {
            groups.entry((&case.id, &case.target, case.verdict)).or_default().push(case);
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|lines| !lines[0].counts(self.strict));
        groups
    }

    /// What the run comes to, in a word or two.
    pub(super) fn verdict(&self) -> &'static str {
        match self.outcome() {
            Outcome::Conforms => "conforms",
            Outcome::Failed => "does not conform",
            Outcome::Inconclusive if self.count(Verdict::NotPlayed) > 0 => {
                "inconclusive: not every case was played to its end"
            }
            Outcome::Inconclusive => "inconclusive: nothing was judged, or the suite failed",
        }
    }

    /// How many cases fail, in brackets; nothing if none does.
    pub(super) fn why(&self) -> String {
        let grouped = self.grouped();
        let (failing, lenient): (Vec<_>, Vec<_>) = grouped
            .iter()
            .filter(|lines| lines[0].verdict != Verdict::Error)
            .partition(|lines| lines[0].counts(self.strict));
        let parts = [
            (failing.len(), "failing"),
            (lenient.len(), "failing that do not count"),
            (self.unused_expectations.len(), "unused in the expectations"),
        ];
        let told: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) }
    }

    /// `2568 checks in 11.8 s`
    pub(super) fn effort(&self) -> String {
        let checks = if self.cases.len() == 1 { "check" } else { "checks" };
        let seconds = Duration::from_millis(self.millis).as_secs_f64();
        format!("{} {checks} in {seconds:.1} s", self.cases.len())
    }

    /// The server that a line is about; the built-in one has another port in every run.
    pub(super) fn target_of<'a>(&'a self, case: &'a CaseReport) -> &'a str {
        if self.target == "embedded" { &self.target } else { &case.target }
    }

    /// What a reader must know of an expectations line that matches nothing.
    pub(super) fn unused_text(line: &str) -> String {
        format!("no case matches `{line}` of the expectations: remove that line")
    }
}
