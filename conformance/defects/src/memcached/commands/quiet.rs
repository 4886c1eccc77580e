//! Which answers are sent: all to loud opcodes; to quiet reads all but misses, to quiet mutations all but
//! success.

use super::super::defect::{Active, Switch};
use super::super::frame::Status;
use super::super::opcode::{Command, Verb};
use super::Answer;

/// Whether this answer is sent.
pub(super) fn speaks(command: Command, answer: &Answer, active: Active) -> bool {
    let Command { verb, quiet } = command;
    let missed = matches!(answer, Err(Status::NotFound));
    if !quiet {
        return !(missed && verb == Verb::GetK && active.is(Switch::GetkMissIsSilent));
    }
    let dull = if verb.reads() { missed } else { answer.is_ok() };
    if dull {
        return noise(verb).is_some_and(|switch| active.is(switch));
    }
    if missed && active.is(Switch::QuietMutationsHideMisses) {
        return false;
    }
    if matches!(answer, Err(Status::OutOfMemory))
        && active.is(Switch::RefusalsOfQuietStoresAreSilent)
    {
        return false;
    }
    silence(verb).is_none_or(|switch| !active.is(switch))
}

/// The defect that answers what should be silent.
fn noise(verb: Verb) -> Option<Switch> {
    Some(match verb {
        Verb::Get => Switch::GetqMissIsAnswered,
        Verb::GetK => Switch::GetkqMissIsAnswered,
        Verb::Gat => Switch::GatqMissIsAnswered,
        Verb::GatK => Switch::GatkqMissIsAnswered,
        Verb::Set => Switch::SetqIsAnswered,
        Verb::Add => Switch::AddqIsAnswered,
        Verb::Replace => Switch::ReplaceqIsAnswered,
        Verb::Append => Switch::AppendqIsAnswered,
        Verb::Prepend => Switch::PrependqIsAnswered,
        Verb::Delete => Switch::DeleteqIsAnswered,
        Verb::Increment => Switch::IncrqIsAnswered,
        Verb::Decrement => Switch::DecrqIsAnswered,
        Verb::Flush => Switch::FlushqIsAnswered,
        Verb::Quit => Switch::QuitqIsAnswered,
        _ => return None,
    })
}

/// The defect that is silent where an answer is due.
fn silence(verb: Verb) -> Option<Switch> {
    Some(match verb {
        Verb::Get => Switch::GetqHitIsSilent,
        Verb::GetK => Switch::GetkqHitIsSilent,
        Verb::Gat => Switch::GatqHitIsSilent,
        Verb::GatK => Switch::GatkqHitIsSilent,
        Verb::Set => Switch::SetqHidesFailures,
        Verb::Add => Switch::AddqHidesFailures,
        Verb::Replace => Switch::ReplaceqHidesFailures,
        Verb::Append => Switch::AppendqHidesFailures,
        Verb::Prepend => Switch::PrependqHidesFailures,
        Verb::Delete => Switch::DeleteqHidesFailures,
        Verb::Increment => Switch::IncrqHidesFailures,
        Verb::Decrement => Switch::DecrqHidesFailures,
        _ => return None,
    })
}
