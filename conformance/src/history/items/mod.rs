//! memcached's items, each alone: value, flags and CAS; and for meta's leases whether it is stale, and whether somebody has
//! won the right to fill it anew.
//!
//! A CAS is opaque: it equals what it was when it was seen, and no other item that the key ever had bears it (MCB-CAS-16).
//! Who stores without being told it, or whose reply was lost, has given the item one that nobody knows; whoever sees it
//! first tells. Only a store of what may be older compares two of them (MCM-STA-13).
//!
//! Left out: expiry (no history is so long that a life ends in it), FLUSH, and the blanks that some servers keep behind a
//! number that got shorter.

mod leases;
mod show;
mod step;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{About, Model};
use leases::Marks;

/// memcached.
#[derive(Clone, Copy, Debug, Default)]
pub struct Items;

/// A request about one key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// The key.
    pub key: Vec<u8>,
    /// What is to become of it.
    pub action: Action,
}

/// What a request asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// GET, or GAT without an expiry.
    Get,
    /// `mg`: GET that may win (MCM-STA-01, MCM-STA-06, MCM-STA-09).
    Fetch {
        /// N: the life of the empty item that is made where there is none.
        vivify: Option<Life>,
        /// R, with more seconds than any life has: an item that ends is to be filled anew.
        recache: bool,
    },
    /// Another life: TOUCH.
    Touch {
        /// Which.
        life: Life,
    },
    /// `ms` with C and I: with a CAS that is older than the item's the value is stored and is stale (MCM-STA-13).
    Refill {
        /// The value.
        value: Arc<[u8]>,
        /// The CAS.
        cas: u64,
    },
    /// `md` with I: the item stays, and is stale (MCM-STA-09).
    Invalidate {
        /// C: the CAS that the item must have; 0 for any.
        cas: u64,
        /// T: another life.
        life: Option<Life>,
    },
    /// SET, ADD, REPLACE, APPEND or PREPEND.
    Store {
        /// Which of them.
        mode: Mode,
        /// The value, or what is joined to it.
        value: Arc<[u8]>,
        /// Not for APPEND and PREPEND, which leave them.
        flags: u32,
        /// The CAS that the item must have; 0 for any. Not for ADD.
        cas: u64,
    },
    /// DELETE, if the item has this CAS (0 for any).
    Delete {
        /// The CAS.
        cas: u64,
    },
    /// INCREMENT, or DECREMENT.
    Count {
        /// By how much.
        delta: u64,
        /// Whether it is to become less.
        down: bool,
        /// What a counter begins with that does not exist, if it is to be created.
        initial: Option<u64>,
    },
}

/// How long an item lives. A store makes it the second, but for APPEND and PREPEND.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Life {
    /// Longer than a history, and not for ever.
    Ends,
    /// For ever.
    ForEver,
}

/// How a value is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// In any case.
    Set,
    /// If there is none.
    Add,
    /// If there is one.
    Replace,
    /// Behind the one that is there.
    Append,
    /// Before it.
    Prepend,
}

impl Mode {
    /// The command's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Add => "add",
            Self::Replace => "replace",
            Self::Append => "append",
            Self::Prepend => "prepend",
        }
    }
}

/// What came of a request. A CAS is none if the client did not learn it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// GET's item.
    Hit {
        /// Its value.
        value: Arc<[u8]>,
        /// Its flags.
        flags: u32,
        /// Its CAS.
        cas: Option<u64>,
    },
    /// What `mg` found, or made.
    Fetched {
        /// The item's value.
        value: Arc<[u8]>,
        /// Its flags.
        flags: u32,
        /// Its CAS.
        cas: Option<u64>,
        /// X: it is stale.
        is_stale: bool,
        /// W, Z, or neither.
        win: Win,
    },
    /// It has another life.
    Touched,
    /// It is stale from now on.
    Invalidated,
    /// It is stored.
    Stored {
        /// The item's new CAS.
        cas: Option<u64>,
    },
    /// It is counted.
    Counted {
        /// The count.
        value: u64,
        /// The item's new CAS.
        cas: Option<u64>,
    },
    /// It is deleted.
    Deleted,
    /// There is no item: 0x0001, and 0x0005 of APPEND and PREPEND.
    Missing,
    /// There is an item, or one with another CAS: 0x0002.
    Exists,
    /// The value is no number: 0x0006.
    NotANumber,
}

/// Who is to fill an item anew.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Win {
    /// W: who asked.
    Won,
    /// Z: somebody was told so before.
    Taken,
    /// Nobody.
    None,
}

/// What a key stands for.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct State {
    item: Option<Item>,
    /// The last CAS that anybody saw of the key's items: one that nobody has seen yet is another.
    last: Option<u64>,
}

/// An item.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Item {
    value: Arc<[u8]>,
    flags: u32,
    /// None where nobody has seen it yet.
    cas: Option<u64>,
    /// In what ways it may be marked, for all that is known.
    marks: Marks,
}

impl Model for Items {
    type Key = Key;
    type State = State;
    type Input = Request;
    type Output = Reply;

    fn sessions_are_alike(&self) -> bool {
        true
    }

    fn about(&self, input: &Request) -> About<Key> {
        About::Keys(vec![Key(input.key.clone())])
    }

    fn start(&self, _: &BTreeSet<Key>) -> State {
        State::default()
    }

    fn step(
        &self,
        state: &State,
        _: u64,
        input: &Request,
        output: Option<&Reply>,
    ) -> Option<State> {
        step::step(state, &input.action, output)
    }

    fn only_looks(&self, input: &Request) -> bool {
        input.action == Action::Get
    }

    fn unique(&self, output: &Reply) -> Option<u64> {
        match output {
            Reply::Stored { cas } | Reply::Counted { cas, .. } => *cas,
            _ => None,
        }
    }
}

/// A key.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Key(pub Vec<u8>);
