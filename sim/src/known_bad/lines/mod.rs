//! A memcached that speaks text and meta, as the flawed servers want it, and flaws of its own.
//!
//! Lines and table are written apart from the production ones. What nobody in the simulator sends is not there.

mod meaning;
mod meta;
mod request;
mod table;
mod text;

pub(crate) use table::Lines;

use crate::config::Protocol;

super::listed! {
    /// A flaw of a memcached that speaks in lines.
    T01 "answers what was sent with noreply"
    T02 "ends a multi-get at the first key that is missing"
    T03 "stores with a token that was used up"
    T04 "does what was sent with noreply behind the next command"
    T05 "holds the lock while it sends the values of a multi-get"
    M01 "lets everybody win who fetches a stale item"
    M02 "leaves an item stale that was stored anew"
    M03 "says what a quiet command failed with behind the MN that fences it"
    M04 "tells nobody that a value is stale"
    M05 "remembers who won when an item is marked as stale again"
    M06 "takes an older CAS for the item's own"
    M07 "keeps the empty item of a winner for ever"
    M08 "lets nobody win what is vivified"
}

impl Flaw {
    /// What its server is spoken to in.
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::T01 | Self::T02 | Self::T03 | Self::T04 | Self::T05 => Protocol::Text,
            _ => Protocol::Meta,
        }
    }
}
