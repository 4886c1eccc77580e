//! Opcodes, as a newtype that keeps unknown values, and the table of quiet semantics.
//! It leaves out what each opcode's request must look like: that is `shape`.

use core::fmt;

use super::Status;

/// The opcode of a request; a reply repeats it exactly (MCB-HDR-05).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Opcode(pub u8);

macro_rules! opcodes {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal,)+) => {
        impl Opcode {
            $($(#[doc = $doc])* pub const $name: Self = Self($code);)+

            /// Every known opcode, in numeric order.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name in capitals; `None` for an unknown opcode.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)+
                    _ => None,
                }
            }
        }
    };
}

opcodes! {
    /// Read a value.
    GET = 0x00,
    /// Store whether or not the key exists.
    SET = 0x01,
    /// Store if the key is absent.
    ADD = 0x02,
    /// Store if the key is present.
    REPLACE = 0x03,
    /// Remove a key.
    DELETE = 0x04,
    /// Add to a counter, modulo 2^64.
    INCREMENT = 0x05,
    /// Subtract from a counter, stopping at 0.
    DECREMENT = 0x06,
    /// Answer, then close.
    QUIT = 0x07,
    /// Make every item a miss, now or later.
    FLUSH = 0x08,
    /// Quiet [`Opcode::GET`].
    GETQ = 0x09,
    /// Nothing; its reply is a fence behind quiet commands (MCB-NOP-01).
    NOOP = 0x0a,
    /// The server's version.
    VERSION = 0x0b,
    /// Read a value, with the key in the reply.
    GETK = 0x0c,
    /// Quiet [`Opcode::GETK`].
    GETKQ = 0x0d,
    /// Add bytes behind a value.
    APPEND = 0x0e,
    /// Add bytes before a value.
    PREPEND = 0x0f,
    /// Statistics, a packet each.
    STAT = 0x10,
    /// Quiet [`Opcode::SET`].
    SETQ = 0x11,
    /// Quiet [`Opcode::ADD`].
    ADDQ = 0x12,
    /// Quiet [`Opcode::REPLACE`].
    REPLACEQ = 0x13,
    /// Quiet [`Opcode::DELETE`].
    DELETEQ = 0x14,
    /// Quiet [`Opcode::INCREMENT`].
    INCREMENTQ = 0x15,
    /// Quiet [`Opcode::DECREMENT`].
    DECREMENTQ = 0x16,
    /// Quiet [`Opcode::QUIT`].
    QUITQ = 0x17,
    /// Quiet [`Opcode::FLUSH`].
    FLUSHQ = 0x18,
    /// Quiet [`Opcode::APPEND`].
    APPENDQ = 0x19,
    /// Quiet [`Opcode::PREPEND`].
    PREPENDQ = 0x1a,
    /// Set a new expiry.
    TOUCH = 0x1c,
    /// Set a new expiry and read the value.
    GAT = 0x1d,
    /// Quiet [`Opcode::GAT`].
    GATQ = 0x1e,
    /// Name the SASL mechanisms.
    SASL_LIST_MECHS = 0x20,
    /// Begin to authenticate.
    SASL_AUTH = 0x21,
    /// Go on authenticating.
    SASL_STEP = 0x22,
    /// [`Opcode::GAT`] with the key in the reply.
    GATK = 0x23,
    /// Quiet [`Opcode::GATK`].
    GATKQ = 0x24,
}

impl Opcode {
    /// Whether some reply to this opcode is suppressed.
    pub const fn is_quiet(self) -> bool {
        self.loud().0 != self.0
    }

    /// The opcode that does the same and always answers; itself where it is not quiet.
    #[must_use]
    pub const fn loud(self) -> Self {
        match self {
            Self::GETQ => Self::GET,
            Self::GETKQ => Self::GETK,
            Self::SETQ => Self::SET,
            Self::ADDQ => Self::ADD,
            Self::REPLACEQ => Self::REPLACE,
            Self::DELETEQ => Self::DELETE,
            Self::INCREMENTQ => Self::INCREMENT,
            Self::DECREMENTQ => Self::DECREMENT,
            Self::QUITQ => Self::QUIT,
            Self::FLUSHQ => Self::FLUSH,
            Self::APPENDQ => Self::APPEND,
            Self::PREPENDQ => Self::PREPEND,
            Self::GATQ => Self::GAT,
            Self::GATKQ => Self::GATK,
            other => other,
        }
    }

    /// Whether a reply carries the key: the GETK and GATK families.
    pub const fn with_key(self) -> bool {
        matches!(self, Self::GETK | Self::GETKQ | Self::GATK | Self::GATKQ)
    }

    /// Whether this opcode swallows a reply of that status: quiet reads swallow misses, the other
    /// quiet commands swallow success (MCB-QT-01 to MCB-QT-03).
    pub const fn suppresses(self, status: Status) -> bool {
        match self {
            Self::GETQ | Self::GETKQ | Self::GATQ | Self::GATKQ => {
                status.0 == Status::KEY_NOT_FOUND.0
            }
            _ => self.is_quiet() && status.0 == Status::SUCCESS.0,
        }
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "0x{:02x}", self.0),
        }
    }
}

impl fmt::Debug for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
