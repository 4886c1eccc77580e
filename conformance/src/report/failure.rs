//! One failing case in full, as text: requirement, step, difference, bytes, and the command that runs it again.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::{CaseReport, Evidence, Report};
use crate::replay::{Direction, Event};
use crate::requirements::Requirement;
use crate::wire::hexdump;

/// Events, and bytes of each, in a failure's hexdump.
const EVENTS: usize = 12;
const BYTES: usize = 96;

/// Columns of wrapped text.
const WIDTH: usize = 100;

/// The styles of a failure's text.
pub(super) struct Ink {
    pub(super) bad: Style,
    pub(super) quiet: Style,
    pub(super) head: Style,
}

impl Ink {
    /// For a terminal.
    pub(super) const COLOURED: Self = Self {
        bad: AnsiColor::Red.on_default().bold(),
        quiet: Style::new().dimmed(),
        head: Style::new().bold(),
    };
    /// For files.
    pub(super) const PLAIN: Self =
        Self { bad: Style::new(), quiet: Style::new(), head: Style::new() };
}

impl Report {
    /// The failure under its case's name.
    pub(super) fn failure(
        &self,
        text: &mut String,
        case: &CaseReport,
        requirements: &BTreeMap<&str, Requirement>,
        ink: &Ink,
    ) {
        let Ink { head, quiet, bad } = ink;
        let _ = writeln!(text, "\n{head}{}{head:#}  {quiet}{}{quiet:#}", case.id, case.target);
        for id in case.spec.iter().take(3) {
            if let Some(requirement) = requirements.get(id.as_str()) {
                let line = format!("{id} {}: {}", requirement.level, requirement.text);
                text.push_str(&wrapped(&line));
            }
        }
        if let Some(evidence) = &case.evidence {
            evidence_text(text, evidence, &self.place(case, evidence), ink);
        } else {
            let _ = writeln!(text, "  {bad}{}{bad:#}", case.detail.as_deref().unwrap_or_default());
        }
        let _ = writeln!(text, "  again:  {}", self.replay_command(case));
    }

    /// Where the step stands that failed.
    pub(super) fn place(&self, case: &CaseReport, evidence: &Evidence) -> String {
        let file = match &self.file {
            Some(file) => file.clone(),
            None => format!("sessions/{}.session", case.id),
        };
        match evidence.failure.line {
            0 => format!("{file}, after the last step"),
            line => format!("{file}, line {line}"),
        }
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

/// A failed step, its differences and the bytes around it, for a terminal.
pub fn evidence_in_colour(text: &mut String, evidence: &Evidence, place: &str) {
    evidence_text(text, evidence, place, &Ink::COLOURED);
}

fn evidence_text(text: &mut String, evidence: &Evidence, place: &str, ink: &Ink) {
    let Ink { quiet, bad, .. } = ink;
    let failure = &evidence.failure;
    let _ = writeln!(text, "  {quiet}{place}:{quiet:#}  {}", failure.step);
    let _ = writeln!(text, "  {bad}{}{bad:#}", failure.problem);
    for difference in &failure.differences {
        let _ = writeln!(text, "    {:<9} expected {}", difference.field, difference.expected);
        let _ = writeln!(text, "    {:<9}      got {}", "", difference.got);
    }
    let events = &evidence.transcript.events;
    let skipped = events.len().saturating_sub(EVENTS);
    if skipped + evidence.transcript.dropped > 0 {
        let _ = writeln!(text, "  … {} earlier events", skipped + evidence.transcript.dropped);
    }
    events.iter().skip(skipped).for_each(|event| event_text(text, event, *quiet));
}

fn event_text(text: &mut String, event: &Event, quiet: Style) {
    let way = if event.direction == Direction::Sent { "->" } else { "<-" };
    let time = event.at.as_secs_f64() * 1000.0;
    if let Some(note) = event.note {
        let _ = writeln!(text, "  {quiet}{time:>9.1} ms{quiet:#}  {} {way} {note}", event.conn);
    } else {
        let _ = writeln!(
            text,
            "  {quiet}{time:>9.1} ms{quiet:#}  {} {way} {} bytes",
            event.conn, event.length
        );
        text.push_str(&hexdump(&event.bytes, BYTES, "      "));
        let more = event.length.saturating_sub(event.bytes.len());
        if event.bytes.len() <= BYTES && more > 0 {
            let _ = writeln!(text, "      …     {more} bytes more");
        }
    }
}
