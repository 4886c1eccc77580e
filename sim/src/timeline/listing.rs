//! The same as text: faults, what waited long, what went wrong, in order of time.

use maud::{Markup, html};

use super::seconds;
use crate::marks::named;
use crate::plan::Plan;
use crate::record::{Recording, Wrong};

/// Shorter waits are everyday life.
const LONG: u64 = 300_000;

/// A line of the list.
struct Line {
    at: u64,
    who: String,
    what: String,
    is_wrong: bool,
}

pub(super) fn listing(recording: &Recording, plan: &Plan) -> Markup {
    let mut lines = lines(recording, plan);
    lines.sort_by_key(|line| line.at);
    html! {
        section {
            h2 { "What matters most" }
            @if lines.is_empty() { p.none { "Nothing happened but requests and their replies." } }
            div.scroll { table.events {
                thead { tr { th scope="col" { "At" } th scope="col" { "Who" } th scope="col" { "What" } } }
                tbody { @for line in &lines {
                    tr.wrong[line.is_wrong] { td { (seconds(line.at)) } th scope="row" { (line.who) } td { (line.what) } }
                } }
            } }
        }
    }
}

fn lines(recording: &Recording, plan: &Plan) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |at, who: &str, what: String, is_wrong| {
        lines.push(Line { at, who: who.to_owned(), what, is_wrong });
    };
    let lasted =
        |since: u64, until: Option<u64>| until.unwrap_or(recording.end).saturating_sub(since);
    let how_long = |since, until: Option<u64>| {
        let to_the_end = if until.is_none() { ", to the end" } else { "" };
        format!("{}{to_the_end}", seconds(lasted(since, until)))
    };
    for fault in &plan.faults {
        let words = fault.kind.words();
        let heals = fault
            .until()
            .map_or_else(String::new, |_| format!(" for {} ms", fault.for_ms.unwrap_or_default()));
        add(fault.at_ms * 1000, &fault.who(), format!("{words}{heals}"), false);
    }
    for wait in recording.waits.iter().filter(|one| lasted(one.since, one.until) >= LONG) {
        let time = how_long(wait.since, wait.until);
        add(
            wait.since,
            "server",
            format!("its send to {} finds no room for {time}", wait.who),
            false,
        );
    }
    for claim in &recording.claims {
        let asked = lasted(claim.since, claim.granted.or(claim.until));
        if asked >= LONG {
            let time = how_long(claim.since, claim.granted.or(claim.until));
            add(
                claim.since,
                &claim.who,
                format!("waits for {} ({}) for {time}", claim.lock, claim.how),
                false,
            );
        }
        if let Some(granted) = claim.granted.filter(|granted| lasted(*granted, claim.until) >= LONG)
        {
            let time = how_long(granted, claim.until);
            add(
                granted,
                &claim.who,
                format!("has {} ({}) for {time}", claim.lock, claim.how),
                false,
            );
        }
    }
    for place in &recording.places {
        // What happens all the time says little.
        let mark = named(&place.what).filter(|mark| !mark.is_everyday());
        if let Some(mark) = mark {
            add(place.at, &place.who, format!("{} ({})", mark.about(), mark.name()), false);
        }
    }
    for one in &recording.operations {
        let Some(wrong) = one.fault else { continue };
        let time = how_long(one.since, one.until);
        let what = &one.what;
        let said = match wrong {
            Wrong::NeverEnded => {
                format!("its {what} is never answered, in {}", seconds(lasted(one.since, None)))
            }
            Wrong::Late => format!("its {what} takes {time}, which is too long"),
            Wrong::Failed => format!("its {what} fails after {time}"),
        };
        add(one.since, &one.who, said, true);
    }
    lines
}
