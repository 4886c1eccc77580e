//! Statuses of replies, as a newtype that keeps unknown values, with memcached's wording.

use core::fmt;

/// The status of a reply. Clients match on it, never on the text (MCB-HDR-10).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Status(pub u16);

macro_rules! statuses {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal, $text:literal;)+) => {
        impl Status {
            $($(#[doc = $doc])* pub const $name: Self = Self($code);)+

            /// memcached's wording of an error's body (MCB-STA-01); empty for the two that are no errors.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                    // An error's body is never empty (MCB-HDR-10).
                    _ => "Unknown error",
                }
            }
        }

        impl fmt::Display for Status {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Self::$name => f.pad(stringify!($name)),)+
                    Self(other) => write!(f, "0x{other:04x}"),
                }
            }
        }
    };
}

statuses! {
    /// Done.
    SUCCESS = 0x0000, "";
    /// No such key, or no such group of statistics.
    KEY_NOT_FOUND = 0x0001, "Not found";
    /// The key exists (ADD), or its CAS is another.
    KEY_EXISTS = 0x0002, "Data exists for key.";
    /// The value cannot fit in an item.
    TOO_LARGE = 0x0003, "Too large.";
    /// Wrong shape of a request; the connection closes.
    INVALID_ARGUMENTS = 0x0004, "Invalid arguments";
    /// Nothing there to append or prepend to.
    NOT_STORED = 0x0005, "Not stored.";
    /// The value is not a decimal number below 2^64.
    NON_NUMERIC = 0x0006, "Non-numeric server-side value for incr or decr";
    /// Authentication failed or is missing, or FLUSH is disabled.
    AUTH_ERROR = 0x0020, "Auth failure.";
    /// Authentication needs another step.
    AUTH_CONTINUE = 0x0021, "";
    /// Unknown opcode, or a body shorter than extras and key.
    UNKNOWN_COMMAND = 0x0081, "Unknown command";
    /// No memory for the item.
    OUT_OF_MEMORY = 0x0082, "Out of memory allocating item";
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
