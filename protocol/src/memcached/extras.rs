//! What only the meta protocol can say: beside a [`Command`](super::Command), or instead of a plain GET.

/// What a client adds to a command. The other protocols add nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Extras {
    /// A delete marks the item as stale instead (MCM-STA-09), and a store with an older CAS stores as stale
    /// (MCM-STA-13).
    pub invalidates: bool,
    /// A new expiry, for a counter or for what was marked as stale.
    pub expiry: Option<u32>,
    /// The key came in base64, and an item that is stored now goes back that way (MCM-KEY-05).
    pub key_is_binary: bool,
}

/// How meta reads an item (`mg`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Lookup {
    /// A new expiry for what is there (MCM-GET-11).
    pub touch: Option<u32>,
    /// The expiry of an empty item that is stored where there is none (MCM-STA-01).
    pub vivify: Option<u32>,
    /// Somebody shall store the item anew before it expires.
    pub recache: Option<Recache>,
    /// Not counted as an access (MCM-GET-09).
    pub is_peek: bool,
    /// The key came in base64.
    pub key_is_binary: bool,
}

/// When an item shall be stored anew: one client is told so (MCM-STA-06).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Recache {
    /// From fewer seconds on.
    pub below: u32,
    /// Of the new expiry, where there is one; else of the one from before (MCM-STA-08).
    pub after_touch: bool,
}

impl Lookup {
    /// Whether it changes nothing, unless the item is stale and nobody was told so yet.
    pub const fn is_read(&self) -> bool {
        self.touch.is_none() && self.vivify.is_none() && self.recache.is_none()
    }
}
