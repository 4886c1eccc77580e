//! Statuses of replies, as a newtype that keeps unknown values, with memcached's wording.

use core::fmt;

/// The status of a reply. Clients match on it, never on the text (MCB-HDR-10).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Status(pub u16);

impl Status {
    /// Done.
    pub const SUCCESS: Self = Self(0x0000);
    /// No such key, or no such group of statistics.
    pub const KEY_NOT_FOUND: Self = Self(0x0001);
    /// The key exists (ADD), or its CAS is another.
    pub const KEY_EXISTS: Self = Self(0x0002);
    /// The value cannot fit in an item.
    pub const TOO_LARGE: Self = Self(0x0003);
    /// Wrong shape of a request; the connection closes.
    pub const INVALID_ARGUMENTS: Self = Self(0x0004);
    /// Nothing there to append or prepend to.
    pub const NOT_STORED: Self = Self(0x0005);
    /// The value is not a decimal number below 2^64.
    pub const NON_NUMERIC: Self = Self(0x0006);
    /// Authentication failed or is missing, or FLUSH is disabled.
    pub const AUTH_ERROR: Self = Self(0x0020);
    /// Authentication needs another step.
    pub const AUTH_CONTINUE: Self = Self(0x0021);
    /// Unknown opcode, or a body shorter than extras and key.
    pub const UNKNOWN_COMMAND: Self = Self(0x0081);
    /// No memory for the item.
    pub const OUT_OF_MEMORY: Self = Self(0x0082);

    /// The name in capitals; `None` for an unknown status.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::SUCCESS => "SUCCESS",
            Self::KEY_NOT_FOUND => "KEY_NOT_FOUND",
            Self::KEY_EXISTS => "KEY_EXISTS",
            Self::TOO_LARGE => "TOO_LARGE",
            Self::INVALID_ARGUMENTS => "INVALID_ARGUMENTS",
            Self::NOT_STORED => "NOT_STORED",
            Self::NON_NUMERIC => "NON_NUMERIC",
            Self::AUTH_ERROR => "AUTH_ERROR",
            Self::AUTH_CONTINUE => "AUTH_CONTINUE",
            Self::UNKNOWN_COMMAND => "UNKNOWN_COMMAND",
            Self::OUT_OF_MEMORY => "OUT_OF_MEMORY",
            _ => return None,
        })
    }

    /// memcached's wording of an error's body (MCB-STA-01); empty for the two that are no errors.
    pub const fn text(self) -> &'static str {
        match self {
            Self::SUCCESS | Self::AUTH_CONTINUE => "",
            Self::KEY_NOT_FOUND => "Not found",
            Self::KEY_EXISTS => "Data exists for key.",
            Self::TOO_LARGE => "Too large.",
            Self::INVALID_ARGUMENTS => "Invalid arguments",
            Self::NOT_STORED => "Not stored.",
            Self::NON_NUMERIC => "Non-numeric server-side value for incr or decr",
            Self::AUTH_ERROR => "Auth failure.",
            Self::UNKNOWN_COMMAND => "Unknown command",
            Self::OUT_OF_MEMORY => "Out of memory allocating item",
            // An error's body is never empty (MCB-HDR-10).
            _ => "Unknown error",
        }
    }

    /// Whether a reply of this status is an error by MCB-HDR-10: no extras, CAS 0, text for a body.
    pub const fn is_error(self) -> bool {
        !matches!(self, Self::SUCCESS | Self::AUTH_CONTINUE)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "0x{:04x}", self.0),
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
