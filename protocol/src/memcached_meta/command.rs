//! Requests: what a meta line and its data block ask for. It leaves out what a command does.

use bytes::Bytes;

use super::FLAGS_MAX;
use super::flags::Flags;
use super::key::decoded;
use crate::memcached::{
    Command, DO_NOT_CREATE, Direction, Extras, Lookup, Recache, Side, StoreMode,
};
use crate::memcached_text::{Block, KEY_MAX, Refusal, Tokens, is_key, length};

/// What a meta line asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The key; empty for [`Action::Nop`].
    pub key: Bytes,
    /// What to do with it.
    pub action: Action,
    /// It came in base64, and goes back so.
    pub key_is_binary: bool,
    /// `q`: the usual outcome is not told (MCM-QT-01 to MCM-QT-05).
    pub is_quiet: bool,
    /// `v`: the value is asked for.
    pub wants_value: bool,
    /// The flags as they came, along which the reply is written.
    pub(super) flags: Bytes,
}

/// What a meta line does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// `mn`: an answer, and nothing else (MCM-NOP-01).
    Nop,
    /// `mg`.
    Get(Lookup),
    /// `ms`, `md`, `ma`.
    Change {
        /// What any protocol could say.
        command: Command,
        /// The CAS that must match; 0 matches none (MCM-CAS-04).
        cas: Option<u64>,
        /// What only meta can say.
        extras: Extras,
    },
    /// `me`: what is known of an item.
    Debug,
}

type Read<T> = Result<T, Refusal>;

impl Request {
    /// Whether the reply tells how long the item lives.
    pub fn wants_ttl(&self) -> bool {
        Tokens::new(&self.flags).any(|flag| flag.first() == Some(&b't'))
    }

    /// How an item is looked at, by `mg`.
    pub const fn look(&self) -> Option<Lookup> {
        match self.action {
            Action::Get(lookup) => Some(lookup),
            _ => None,
        }
    }

    /// Whether a value is stored, by a command that goes by the key or the CAS.
    pub(super) const fn is_store(&self) -> bool {
        matches!(
            self.action,
            Action::Change { command: Command::Store { .. } | Command::Concat { .. }, .. }
        )
    }

    /// Whether a value is stored, and no CAS is looked at.
    pub(super) const fn is_plain_store(&self) -> bool {
        matches!(self.action, Action::Change { command: Command::Store { .. }, cas: None, .. })
    }

    /// Reads what stands behind `m` and that letter; `block` is the data block of `ms`, if its length could be read.
    pub(crate) fn parse(letter: u8, rest: &Bytes, block: Option<Block>) -> Read<Self> {
        let mut tokens = Tokens::new(rest);
        if letter == b'n' {
            return Ok(Self::new(Bytes::new(), Action::Nop));
        }
        let no_key = if letter == b'e' { Refusal::FORMAT } else { Refusal::UNKNOWN };
        let token = tokens.next().ok_or(no_key)?;
        if token.len() > KEY_MAX {
            return Err(Refusal::FORMAT); // MCM-GEN-11
        }
        let key = rest.slice_ref(token);
        match letter {
            b'g' => {
                let read = Self::with_flags(key, rest.slice_ref(tokens.rest()), &MG)?;
                Ok(read.into_get())
            }
            b's' => {
                tokens.next().and_then(length).ok_or(Refusal::FORMAT)?;
                let read = Self::with_flags(key, rest.slice_ref(tokens.rest()), &MS)?;
                read.into_store(block.ok_or(Refusal::FORMAT)?)
            }
            b'd' => {
                let read = Self::with_flags(key, rest.slice_ref(tokens.rest()), &MD)?;
                Ok(read.into_delete())
            }
            b'a' => {
                let read = Self::with_flags(key, rest.slice_ref(tokens.rest()), &MA)?;
                read.into_count()
            }
            _ => Self::debug(key, tokens.next()),
        }
    }

    fn new(key: Bytes, action: Action) -> Self {
        let flags = Bytes::new();
        Self { key, action, key_is_binary: false, is_quiet: false, wants_value: false, flags }
    }

    /// Only a `b` right behind the key means something (MCM-DBG-03).
    fn debug(key: Bytes, first: Option<&[u8]>) -> Read<Self> {
        if first != Some(b"b") {
            return Ok(Self::new(key, Action::Debug));
        }
        let key = decoded(&key).ok_or(Refusal::FORMAT)?;
        Ok(Self { key_is_binary: true, ..Self::new(key, Action::Debug) })
    }

    fn with_flags(token: Bytes, text: Bytes, verb: &Verb) -> Read<WithFlags> {
        let flags =
            Flags::read(&text, verb.flags_max, verb.too_many).map_err(|wrong| verb.says(wrong))?;
        let key_is_binary = flags.has(b'b');
        let key = match key_is_binary {
            true => decoded(&token).ok_or(verb.says(Refusal::BASE64))?,
            false if is_key(&token) => token,
            false => return Err(Refusal::FORMAT),
        };
        let (is_quiet, wants_value) = (flags.has(b'q'), flags.has(b'v'));
        let request =
            Self { key, action: Action::Nop, key_is_binary, is_quiet, wants_value, flags: text };
        Ok(WithFlags { request, flags })
    }
}

