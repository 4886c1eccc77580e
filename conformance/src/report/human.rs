//! The report that people read: failing cases first, then each failure in full, then the summary and the verdict.

use std::collections::BTreeMap;
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
            let style = if case.counts(self.strict) { BAD } else { NOTE };
            let _ = writeln!(
                text,
                "{style}{}{style:#}  {}  {QUIET}[{}] {}{QUIET:#}",
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
                "{BAD}UNUSED{BAD:#}  the expectations line `{line}` matches no case: remove it"
            );
        }
        self.summary(&mut text);
        text
    }

    /// Lines worth telling, the deliveries of one case together.
    fn grouped(&self) -> Vec<Vec<&CaseReport>> {
        let mut groups: BTreeMap<(&str, &str, Verdict), Vec<&CaseReport>> = BTreeMap::new();
        let told = [Verdict::Fail, Verdict::UnexpectedPass, Verdict::Blocked, Verdict::Error];
        for case in self.cases.iter().filter(|case| told.contains(&case.verdict)) {
            groups.entry((&case.id, &case.target, case.verdict)).or_default().push(case);
        }
        groups.into_values().collect()
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
                let _ = writeln!(text, "  {id} {}: {}", requirement.level, requirement.text);
            }
        }
        let detail = case.detail.as_deref().unwrap_or_default();
        match &case.evidence {
            Some(evidence) => evidence_text(text, evidence),
            None => {
                let _ = writeln!(text, "  {detail}");
            }
        }
        if case.verdict == Verdict::UnexpectedPass {
            let _ = writeln!(text, "  {detail}");
        }
        let _ = writeln!(text, "  again:  {}", self.replay_command(case));
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
        let failed = self.grouped().iter().filter(|lines| lines[0].counts(self.strict)).count();
        let why = if failed == 0 { String::new() } else { format!(" ({failed} failing)") };
        let seconds = Duration::from_millis(self.millis).as_secs_f64();
        let _ = writeln!(
            text,
            "{style}{verdict}{style:#}{why}: {} checks in {seconds:.1} s",
            self.cases.len()
        );
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

fn evidence_text(text: &mut String, evidence: &Evidence) {
    let failure = &evidence.failure;
    let place = if failure.line == 0 {
        "after the last step".to_owned()
    } else {
        format!("line {}", failure.line)
    };
    let _ = writeln!(text, "  {place}:  {}", failure.step);
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
