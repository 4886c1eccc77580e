//! What a header alone decides: whether its request is executed, refused or fatal.

use super::defect::{Active, Switch};
use super::frame::{Header, Status};
use super::opcode::{self, Command, Verb};
use crate::Setup;

/// The longest key.
const KEY_BYTES_MAX: usize = 250;

/// The longest value. Where memory is scarce an item has to fit as a whole.
pub(super) fn value_bytes_max(setup: Setup) -> usize {
    match setup {
        Setup::Plain | Setup::Sasl => item_bytes_max(setup),
        Setup::Evicts | Setup::Refuses => item_bytes_max(setup) - KEY_BYTES_MAX,
    }
}

/// The largest item, as the server tells it.
pub(super) fn item_bytes_max(setup: Setup) -> usize {
    match setup {
        Setup::Plain | Setup::Sasl => 1 << 20,
        Setup::Evicts | Setup::Refuses => 1 << 19,
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Judgement {
    /// It is executed when its body has come.
    Run(Command),
    /// It is a store of too much: its value is skipped, then it is answered.
    TooLarge(Command),
    /// Its body is skipped, then it is answered with this.
    Refuse(Status),
    /// It is answered with this, and the connection ends.
    Fatal(Status),
}

/// Judges a header whose magic is right.
pub(super) fn judge(header: &Header, active: Active, setup: Setup) -> Judgement {
    if header.body < header.extras + header.key {
        return if active.is(Switch::ShortBodyGoesOn) {
            Judgement::Refuse(Status::Unknown)
        } else {
            Judgement::Fatal(Status::Unknown)
        };
    }
    let command = opcode::command(header.opcode);
    if !key_is_short(header.key, command, active)
        || header.body >= 1 << 31 && !active.is(Switch::TwoGibIsWaitedFor)
    {
        return Judgement::Fatal(Status::Invalid);
    }
    let Some(command) = command else { return Judgement::Refuse(unknown(header.opcode, active)) };
    if !fits(header, command.verb, active) {
        let as_unknown = active.is(Switch::InvalidIsUnknown);
        return Judgement::Fatal(if as_unknown { Status::Unknown } else { Status::Invalid });
    }
    if header.data_type != 0 && active.is(Switch::DataTypeIsRefused) {
        return Judgement::Refuse(Status::Invalid);
    }
    if header.vbucket != 0 && active.is(Switch::VbucketIsRefused) {
        return Judgement::Refuse(Status::WrongVbucket);
    }
    let value_max =
        if active.is(Switch::HalfAMillionIsTooLarge) { 1 << 19 } else { value_bytes_max(setup) };
    if command.verb.stores() && header.value() > value_max {
        return Judgement::TooLarge(command);
    }
    Judgement::Run(command)
}

fn unknown(opcode: u8, active: Active) -> Status {
    match active.0 {
        Some(Switch::UnknownSaysNotSupported) => Status::NotSupported,
        Some(Switch::SaslIsAnAuthError) if (0x20..=0x22).contains(&opcode) => Status::Auth,
        _ => Status::Unknown,
    }
}

fn key_is_short(length: usize, command: Option<Command>, active: Active) -> bool {
    match active.0 {
        Some(Switch::KeyOf250IsRefused) => length < KEY_BYTES_MAX,
        Some(Switch::KeyOf251IsAccepted) => length <= KEY_BYTES_MAX + 1,
        Some(Switch::KeyOf128IsRefused) => length < 128,
        Some(Switch::UnknownTakesALongKey) if command.is_none() => true,
        _ => length <= KEY_BYTES_MAX,
    }
}

fn fits(header: &Header, verb: Verb, active: Active) -> bool {
    extras_fit(header.extras, verb, active)
        && (key_fits(header.key, verb) || takes_key_anyway(verb, active))
        && (value_fits(header.value(), verb) || takes_value_anyway(verb, active))
        && !(verb.stores() && header.value() == 0 && active.is(Switch::EmptyValueIsRefused))
}

fn extras_fit(length: usize, verb: Verb, active: Active) -> bool {
    let proper = match verb {
        Verb::Set | Verb::Add | Verb::Replace => length == 8,
        Verb::Increment | Verb::Decrement => length == 20,
        Verb::Touch | Verb::Gat | Verb::GatK => length == 4,
        Verb::Flush => match active.0 {
            Some(Switch::FlushWantsExtras) => length == 4,
            Some(Switch::FlushRefusesExtras) => length == 0,
            _ => length == 0 || length == 4,
        },
        _ => length == 0,
    };
    proper
        || active.is(match verb {
            Verb::Get | Verb::GetK => Switch::GetTakesExtras,
            Verb::Set | Verb::Add | Verb::Replace => Switch::StoreTakesAnyExtras,
            Verb::Delete => Switch::DeleteTakesExtras,
            Verb::Increment | Verb::Decrement if length < 20 => Switch::CounterTakesShortExtras,
            Verb::Increment | Verb::Decrement => Switch::CounterTakesLongExtras,
            Verb::Append | Verb::Prepend => Switch::AppendTakesExtras,
            Verb::Touch | Verb::Gat | Verb::GatK => Switch::TouchTakesAnyExtras,
            Verb::Flush => Switch::FlushTakesAnyExtras,
            Verb::Stat => Switch::StatTakesExtras,
            Verb::Noop | Verb::Version | Verb::Quit => Switch::BareTakesExtras,
        })
}

fn key_fits(length: usize, verb: Verb) -> bool {
    match verb {
        Verb::Noop | Verb::Version | Verb::Quit | Verb::Flush => length == 0,
        Verb::Stat => true,
        _ => length > 0,
    }
}

fn takes_key_anyway(verb: Verb, active: Active) -> bool {
    active.is(match verb {
        Verb::Noop | Verb::Version | Verb::Quit | Verb::Flush | Verb::Stat => Switch::BareTakesAKey,
        Verb::Delete => Switch::DeleteTakesNoKey,
        Verb::Increment | Verb::Decrement => Switch::CounterTakesNoKey,
        _ if verb.stores() => Switch::StoreTakesNoKey,
        _ => Switch::ReadTakesNoKey,
    })
}

fn value_fits(length: usize, verb: Verb) -> bool {
    verb.stores() || length == 0
}

fn takes_value_anyway(verb: Verb, active: Active) -> bool {
    active.is(match verb {
        Verb::Delete => Switch::DeleteTakesAValue,
        Verb::Increment | Verb::Decrement => Switch::CounterTakesAValue,
        Verb::Touch | Verb::Gat | Verb::GatK => Switch::TouchTakesAValue,
        Verb::Flush => Switch::FlushTakesAValue,
        Verb::Stat => Switch::StatTakesAValue,
        Verb::Noop | Verb::Version | Verb::Quit => Switch::BareTakesAValue,
        _ => Switch::GetTakesAValue,
    })
}
