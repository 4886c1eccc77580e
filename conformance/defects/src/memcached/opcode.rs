//! Opcodes: what a request asks for, and whether it wants an answer in any case.

/// What a request asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verb {
    Get,
    GetK,
    Gat,
    GatK,
    Touch,
    Set,
    Add,
    Replace,
    Append,
    Prepend,
    Delete,
    Increment,
    Decrement,
    Flush,
    Noop,
    Version,
    Quit,
    Stat,
}

impl Verb {
    /// Looks for items and leaves their values.
    pub(super) fn reads(self) -> bool {
        matches!(self, Self::Get | Self::GetK | Self::Gat | Self::GatK | Self::Touch)
    }

    /// Gives an item a new expiry, and nothing else.
    pub(super) fn touches(self) -> bool {
        matches!(self, Self::Gat | Self::GatK | Self::Touch)
    }

    /// Brings a value.
    pub(super) fn stores(self) -> bool {
        matches!(self, Self::Set | Self::Add | Self::Replace | Self::Append | Self::Prepend)
    }
}

/// An opcode that the server has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Command {
    pub(super) verb: Verb,
    pub(super) quiet: bool,
}

/// Opcode, its quiet form (0 where there is none), verb.
const OPCODES: [(u8, u8, Verb); 18] = [
    (0x00, 0x09, Verb::Get),
    (0x0c, 0x0d, Verb::GetK),
    (0x01, 0x11, Verb::Set),
    (0x02, 0x12, Verb::Add),
    (0x03, 0x13, Verb::Replace),
    (0x04, 0x14, Verb::Delete),
    (0x05, 0x15, Verb::Increment),
    (0x06, 0x16, Verb::Decrement),
    (0x07, 0x17, Verb::Quit),
    (0x08, 0x18, Verb::Flush),
    (0x0a, 0, Verb::Noop),
    (0x0b, 0, Verb::Version),
    (0x0e, 0x19, Verb::Append),
    (0x0f, 0x1a, Verb::Prepend),
    (0x10, 0, Verb::Stat),
    (0x1c, 0, Verb::Touch),
    (0x1d, 0x1e, Verb::Gat),
    (0x23, 0x24, Verb::GatK),
];

/// What an opcode asks for; nothing if the server does not have it.
pub(super) fn command(opcode: u8) -> Option<Command> {
    OPCODES.iter().find_map(|&(loud, quiet, verb)| {
        let is_quiet = quiet != 0 && opcode == quiet;
        (opcode == loud || is_quiet).then_some(Command { verb, quiet: is_quiet })
    })
}

/// The loud form of a quiet opcode; any other as it is.
pub(super) fn loud(opcode: u8) -> u8 {
    let form = OPCODES.iter().find(|&&(_, quiet, _)| quiet != 0 && quiet == opcode);
    form.map_or(opcode, |&(loud, _, _)| loud)
}
