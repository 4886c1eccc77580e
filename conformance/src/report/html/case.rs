//! One case on the page: a line that opens, its requirements, and how it failed.

use std::collections::BTreeMap;

use maud::{Markup, Render, html};

use super::mark;
use crate::replay::{Direction, Event};
use crate::report::{CaseReport, Evidence, Report, Verdict, frames, json};
use crate::requirements::Requirement;
use crate::wire::hexdump;

/// Bytes shown of one event.
const BYTES: usize = 128;

/// Messages named of one event.
const MESSAGES: usize = 8;

/// A case in all its deliveries.
pub(super) struct Case<'a> {
    pub(super) report: &'a Report,
    pub(super) lines: &'a [&'a CaseReport],
    pub(super) requirements: &'a BTreeMap<&'static str, Requirement>,
    pub(super) open: bool,
}

/// The verdict that stands for the case.
pub(super) fn worst(lines: &[&CaseReport]) -> Verdict {
    let verdicts = lines.iter().map(|line| line.verdict);
    verdicts.max_by_key(|verdict| verdict.weight()).unwrap_or(Verdict::Pass)
}

impl Render for Case<'_> {
    fn render(&self) -> Markup {
        let Some(first) = self.lines.first() else { return html! {} };
        let verdicts: Vec<&str> = self.lines.iter().map(|line| line.verdict.name()).collect();
        html! {
            li.case data-protocol=(first.protocol.name()) data-level=(first.level.name())
                data-verdict=(verdicts.join(" ")) {
                details open[self.open] {
                    summary {
                        (mark(worst(self.lines)))
                        span.name { code { (first.id) } @if let Some(title) = &first.title { span.title { (title) } } }
                        span.level { (first.level.name()) }
                        (self.deliveries())
                    }
                    div.body {
                        (self.cited(first))
                        @for lines in alike(self.lines) { (self.told(&lines)) }
                    }
                }
            }
        }
    }
}

impl Case<'_> {
    /// A sign for each delivery.
    fn deliveries(&self) -> Markup {
        html! { span.deliveries {
            @for line in self.lines {
                span data-verdict=(line.verdict.name())
                    title=(format!("{}: {}", line.delivery.name(), line.verdict.name())) {
                    span.unseen { (line.delivery.name()) ": " (line.verdict.name()) ". " }
                }
            }
        } }
    }

    fn cited(&self, case: &CaseReport) -> Markup {
        html! {
            @for id in &case.spec {
                @if let Some(requirement) = self.requirements.get(id.as_str()) {
                    blockquote.requirement {
                        p { (prose(&requirement.text)) }
                        footer { code { (id) } " " span { (requirement.level) } }
                    }
                }
            }
        }
    }

    /// What became of deliveries that came to the same.
    fn told(&self, lines: &[&CaseReport]) -> Markup {
        let Some(first) = lines.first() else { return html! {} };
        let names: Vec<&str> = lines.iter().map(|line| line.delivery.name()).collect();
        html! {
            section.told {
                h4 { (first.verdict.name()) " " span { "in delivery " (names.join(", ")) } }
                @if let Some(detail) = first.detail.as_deref().filter(|_| !repeats(first)) {
                    p.detail { (detail) }
                }
                @if let Some(evidence) = &first.evidence { (self.evidence(first, evidence)) }
                @if first.verdict != Verdict::Pass { (command(&self.report.replay_command(first))) }
            }
        }
    }

    fn evidence(&self, case: &CaseReport, evidence: &Evidence) -> Markup {
        let failure = &evidence.failure;
        let events = &evidence.transcript.events;
        let skipped = events.len().saturating_sub(json::EVENTS);
        let messages = frames::messages(evidence.codec, &evidence.transcript);
        html! {
            p.step { span { (self.report.place(case, evidence)) } code { (failure.step) } }
            p.problem { (failure.problem) }
            @if !failure.differences.is_empty() {
                div.scroll { table.differences {
                    thead { tr { th scope="col" { "Field" } th scope="col" { "Expected" } th scope="col" { "Got" } } }
                    tbody { @for difference in &failure.differences { tr {
                        th scope="row" { (difference.field) }
                        td { code { (difference.expected) } }
                        td { code.got { (difference.got) } }
                    } } }
                } }
            }
            h5 { "On the wire" }
            @if skipped + evidence.transcript.dropped > 0 {
                p.note { (skipped + evidence.transcript.dropped) " earlier events are left out." }
            }
            ol.wire { @for (event, messages) in events.iter().zip(messages).skip(skipped) {
                (transfer(event, &messages))
            } }
        }
    }
}

/// Whether the detail only says what the problem says.
fn repeats(case: &CaseReport) -> bool {
    let problem = case.evidence.as_ref().map(|evidence| evidence.failure.problem.as_str());
    problem.is_some() && problem == case.detail.as_deref()
}

/// Deliveries that came to the same for the same reason, together. Opaques and times differ, and so do their problems:
/// the step and the fields decide.
fn alike<'a>(lines: &[&'a CaseReport]) -> Vec<Vec<&'a CaseReport>> {
    let mut groups: Vec<Vec<&CaseReport>> = Vec::new();
    for line in lines {
        match groups
            .iter_mut()
            .find(|group| group.first().is_some_and(|first| is_alike(first, line)))
        {
            Some(group) => group.push(line),
            None => groups.push(vec![line]),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(worst(group).weight()));
    groups
}

fn is_alike(one: &CaseReport, other: &CaseReport) -> bool {
    let failure = |case: &CaseReport| {
        case.evidence.as_ref().map(|evidence| {
            let fields =
                evidence.failure.differences.iter().map(|difference| difference.field.clone());
            (evidence.failure.line, fields.collect::<Vec<_>>())
        })
    };
    one.verdict == other.verdict && failure(one) == failure(other)
}

fn transfer(event: &Event, messages: &[String]) -> Markup {
    let sent = event.direction == Direction::Sent;
    let (class, arrow, way) = if sent {
        ("sent", "→", "to the server")
    } else {
        ("received", "←", "from the server")
    };
    let shown = &event.bytes[..event.bytes.len().min(BYTES)];
    let more = event.length.saturating_sub(shown.len());
    html! {
        li.(class) {
            div.transfer {
                span.time { (format!("{:.1}", event.at.as_secs_f64() * 1000.0)) " ms" }
                span.way { (event.conn) " " span aria-hidden="true" { (arrow) } span.unseen { (way) } }
                @if let Some(note) = event.note { span.what { em { (note) } } } @else {
                    span.what {
                        @for message in messages.iter().take(MESSAGES) { code { (message) } }
                        @if messages.len() > MESSAGES { em { "… " (messages.len() - MESSAGES) " more" } }
                    }
                    span.length { (event.length) (if event.length == 1 { " byte" } else { " bytes" }) }
                }
            }
            @if event.note.is_none() {
                pre.hexdump tabindex="0" {
                    (hexdump(shown, BYTES, "").trim_end())
                    @if more > 0 { "\n… " (more) " bytes more" }
                }
            }
        }
    }
}

fn command(command: &str) -> Markup {
    html! {
        div.command {
            code { (command) }
            button.copy type="button" hidden { "Copy" }
        }
    }
}

/// A requirement's sentence: what stands between backticks is code.
fn prose(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
