//! What happened, in a sentence: the operation that should have gone otherwise, and what was going on meanwhile.
//!
//! The sentence says what was seen at the same time, the lock's holder first; that one is the cause of the other is the
//! reader's conclusion.

use std::fmt::Write;

use crate::check::Kind;
use crate::plan::{Fault, Plan};
use crate::record::{Claim, Mark, Operation, Recording, Wait, Wrong};
use crate::run::Outcome;

/// Told of a run with a violation; nothing of others.
pub fn tell(outcome: &Outcome, recording: &Recording, plan: &Plan) -> Option<String> {
    let worst = outcome.violations.first()?;
    let story = Story { recording, plan };
    let wanted = match worst.kind {
        Kind::Wedged => Wrong::NeverEnded,
        Kind::Late => Wrong::Late,
        Kind::Kept => return Some(story.kept(&worst.text)),
        _ => return Some(story.after_faults(&worst.text)),
    };
    let operation = operation(recording, wanted);
    Some(operation.map_or_else(|| story.after_faults(&worst.text), |it| story.waited(it)))
}

/// The operation that a violation is about: of those that never ended the first, of those that were late the longest.
pub fn operation(recording: &Recording, wanted: Wrong) -> Option<&Operation> {
    let mut wrong: Vec<&Operation> =
        recording.operations.iter().filter(|one| one.fault == Some(wanted)).collect();
    wrong.sort_by_key(|one| one.since);
    match wanted {
        Wrong::Late => {
            wrong.into_iter().max_by_key(|one| one.until.unwrap_or_default() - one.since)
        }
        _ => wrong.into_iter().next(),
    }
}

/// A fault is felt a little later than it begins, or what it meets began a little earlier.
const ABOUT: u64 = 1_000_000;

struct Story<'a> {
    recording: &'a Recording,
    plan: &'a Plan,
}

