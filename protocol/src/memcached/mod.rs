//! What clients ask of memcached, in whichever of its protocols they say it: binary, text or meta. A SET is one thing.
//!
//! Left out: bytes, replies, and what a command does.

mod extras;

use bytes::Bytes;

pub use extras::{Extras, Lookup, Recache};

/// The expiry of a counter that shall not be created (MCB-ARI-06).
pub const DO_NOT_CREATE: u32 = u32::MAX;

/// An expiry that is over in every case, which text says with a negative number (MCT-EXP-04): the first number of seconds
/// that is a date, in January 1970.
pub const EXPIRED: u32 = 60 * 60 * 24 * 30 + 1;

/// The arguments of a request. Expiries and delays are seconds, or Unix seconds above 30 days.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "the fields are the arguments of the variant's own line")]
pub enum Command {
    /// Read a value.
    Get { key: Bytes },
    /// Store a value.
    Store { mode: StoreMode, key: Bytes, flags: u32, expiry: u32, value: Value },
    /// Add to a value, which keeps its flags and expiry.
    Concat { side: Side, key: Bytes, value: Value },
    /// Remove a key.
    Delete { key: Bytes },
    /// Count; `initial` is stored where the key is absent, unless `expiry` is [`DO_NOT_CREATE`].
    Arithmetic { direction: Direction, key: Bytes, delta: u64, initial: u64, expiry: u32 },
    /// Set a new expiry.
    Touch { key: Bytes, expiry: u32 },
    /// Set a new expiry and read the value.
    GetAndTouch { key: Bytes, expiry: u32 },
    /// Make every item a miss, after `delay`.
    Flush { delay: u32 },
    /// Nothing.
    Noop,
    /// The version of the server.
    Version,
    /// Close.
    Quit,
    /// Statistics; an empty group is the default set.
    Stat { group: Bytes },
    /// Name the SASL mechanisms (binary only, as the next two).
    SaslListMechs,
    /// Begin to authenticate.
    SaslAuth { mechanism: Bytes, payload: Value },
    /// Go on authenticating.
    SaslStep { mechanism: Bytes, payload: Value },
    /// An unknown opcode of the binary protocol; framing is intact, and the answer is `UNKNOWN_COMMAND` (MCB-LIM-14).
    Unknown,
}

impl Command {
    /// The key, or what stands in its place: a statistics group, a mechanism.
    pub const fn key(&self) -> Option<&Bytes> {
        match self {
            Self::Get { key }
            | Self::Store { key, .. }
            | Self::Concat { key, .. }
            | Self::Delete { key }
            | Self::Arithmetic { key, .. }
            | Self::Touch { key, .. }
            | Self::GetAndTouch { key, .. }
            | Self::Stat { group: key }
            | Self::SaslAuth { mechanism: key, .. }
            | Self::SaslStep { mechanism: key, .. } => Some(key),
            Self::Flush { .. }
            | Self::Noop
            | Self::Version
            | Self::Quit
            | Self::SaslListMechs
            | Self::Unknown => None,
        }
    }
}

/// Which store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoreMode {
    /// Whether or not the key exists.
    Set,
    /// Only if the key is absent.
    Add,
    /// Only if the key is present.
    Replace,
}

/// Where a concatenation adds its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Behind the value.
    Append,
    /// Before the value.
    Prepend,
}

/// Which way a counter goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// Up, modulo 2^64.
    Increment,
    /// Down, stopping at 0.
    Decrement,
}

/// A value, or the word that it was too large to keep.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// The bytes; they share memory with the input buffer, so what is kept for long is copied.
    Present(Bytes),
    /// The announced length in bytes of a value that was skipped.
    TooLarge(u32),
    /// The announced length in bytes of a value within the limit, which was skipped because there was no memory for it.
    NoMemory(u32),
}
