//! The report that people read: failing cases first, then each failure in full, then the summary and the verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::{CaseReport, Evidence, Outcome, Report, Verdict};
use crate::replay::{Delivery, Direction, Event};
use crate::requirements::{self, Requirement};
use crate::session::Level;
use crate::wire::{Protocol, hexdump};

/// Failures shown in full; the others are listed by line only.
const SHOWN: usize = 20;

/// Events, and bytes of each, in a failure's hexdump.
const EVENTS: usize = 12;
const BYTES: usize = 96;

/// Columns of wrapped text.
const WIDTH: usize = 100;

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const NOTE: Style = AnsiColor::Yellow.on_default();
const QUIET: Style = Style::new().dimmed();
const HEAD: Style = Style::new().bold();

impl Report {
    /// The report as text with ANSI styles; print it through something that strips them where they are not wanted.
    pub fn human(&self) -> String {
        let mut text = String::new();
        let requirements = requirements::all();
        let grouped = self.grouped();
        for (lines, case) in grouped.iter().map(|lines| (lines, lines[0])) {
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
        for (shown, lines) in grouped.iter().enumerate() {
            if shown == SHOWN {
                let _ = writeln!(
                    text,
                    "\n… {} more; --format json has them all",
                    grouped.len() - SHOWN
                );
                break;
            }
            self.failure(&mut text, lines[0], &requirements);
        }
        for line in &self.unused_expectations {
            let _ = writeln!(
                text,
                "\n{BAD}UNUSED{BAD:#}  no case matches `{line}` of the expectations: remove that line"
            );
        }
        self.unsupported(&mut text);
        self.summary(&mut text);
        text
    }

    /// Lines worth telling, the deliveries of one case together, what counts first.
    fn grouped(&self) -> Vec<Vec<&CaseReport>> {
        let mut groups: BTreeMap<(&str, &str, Verdict), Vec<&CaseReport>> = BTreeMap::new();
        let told = [Verdict::Fail, Verdict::UnexpectedPass, Verdict::Blocked, Verdict::Error];
        for case in self.cases.iter().filter(|case| told.contains(&case.verdict)) {
            groups.entry((&case.id, &case.target, case.verdict)).or_default().push(case);
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|lines| !lines[0].counts(self.strict));
        groups
    }

    fn failure(
        &self,
        text: &mut String,
        case: &CaseReport,
        requirements: &BTreeMap<&str, Requirement>,
    ) {
        let _ = writeln!(text, "\n{HEAD}{}{HEAD:#}  {QUIET}{}{QUIET:#}", case.id, case.target);
        for id in case.spec.iter().take(3) {
            if let Some(requirement) = requirements.get(id.as_str()) {
                let line = format!("{id} {}: {}", requirement.level, requirement.text);
                text.push_str(&wrapped(&line));
            }
        }
        if let Some(evidence) = &case.evidence {
            evidence_text(text, evidence, &self.place(case, evidence));
        } else {
            let _ = writeln!(text, "  {BAD}{}{BAD:#}", case.detail.as_deref().unwrap_or_default());
        }
        let _ = writeln!(text, "  again:  {}", self.replay_command(case));
    }

    /// Where the step stands that failed.
    fn place(&self, case: &CaseReport, evidence: &Evidence) -> String {
        let file = match &self.file {
            Some(file) => file.clone(),
            None => format!("sessions/{}.session", case.id),
        };
        match evidence.failure.line {
            0 => format!("{file}, after the last step:"),
            line => format!("{file}, line {line}:"),
        }
    }

    /// What was not asked, by reason: silence would look like a pass.
    fn unsupported(&self, text: &mut String) {
        let mut reasons: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for case in self.cases.iter().filter(|case| case.verdict == Verdict::Unsupported) {
            let reason = case.detail.as_deref().unwrap_or_default();
            reasons.entry(reason).or_default().insert(&case.id);
        }
        if !reasons.is_empty() {
            let _ = writeln!(text, "\n{NOTE}not asked{NOTE:#}");
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
        let columns: Vec<Verdict> =
            Verdict::ALL.into_iter().filter(|verdict| self.count(*verdict) > 0).collect();
        let _ = write!(text, "  {:<11}{:<10}{:>7}", "protocol", "level", "cases");
        for verdict in &columns {
            let _ =
                write!(text, "{:>width$}", verdict.name(), width = verdict.name().len().max(6) + 2);
        }
        text.push('\n');
        for protocol in Protocol::ALL {
            for level in Level::ALL {
                self.summary_row(text, protocol, level, &columns);
            }
        }
        let deliveries = Delivery::ALL
            .into_iter()
            .filter(|one| self.cases.iter().any(|case| case.delivery == *one));
        let deliveries: Vec<&str> = deliveries.map(Delivery::name).collect();
        let _ = writeln!(text, "  deliveries: {}", deliveries.join(", "));
        let (style, verdict) = match self.outcome() {
            Outcome::Conforms => (GOOD, "conforms"),
            Outcome::Failed => (BAD, "does not conform"),
            Outcome::Inconclusive => {
                (NOTE, "inconclusive: nothing was judged, or the suite failed")
            }
        };
        let checks = if self.cases.len() == 1 { "check" } else { "checks" };
        let _ = writeln!(
            text,
            "{style}{verdict}{style:#}{}: {} {checks} in {:.1} s",
            self.why(),
            self.cases.len(),
            Duration::from_millis(self.millis).as_secs_f64()
        );
    }

    /// How many cases fail, in brackets; nothing if none does.
    fn why(&self) -> String {
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

    fn summary_row(
        &self,
        text: &mut String,
        protocol: Protocol,
        level: Level,
        columns: &[Verdict],
    ) {
        let row: Vec<_> = self
            .cases
            .iter()
            .filter(|case| case.protocol == protocol && case.level == level)
            .collect();
        if row.is_empty() {
            return;
        }
        let mut ids: Vec<&str> = row.iter().map(|case| case.id.as_str()).collect();
        ids.dedup();
        let _ = write!(text, "  {:<11}{:<10}{:>7}", protocol.name(), level.name(), ids.len());
        for verdict in columns {
            let count = row.iter().filter(|case| case.verdict == *verdict).count();
            let shown = if count == 0 { "·".to_owned() } else { count.to_string() };
            let _ = write!(text, "{shown:>width$}", width = verdict.name().len().max(6) + 2);
        }
        text.push('\n');
    }
}

/// Text in lines of at most [`WIDTH`] columns, two spaces in front, four from the second on.
fn wrapped(text: &str) -> String {
    let mut lines = String::from(" ");
    let mut column = 1;
    for word in text.split(' ') {
        let length = word.chars().count() + 1;
        if column + length > WIDTH {
            lines.push_str("\n   ");
            column = 3;
        }
        lines.push(' ');
        lines.push_str(word);
        column += length;
    }
    lines.push('\n');
    lines
}

/// A failed step, its differences and the bytes around it.
pub fn evidence_text(text: &mut String, evidence: &Evidence, place: &str) {
    let failure = &evidence.failure;
    let _ = writeln!(text, "  {QUIET}{place}{QUIET:#}  {}", failure.step);
    let _ = writeln!(text, "  {BAD}{}{BAD:#}", failure.problem);
    for difference in &failure.differences {
        let _ = writeln!(text, "    {:<9} expected {}", difference.field, difference.expected);
        let _ = writeln!(text, "    {:<9}      got {}", "", difference.got);
    }
    let events = &evidence.transcript.events;
    let skipped = events.len().saturating_sub(EVENTS);
    if skipped + evidence.transcript.dropped > 0 {
        let _ = writeln!(text, "  … {} earlier events", skipped + evidence.transcript.dropped);
    }
    events.iter().skip(skipped).for_each(|event| event_text(text, event));
}

fn event_text(text: &mut String, event: &Event) {
    let way = if event.direction == Direction::Sent { "->" } else { "<-" };
    let time = event.at.as_secs_f64() * 1000.0;
    if let Some(note) = event.note {
        let _ = writeln!(text, "  {QUIET}{time:>9.1} ms{QUIET:#}  {} {way} {note}", event.conn);
    } else {
        let _ = writeln!(
            text,
            "  {QUIET}{time:>9.1} ms{QUIET:#}  {} {way} {} bytes",
            event.conn, event.length
        );
        text.push_str(&hexdump(&event.bytes, BYTES, "      "));
        let more = event.length.saturating_sub(event.bytes.len());
        if event.bytes.len() <= BYTES && more > 0 {
            let _ = writeln!(text, "      …     {more} bytes more");
        }
    }
}