impl Story<'_> {
    fn waited(&self, operation: &Operation) -> String {
        let Operation { who, what, since, until, .. } = operation;
        let end = until.unwrap_or(self.recording.end);
        let (begun, took) = (seconds(*since), self.lasted(*since, *until));
        let in_vain = if until.is_none() { " in vain" } else { "" };
        let asked = format!("{who}'s {what}, begun at {begun}, waited {took}{in_vain}");
        let meanwhile = (*since, end);
        let wanted = self.wanted(operation);
        match (self.holder(meanwhile, who, wanted), self.send(meanwhile)) {
            (None, _) if let Some(wanted) = wanted => {
                format!("{asked}: {}", self.nobody_has(wanted))
            }
            (None, None) => self.after_faults(&asked),
            (Some(claim), Some(wait)) if claim.who == wait.who => {
                let time = self.lasted(wait.since, wait.until);
                format!("{asked}: {}, whose send found no room for {time}", self.held(claim))
            }
            (Some(claim), _) => format!("{asked}: {}", self.held(claim)),
            (None, Some(wait)) => format!("{asked}: {}", self.unread(wait)),
        }
    }

    /// A lock that was not free in time: who had had it, and how long ago the server ended that connection.
    fn kept(&self, text: &str) -> String {
        let ended = |claim: &&Claim| {
            let was_ended = |mark: &Mark| mark.who == claim.who && claim.until == Some(mark.at);
            claim.granted.is_some() && self.recording.marks.iter().any(was_ended)
        };
        let is_named = |claim: &&Claim| {
            let key = claim.lock.trim_start_matches("key ");
            text.contains(key)
                || key
                    .strip_prefix("held-by-")
                    .is_some_and(|who| text.contains(&who.replace('-', " ")))
        };
        let mut claims = self.recording.claims.iter().rev();
        let Some(claim) = claims.find(|claim| is_named(claim) && ended(claim)) else {
            return self.after_faults(text);
        };
        let Claim { lock, who, until, granted, .. } = claim;
        let (granted, until) = (granted.unwrap_or_default(), until.unwrap_or_default());
        let (from, to) = (seconds(granted), seconds(until));
        let mut told = format!(
            "{text}. {who} had {lock} from {from}, until the server ended that connection at {to}"
        );
        let at_the_end = |wait: &&Wait| {
            wait.who == *who && wait.until.is_some_and(|end| end.abs_diff(until) < ABOUT)
        };
        if let Some(wait) = self.recording.waits.iter().rfind(at_the_end) {
            let _ = write!(
                told,
                ", after its send had found no room for {}",
                self.lasted(wait.since, wait.until)
            );
        }
        told
    }

    /// What somebody was waiting for when it was over.
    fn wanted(&self, operation: &Operation) -> Option<&Claim> {
        let end = operation.until.unwrap_or(self.recording.end);
        let is_it = |claim: &&Claim| {
            let waits = claim.granted.is_none_or(|granted| granted >= end)
                && claim.until.is_none_or(|until| until >= end);
            claim.who == operation.who && waits && claim.since >= operation.since
        };
        self.recording.claims.iter().rfind(is_it)
    }

    /// A lock that nobody has, and that somebody waits for: who had it last, and who went away without it.
    fn nobody_has(&self, wanted: &Claim) -> String {
        let lock = &wanted.lock;
        let others = || {
            self.recording
                .claims
                .iter()
                .filter(|one| one.lock == *lock && !std::ptr::eq(*one, wanted))
        };
        let last = others()
            .filter(|one| one.granted.is_some())
            .filter_map(|one| one.until.map(|until| (until, one)));
        let Some((until, last)) = last.max_by_key(|(until, _)| *until) else {
            return format!("nobody ever had {lock}");
        };
        let mut text =
            format!("nobody had {lock} since {} gave it back at {}", last.who, seconds(until));
        let left = |one: &&Claim| {
            one.granted.is_none()
                && one.since < until
                && one.until.is_some_and(|left| left <= wanted.since.max(until))
        };
        if let Some(left) = others().filter(left).max_by_key(|one| one.until) {
            let (who, since) = (self.named(&left.who, left.since), seconds(left.since));
            let ended = seconds(left.until.unwrap_or_default());
            let _ = write!(
                text,
                "; {who} had waited for it since {since}, and its connection ended at {ended}"
            );
        }
        text
    }

    /// Who else had that lock, or any, for most of that time.
    fn holder(&self, meanwhile: (u64, u64), but: &str, wanted: Option<&Claim>) -> Option<&Claim> {
        let had = |claim: &Claim| {
            let granted = claim.granted?;
            Some(self.overlap((granted, claim.until), meanwhile))
        };
        let others = self.recording.claims.iter().filter(|claim| {
            claim.who != but && wanted.is_none_or(|wanted| wanted.lock == claim.lock)
        });
        others
            .filter(|claim| is_most(had(claim).unwrap_or_default(), meanwhile))
            .max_by_key(|claim| had(claim))
    }

    fn held(&self, claim: &Claim) -> String {
        let Claim { lock, how, who, granted, until, .. } = claim;
        let since = granted.unwrap_or_default();
        let (time, from) = (self.lasted(since, *until), seconds(since));
        let who = self.named(who, since);
        format!("the {lock} was locked ({how}) from {from} for {time}, for {who}")
    }

    /// Which send of the server found no room for most of that time.
    fn send(&self, meanwhile: (u64, u64)) -> Option<&Wait> {
        let overlap = |wait: &Wait| self.overlap((wait.since, wait.until), meanwhile);
        let long = self.recording.waits.iter().filter(|wait| is_most(overlap(wait), meanwhile));
        long.max_by_key(|wait| overlap(wait))
    }

    fn unread(&self, wait: &Wait) -> String {
        let time = self.lasted(wait.since, wait.until);
        let who = self.named(&wait.who, wait.since);
        format!("the server's send to {who} found no room for {time}")
    }

    /// Who, and what had become of it about then.
    fn named(&self, who: &str, then: u64) -> String {
        self.last_fault(who, then).map_or_else(
            || who.to_owned(),
            |fault| format!("{who} ({} since {})", fault.kind.words(), seconds(fault.at_ms * 1000)),
        )
    }

    fn lasted(&self, since: u64, until: Option<u64>) -> String {
        seconds(until.unwrap_or(self.recording.end).saturating_sub(since))
    }

    /// The last fault of that victim that had begun about then.
    fn last_fault(&self, who: &str, then: u64) -> Option<&Fault> {
        let mut faults = self.plan.faults.iter().rev();
        faults.find(|fault| fault.who() == who && fault.at_ms * 1000 <= then + ABOUT)
    }

    fn after_faults(&self, what: &str) -> String {
        let faults: Vec<String> = self
            .plan
            .faults
            .iter()
            .map(|fault| {
                let at = seconds(fault.at_ms * 1000);
                format!("{} at {at}: {}", fault.who(), fault.kind.words())
            })
            .collect();
        match faults.len() {
            0 => format!("{what}, with no fault at all"),
            1 | 2 => format!("{what}, after {}", faults.join(" and ")),
            count => format!("{what}, after {count} faults"),
        }
    }

    fn overlap(&self, one: (u64, Option<u64>), other: (u64, u64)) -> u64 {
        let end = one.1.unwrap_or(self.recording.end);
        end.min(other.1).saturating_sub(one.0.max(other.0))
    }
}

fn is_most(overlap: u64, whole: (u64, u64)) -> bool {
    overlap * 2 > whole.1.saturating_sub(whole.0)
}

fn seconds(micros: u64) -> String {
    format!("{}.{:02} s", micros / 1_000_000, micros % 1_000_000 / 10_000)
}