/// What tells the commands apart that have flags.
struct Verb {
    flags_max: usize,
    too_many: Refusal,
    /// `md` and `ma` have one sentence for all that can be wrong with flags.
    is_terse: bool,
}

const MG: Verb = Verb { flags_max: FLAGS_MAX, too_many: Refusal::TOO_MANY_OF_MG, is_terse: false };
const MS: Verb = Verb { flags_max: FLAGS_MAX - 1, too_many: Refusal::TOO_MANY, is_terse: false };
const MD: Verb = Verb { flags_max: FLAGS_MAX, too_many: Refusal::TOO_MANY, is_terse: true };
const MA: Verb = MD;

impl Verb {
    fn says(&self, refusal: Refusal) -> Refusal {
        match refusal {
            Refusal::OPAQUE | Refusal::TOO_MANY => refusal,
            _ if self.is_terse => Refusal::FLAGS,
            _ => refusal,
        }
    }
}

/// A request whose flags are right, and not made use of yet.
struct WithFlags {
    request: Request,
    flags: Flags,
}

impl WithFlags {
    fn into_get(self) -> Request {
        let Self { request, flags } = self;
        let recache = |below| Recache { below, after_touch: flags.expiry_first };
        // MCM-GET-12: of two expiries the last one is that of an item that is created.
        let later = flags.expiry.filter(|_| flags.vivify_first);
        let lookup = Lookup {
            touch: flags.expiry,
            vivify: later.or(flags.vivify),
            recache: flags.recache.map(recache),
            is_peek: flags.has(b'u'),
            key_is_binary: request.key_is_binary,
        };
        Request { action: Action::Get(lookup), ..request }
    }

    /// With a CAS, ADD goes by the key alone (MCM-CAS-03), and 0 checks nothing before a concatenation (MCM-CAS-04).
    fn into_store(self, block: Block) -> Read<Request> {
        let Self { request, flags } = self;
        let (key, client, expiry) = (
            request.key.clone(),
            flags.client.unwrap_or_default(),
            flags.expiry.unwrap_or_default(),
        );
        let mode = flags.mode.unwrap_or(b'S');
        let store = |mode, value| Command::Store { mode, key, flags: client, expiry, value };
        let concat = |side, value| Command::Concat { side, key: request.key.clone(), value };
        let unless_0 = flags.cas.filter(|cas| *cas != 0);
        if !b"SERAP".contains(&mode) {
            return Err(Refusal::STORE_MODE);
        }
        let value = block?;
        let (command, cas) = match mode {
            b'E' => (store(StoreMode::Add, value), None),
            b'R' => (store(StoreMode::Replace, value), flags.cas),
            b'A' => (concat(Side::Append, value), unless_0),
            b'P' => (concat(Side::Prepend, value), unless_0),
            _ => (store(StoreMode::Set, value), flags.cas),
        };
        // MCM-STA-14
        let invalidates = flags.has(b'I') && cas.is_some() && matches!(mode, b'S' | b'R');
        let extras = Extras { invalidates, expiry: None, key_is_binary: request.key_is_binary };
        Ok(Request { action: Action::Change { command, cas, extras }, ..request })
    }

    /// An expiry matters only to what stays (MCM-DEL-02).
    fn into_delete(self) -> Request {
        let Self { request, flags } = self;
        let invalidates = flags.has(b'I');
        let expiry = flags.expiry.filter(|_| invalidates);
        let extras = Extras { invalidates, expiry, key_is_binary: request.key_is_binary };
        let command = Command::Delete { key: request.key.clone() };
        Request { action: Action::Change { command, cas: flags.cas, extras }, ..request }
    }

    fn into_count(self) -> Read<Request> {
        let Self { request, flags } = self;
        let direction = match flags.mode.unwrap_or(b'I') {
            b'I' | b'+' => Direction::Increment,
            b'D' | b'-' => Direction::Decrement,
            _ => return Err(Refusal::COUNT_MODE),
        };
        let command = Command::Arithmetic {
            direction,
            key: request.key.clone(),
            delta: flags.delta.unwrap_or(1),
            initial: flags.initial.unwrap_or_default(),
            expiry: flags.vivify.unwrap_or(DO_NOT_CREATE),
        };
        let cas = flags.cas.filter(|cas| *cas != 0);
        let key_is_binary = request.key_is_binary;
        let extras = Extras { invalidates: false, expiry: flags.expiry, key_is_binary };
        Ok(Request { action: Action::Change { command, cas, extras }, ..request })
    }
}
