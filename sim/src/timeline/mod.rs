//! A run as a picture: one HTML file that loads nothing, with a lane for each client, lock and the server.
//!
//! `timeline.js` draws what stands in the page as data; what matters most stands there as text as well, for those who
//! do not see the picture or have no scripts.

mod listing;

use lockproof_conformance::report::html::{Page, Part};
use maud::{Markup, PreEscaped, html};
use serde_json::{Value, json};

use crate::plan::Plan;
use crate::record::{Operation, Recording, Wrong};
use crate::run::{Outcome, Run};
use crate::story;

const STYLE: &str = include_str!("timeline.css");
const SCRIPT: &str = include_str!("timeline.js");

/// What the picture is of.
#[derive(Debug)]
pub struct Timeline<'a> {
    /// The scenario.
    pub name: &'a str,
    /// The run.
    pub run: &'a Run,
    /// What became of it.
    pub outcome: &'a Outcome,
    /// What happened.
    pub recording: &'a Recording,
    /// The command that runs it again.
    pub again: &'a str,
    /// What the program is made of.
    pub build: &'a str,
}

impl Timeline<'_> {
    /// The whole file.
    pub fn html(&self) -> String {
        let Run { server, seed, .. } = self.run;
        let page = Page {
            title: format!("{} seed {seed}, {server} · Lockproof", self.name),
            header: self.header(),
            main: html! {
                (stage())
                (listing::listing(self.recording, &self.run.plan))
                script #recording type="application/json" { (PreEscaped(as_data(&self.data()))) }
            },
            begins: Part { id: "timeline", name: "the timeline" },
            style: STYLE,
            script: SCRIPT,
        };
        page.into_string()
    }

    fn header(&self) -> Markup {
        let word = self.outcome.word();
        let class = match word {
            "ok" => "verdict good",
            "inert" => "verdict open",
            _ => "verdict bad",
        };
        let story = story::tell(self.outcome, self.recording, &self.run.plan);
        html! {
            p.brand { "Lockproof simulator" }
            h1 { (self.name) }
            p class=(class) { strong { (word) } @if let Some(story) = story { ": " (story) } }
            dl.facts {
                div { dt { "Server" } dd { (self.run.server) } }
                div { dt { "Seed" } dd { (self.run.seed) } }
                div { dt { "Lasted" } dd { (seconds(self.recording.end)) } }
                div { dt { "Trace hash" } dd { code { (format!("0x{:016x}", self.outcome.hash)) } } }
                div.plan { dt { "Faults" } dd { pre { (self.run.plan) } } }
                div.build { dt { "Built from" } dd { (self.build) } }
            }
            @for violation in &self.outcome.violations { p.problem { (violation) } }
            div.command { code { (self.again) } button.copy type="button" hidden { "Copy" } }
        }
    }

    fn data(&self) -> Value {
        json!({
            "lanes": self.lanes(),
            "faults": faults(&self.run.plan, self.recording.end),
            "operations": self.recording.operations,
            "transfers": self.recording.transfers,
            "waits": self.recording.waits,
            "claims": self.recording.claims,
            "marks": self.recording.marks,
            "end": self.recording.end,
            "failing": self.failing(),
        })
    }

    /// The operation that the verdict is about, by its place.
    fn failing(&self) -> Option<usize> {
        let wanted = [Wrong::NeverEnded, Wrong::Failed, Wrong::Late];
        let found = wanted.iter().find_map(|one| story::operation(self.recording, *one))?;
        let is_it = |one: &Operation| std::ptr::eq(one, found);
        self.recording.operations.iter().position(is_it)
    }

    /// Clients above, then locks and the server, victims below.
    fn lanes(&self) -> Vec<Value> {
        let recording = self.recording;
        let lane = |kind: &str, name: &str| json!({ "kind": kind, "name": name });
        let mut people: Vec<&str> = recording.marks.iter().map(|mark| mark.who.as_str()).collect();
        people.sort_unstable();
        people.dedup();
        let (victims, clients): (Vec<&str>, Vec<&str>) =
            people.into_iter().partition(|name| name.starts_with("victim"));
        let mut locks: Vec<&str> =
            recording.claims.iter().map(|claim| claim.lock.as_str()).collect();
        locks.sort_unstable();
        locks.dedup();
        let mut lanes: Vec<Value> = clients.into_iter().map(|name| lane("client", name)).collect();
        lanes.extend(locks.into_iter().map(|name| lane("lock", name)));
        lanes.push(lane("server", "server"));
        lanes.extend(victims.into_iter().map(|name| lane("victim", name)));
        lanes
    }
}

/// Where the picture is drawn, and what works it; hidden until the script is there.
fn stage() -> Markup {
    html! {
        section #timeline aria-labelledby="timeline-name" {
            h2 #timeline-name { "Timeline" }
            noscript { p.note { "The picture needs JavaScript; what matters most is listed below." } }
            div.tools hidden {
                button type="button" data-do="in" { "Closer" }
                button type="button" data-do="out" { "Wider" }
                button type="button" data-do="back" { "Earlier" }
                button type="button" data-do="on" { "Later" }
                button type="button" data-do="all" { "Whole run" }
                button type="button" data-do="failure" { "The failure" }
                output.range aria-live="polite" {}
            }
            div.stage hidden {}
            div.details aria-live="polite" hidden { p.note {
                "Choose something: by a click, or with the arrow keys when the picture has the focus."
            } }
            ul.legend hidden {
                li.operation { "operation" } li.wrong { "not as it should be" } li.fault { "fault" }
                li.wait { "send without room" } li.held { "lock held" } li.queued { "lock waited for" }
                li.lost { "never read" }
            }
            p.keys.moves-picture hidden {
                span { kbd { "←" } " " kbd { "→" } " along a lane" } span { kbd { "↑" } " " kbd { "↓" } " other lane" }
                span { kbd { "+" } " " kbd { "-" } " closer, wider" } span { kbd { "," } " " kbd { "." } " earlier, later" }
                span { kbd { "0" } " whole run" } span { kbd { "f" } " the failure" }
            }
        }
    }
}

fn faults(plan: &Plan, end: u64) -> Vec<Value> {
    let fault = |fault: &crate::plan::Fault| {
        json!({
            "who": fault.who(),
            "what": fault.kind.words(),
            "since": fault.at_ms * 1000,
            "until": fault.until().map_or(end, |until| u64::try_from(until.as_micros()).unwrap_or(end)),
            "heals": fault.until().is_some(),
        })
    };
    plan.faults.iter().map(fault).collect()
}

/// JSON inside a page: nothing in it ends the element that it stands in.
fn as_data(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

fn seconds(micros: u64) -> String {
    format!("{}.{:03} s", micros / 1_000_000, micros % 1_000_000 / 1_000)
}
