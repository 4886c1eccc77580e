//! memcached's items, each alone: value, flags and CAS.
//!
//! A CAS is opaque: it equals what it was when it was seen, and no other item that the key ever had bears it (MCB-CAS-16).
//! A store whose reply was lost has given the item one that nobody knows; whoever sees it first tells. Left out: expiry,
//! FLUSH, and the blanks that some servers keep behind a number that got shorter.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::brief::brief;
use super::{About, Model};

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

/// What a key stands for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Item {
    value: Arc<[u8]>,
    flags: u32,
    /// None where nobody has seen it yet.
    cas: Option<u64>,
}

impl Model for Items {
    type Key = Key;
    type State = Option<Item>;
    type Input = Request;
    type Output = Reply;

    fn sessions_are_alike(&self) -> bool {
        true
    }

    fn about(&self, input: &Request) -> About<Key> {
        About::Keys(vec![Key(input.key.clone())])
    }

    fn start(&self, _: &BTreeSet<Key>) -> Option<Item> {
        None
    }

    fn step(
        &self,
        state: &Option<Item>,
        _: u64,
        input: &Request,
        output: Option<&Reply>,
    ) -> Option<Option<Item>> {
        let item = state.as_ref();
        match &input.action {
            Action::Get => look(item, output),
            Action::Store { mode: Mode::Add, value, flags, .. } => add(item, value, *flags, output),
            Action::Store { mode, value, flags, cas } => {
                let make = |old: Option<&Item>| stored(*mode, old, value, *flags);
                store(item, *cas, make, output)
            }
            Action::Delete { cas } => delete(item, *cas, output),
            Action::Count { delta, down, initial } => {
                count(item, (*delta, *down), *initial, output)
            }
        }
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

/// `Some` of the state that follows, `None` if that output cannot be.
type Next = Option<Option<Item>>;

fn look(item: Option<&Item>, output: Option<&Reply>) -> Next {
    match (item, output?) {
        (None, Reply::Missing) => Some(None),
        (Some(item), Reply::Hit { value, flags, cas }) => {
            let same = item.value == *value && item.flags == *flags && may_be(item.cas, *cas);
            same.then(|| Some(Item { cas: item.cas.or(*cas), ..item.clone() }))
        }
        _ => None,
    }
}

fn add(item: Option<&Item>, value: &Arc<[u8]>, flags: u32, output: Option<&Reply>) -> Next {
    match (item, output) {
        (Some(item), Some(Reply::Exists)) => Some(Some(item.clone())),
        (None, Some(Reply::Stored { .. }) | None) => {
            Some(Some(Item { value: Arc::clone(value), flags, cas: cas_of(output) }))
        }
        _ => None,
    }
}

/// What becomes of the item, and `None` if there has to be one.
fn stored(mode: Mode, old: Option<&Item>, value: &Arc<[u8]>, flags: u32) -> Option<Item> {
    let joined =
        |parts: [&[u8]; 2], old: &Item| Item { value: parts.concat().into(), ..old.clone() };
    match (mode, old) {
        (Mode::Append, Some(old)) => Some(joined([&old.value, value], old)),
        (Mode::Prepend, Some(old)) => Some(joined([value, &old.value], old)),
        (Mode::Append | Mode::Prepend | Mode::Replace, None) => None,
        _ => Some(Item { value: Arc::clone(value), flags, cas: None }),
    }
}

fn store(
    item: Option<&Item>,
    token: u64,
    make: impl Fn(Option<&Item>) -> Option<Item>,
    output: Option<&Reply>,
) -> Next {
    let new = make(item).filter(|_| item.is_some() || token == 0);
    match (new, output) {
        (None, Some(Reply::Missing)) => Some(item.cloned()),
        (Some(_), Some(Reply::Exists)) => refused(item?, token),
        (Some(new), Some(Reply::Stored { .. }) | None) if fits(item, token) => {
            changed(item, new, output)
        }
        _ => None,
    }
}

fn delete(item: Option<&Item>, token: u64, output: Option<&Reply>) -> Next {
    match (item, output) {
        (None, Some(Reply::Missing)) => Some(None),
        (Some(item), Some(Reply::Exists)) => refused(item, token),
        (Some(_), Some(Reply::Deleted) | None) if fits(item, token) => Some(None),
        _ => None,
    }
}

fn count(
    item: Option<&Item>,
    (delta, down): (u64, bool),
    initial: Option<u64>,
    output: Option<&Reply>,
) -> Next {
    let number = item.map(|item| number(&item.value));
    let counted = match number {
        Some(Some(number)) if down => number.saturating_sub(delta),
        Some(Some(number)) => number.wrapping_add(delta),
        Some(None) => {
            return matches!(output, Some(Reply::NotANumber)).then(|| item.cloned());
        }
        None => match initial {
            Some(initial) => initial,
            None => return matches!(output, Some(Reply::Missing)).then_some(None),
        },
    };
    match output {
        Some(Reply::Counted { value, .. }) if *value != counted => None,
        Some(Reply::Counted { .. }) | None => {
            let value = counted.to_string().into_bytes().into();
            let flags = item.map_or(0, |item| item.flags);
            changed(item, Item { value, flags, cas: None }, output)
        }
        _ => None,
    }
}

fn number(value: &[u8]) -> Option<u64> {
    let digits = value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()
}

/// A change gives the item another CAS (MCB-CAS-03).
fn changed(old: Option<&Item>, new: Item, output: Option<&Reply>) -> Next {
    let cas = cas_of(output);
    let before = old.and_then(|old| old.cas);
    (cas.is_none() || cas != before).then_some(Some(Item { cas, ..new }))
}

/// 0x0002: the item has another CAS than that (MCB-CAS-04).
fn refused(item: &Item, token: u64) -> Next {
    (token != 0 && item.cas != Some(token)).then(|| Some(item.clone()))
}

fn fits(item: Option<&Item>, token: u64) -> bool {
    token == 0 || item.is_some_and(|item| may_be(item.cas, Some(token)))
}

fn may_be(cas: Option<u64>, seen: Option<u64>) -> bool {
    cas.is_none() || seen.is_none() || cas == seen
}

fn cas_of(output: Option<&Reply>) -> Option<u64> {
    match output {
        Some(Reply::Stored { cas } | Reply::Counted { cas, .. }) => *cas,
        _ => None,
    }
}

/// A key.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Key(pub Vec<u8>);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", brief(&self.0))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = brief(&self.key);
        match &self.action {
            Action::Get => write!(f, "get {key}"),
            Action::Store { mode, value, flags, cas } => {
                let (name, value) = (mode.name(), brief(value));
                write!(f, "{name} {key} value={value} flags={flags} cas={cas}")
            }
            Action::Delete { cas } => write!(f, "delete {key} cas={cas}"),
            Action::Count { delta, down, initial } => {
                let name = if *down { "decr" } else { "incr" };
                write!(f, "{name} {key} delta={delta}")?;
                initial.map_or(Ok(()), |initial| write!(f, " initial={initial}"))
            }
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cas_of = |cas: &Option<u64>| cas.map_or(String::new(), |cas| format!(" cas={cas}"));
        match self {
            Self::Hit { value, flags, cas } => {
                write!(f, "{} flags={flags}{}", brief(value), cas_of(cas))
            }
            Self::Stored { cas } => write!(f, "stored{}", cas_of(cas)),
            Self::Counted { value, cas } => write!(f, "{value}{}", cas_of(cas)),
            Self::Deleted => f.write_str("deleted"),
            Self::Missing => f.write_str("missing"),
            Self::Exists => f.write_str("exists"),
            Self::NotANumber => f.write_str("not a number"),
        }
    }
}
