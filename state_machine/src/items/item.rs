//! One stored item: a short header and the key in one allocation, and the value behind them or, when it is large, in a
//! buffer of its own that replies share.
//!
//! ```text
//!     byte  0       which optional fields there are, and marks
//!           1       length of the key
//!           2..10   CAS
//!           then    flags, 4 bytes, unless they are 0
//!           then    deadline, 8 bytes, unless there is none
//!           then    the key
//!           then    the value, if it is short
//! ```
//!
//! Millions of them are all that a full cache is: hence no padding, and no field for what most items do not have.

use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

use super::config::{SHARED_LEN_MIN, item_size};
use super::expiry::Deadline;

const HAS_FLAGS: u8 = 1;
const HAS_DEADLINE: u8 = 2;

/// What the meta protocol remembers of an item, beside the bits for fields in its first byte.
#[derive(Debug, Default, Copy, Clone, Eq, PartialEq)]
pub(super) struct Marks(u8);

impl Marks {
    /// Invalidated, and not stored anew since (MCM-STA-09).
    pub(super) const STALE: Self = Self(1 << 2);
    /// A client was told to store it anew (MCM-STA-02).
    pub(super) const TAKEN: Self = Self(1 << 3);
    /// Its key came in base64 (MCM-KEY-05).
    pub(super) const BINARY_KEY: Self = Self(1 << 4);

    const ALL: u8 = Self::STALE.0 | Self::TAKEN.0 | Self::BINARY_KEY.0;

    pub(super) const fn has(self, mark: Self) -> bool {
        self.0 & mark.0 != 0
    }

    pub(super) const fn with(self, mark: Self) -> Self {
        Self(self.0 | mark.0)
    }

    pub(super) const fn without(self, mark: Self) -> Self {
        Self(self.0 & !mark.0)
    }

    /// Those of an item that is stored under such a key.
    pub(super) const fn of_key(is_binary: bool) -> Self {
        if is_binary { Self::BINARY_KEY } else { Self(0) }
    }
}

/// Up to the CAS.
const FIXED_LEN: usize = 10;
const FLAGS_LEN: usize = 4;
const DEADLINE_LEN: usize = 8;

/// An item, or the place of one that is gone: then it owns no memory.
#[derive(Debug)]
pub(super) enum Item {
    /// Header, key, value.
    Whole(Box<[u8]>),
    /// Header and key, and the value.
    Split(Box<(Box<[u8]>, Bytes)>),
}

// A slot for each item: the length of the first variant is where the second has its pointer.
const _: () = assert!(size_of::<Item>() == size_of::<Box<[u8]>>());

/// What an item has beside its key and value.
#[derive(Debug, Copy, Clone, Eq, PartialEq)]
pub(super) struct Meta {
    pub(super) cas: u64,
    pub(super) flags: u32,
    pub(super) deadline: Deadline,
    pub(super) marks: Marks,
}

impl Meta {
    /// The same of an item that is stored anew: nobody has to any more (MCM-STA-11).
    pub(super) const fn anew(self) -> Self {
        let marks = self.marks.without(Marks::STALE).without(Marks::TAKEN);
        Self { marks, ..self }
    }
}

/// An item's value, to be looked at while the item is.
#[derive(Debug, Copy, Clone)]
pub struct Hit<'a> {
    /// The client's flags.
    pub flags: u32,
    /// The CAS, 0 when they are off.
    pub cas: u64,
    /// The value.
    pub value: &'a [u8],
    shared: Option<&'a Bytes>,
}

impl Hit<'_> {
    /// Of an item that is gone already: it is empty.
    pub(super) const fn of_nothing(cas: u64) -> Self {
        Self { flags: 0, cas, value: &[], shared: None }
    }

    /// The value, to be kept without a copy: of at least [`SHARED_LEN_MIN`] bytes, shorter ones are not shared.
    pub fn share(&self) -> Option<Bytes> {
        self.shared.cloned()
    }

    /// The value, to be kept: copied only when it is short.
    pub fn to_bytes(&self) -> Bytes {
        self.share().unwrap_or_else(|| Bytes::copy_from_slice(self.value))
    }
}

impl Item {
    /// Owns no memory, and is no item: those have a header.
    pub(super) fn vacant() -> Self {
        Self::Whole(Box::default())
    }

    /// A copy of everything, or `None` if there is no memory for a large value. The key is at most 255 bytes long.
    pub(super) fn new(meta: Meta, key: &[u8], value: [&[u8]; 2]) -> Option<Self> {
        let value_len = value[0].len() + value[1].len();
        if value_len >= SHARED_LEN_MIN {
            let mut whole = Vec::new();
            whole.try_reserve_exact(value_len).ok()?;
            for part in value {
                whole.extend_from_slice(part);
            }
            let head = packed(meta, key, [b"", b""]);
            return Some(Self::Split(Box::new((head, Bytes::from(whole)))));
        }
        Some(Self::Whole(packed(meta, key, value)))
    }

    /// Looks at its memory, and tells something that means nothing.
    pub(super) fn touch(&self) -> u8 {
        let head = self.head();
        let at = |index: usize| head.get(index).copied().unwrap_or_default();
        at(0) ^ at(head.len() / 2) ^ at(head.len().wrapping_sub(1))
    }

    /// Changes the deadline and nothing else.
    pub(super) fn set_deadline(&mut self, deadline: Deadline) {
        let before = self.meta();
        let head = self.head_mut();
        let (at, end) =
            (head_len(Meta { deadline: Deadline::NEVER, ..before }, 0), head_len(before, 0));
        let field = deadline.to_bytes();
        let field = if deadline == Deadline::NEVER { &[][..] } else { &field };
        let mut bytes = core::mem::take(head).into_vec();
        bytes.splice(at..end, field.iter().copied());
        if let Some(first) = bytes.first_mut() {
            *first = shape(Meta { deadline, ..before });
        }
        *head = bytes.into_boxed_slice();
    }

    /// Changes the marks and nothing else.
    pub(super) fn set_marks(&mut self, marks: Marks) {
        if let Some(first) = self.head_mut().first_mut() {
            *first = *first & !Marks::ALL | marks.0;
        }
    }

    /// Changes the CAS and nothing else.
    pub(super) fn set_cas(&mut self, cas: u64) {
        if let Some(field) = self.head_mut().get_mut(2..FIXED_LEN) {
            field.copy_from_slice(&cas.to_ne_bytes());
        }
    }

    pub(super) fn meta(&self) -> Meta {
        let head = self.head();
        let shape = head.first().copied().unwrap_or_default();
        let mut at = FIXED_LEN;
        let mut optional = |bit: u8, len: usize| {
            let field = (shape & bit != 0).then(|| head.get(at..at + len)).flatten();
            at += field.map_or(0, <[u8]>::len);
            field
        };
        let flags = optional(HAS_FLAGS, FLAGS_LEN).and_then(|field| field.first_chunk());
        let deadline = optional(HAS_DEADLINE, DEADLINE_LEN).and_then(|field| field.first_chunk());
        let cas = head.get(2..).and_then(|rest| rest.first_chunk());
        Meta {
            cas: cas.map_or(0, |bytes| u64::from_ne_bytes(*bytes)),
            flags: flags.map_or(0, |bytes| u32::from_ne_bytes(*bytes)),
            deadline: deadline.map_or(Deadline::NEVER, |bytes| Deadline::from_bytes(*bytes)),
            marks: Marks(shape & Marks::ALL),
        }
    }

    pub(super) fn key(&self) -> &[u8] {
        let head = self.head();
        let key_len = usize::from(head.get(1).copied().unwrap_or_default());
        head.get(head_len_of(head)..).and_then(|rest| rest.get(..key_len)).unwrap_or_default()
    }

    pub(super) fn value(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) => {
                let key_len = usize::from(bytes.get(1).copied().unwrap_or_default());
                bytes.get(head_len_of(bytes) + key_len..).unwrap_or_default()
            }
            Self::Split(parts) => &parts.1,
        }
    }

    pub(super) fn hit(&self) -> Hit<'_> {
        let Meta { cas, flags, .. } = self.meta();
        let shared = match self {
            Self::Whole(_) => None,
            Self::Split(parts) => Some(&parts.1),
        };
        Hit { flags, cas, value: self.value(), shared }
    }

    /// The size that is held against the limits.
    pub(super) fn size(&self) -> usize {
        item_size(self.key().len(), self.meta().flags, self.value().len())
    }

    fn head_mut(&mut self) -> &mut Box<[u8]> {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Split(parts) => &mut parts.0,
        }
    }

    fn head(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Split(parts) => &parts.0,
        }
    }
}

/// Up to the key.
fn head_len_of(head: &[u8]) -> usize {
    let shape = head.first().copied().unwrap_or_default();
    let flags_len = if shape & HAS_FLAGS != 0 { FLAGS_LEN } else { 0 };
    let deadline_len = if shape & HAS_DEADLINE != 0 { DEADLINE_LEN } else { 0 };
    FIXED_LEN + flags_len + deadline_len
}

fn shape(meta: Meta) -> u8 {
    let has_flags = if meta.flags == 0 { 0 } else { HAS_FLAGS };
    let has_deadline = if meta.deadline == Deadline::NEVER { 0 } else { HAS_DEADLINE };
    has_flags | has_deadline | meta.marks.0
}

/// Up to the value.
fn head_len(meta: Meta, key_len: usize) -> usize {
    head_len_of(&[shape(meta)]) + key_len
}

fn packed(meta: Meta, key: &[u8], [first, rest]: [&[u8]; 2]) -> Box<[u8]> {
    let fixed = [shape(meta), u8::try_from(key.len()).unwrap_or(u8::MAX)];
    let (cas, flags, deadline) =
        (meta.cas.to_ne_bytes(), meta.flags.to_ne_bytes(), meta.deadline.to_bytes());
    let flags = if meta.flags == 0 { &[][..] } else { &flags };
    let deadline = if meta.deadline == Deadline::NEVER { &[][..] } else { &deadline };
    [&fixed[..], &cas, flags, deadline, key, first, rest].concat().into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::{Deadline, Item, Marks, Meta, SHARED_LEN_MIN};
    use alloc::vec;

    const DEADLINES: [Deadline; 2] = [Deadline::NEVER, Deadline::from_bytes([7; 8])];

    fn metas() -> impl Iterator<Item = Meta> {
        let meta = |flags| DEADLINES.map(|deadline| (flags, deadline));
        let marks = [Marks::default(), Marks::STALE, Marks(Marks::ALL)];
        let fields = [0, 1, u32::MAX].into_iter().flat_map(meta);
        fields.flat_map(move |(flags, deadline)| {
            marks.map(|marks| Meta { cas: u64::MAX - 1, flags, deadline, marks })
        })
    }

    #[track_caller]
    fn is(item: &Item, meta: Meta, key: &[u8], value: &[u8]) {
        assert_eq!((item.meta(), item.key(), item.value()), (meta, key, value));
        assert_eq!((item.hit().value, &item.hit().to_bytes()[..]), (value, value));
        assert_eq!(item.hit().share().is_some(), value.len() >= SHARED_LEN_MIN);
    }

    #[test]
    fn parts_come_out_as_they_went_in() {
        for meta in metas() {
            for key_len in [1, 250] {
                for len in [0, 1, 100, SHARED_LEN_MIN - 1, SHARED_LEN_MIN] {
                    let (key, first, rest) =
                        (vec![b'k'; key_len], vec![1; len / 2], vec![2; len - len / 2]);
                    let item = Item::new(meta, &key, [&first, &rest]).unwrap();
                    is(&item, meta, &key, &[first, rest].concat());
                }
            }
        }
    }

    #[test]
    fn new_marks_and_cas_leave_the_rest() {
        for before in metas() {
            for after in metas() {
                let mut item = Item::new(before, b"key", [b"value", b""]).unwrap();
                item.set_marks(after.marks);
                item.set_cas(7);
                is(&item, Meta { marks: after.marks, cas: 7, ..before }, b"key", b"value");
            }
        }
    }

    #[test]
    fn marks_take_no_room() {
        let len = |marks| {
            let meta = Meta { cas: 1, flags: 0, deadline: Deadline::NEVER, marks };
            Item::new(meta, b"key", [b"value", b""]).unwrap().head().len()
        };
        assert_eq!(len(Marks(Marks::ALL)), len(Marks::default()));
    }

    #[test]
    fn new_deadline_leaves_the_rest() {
        for len in [5, SHARED_LEN_MIN] {
            for before in metas() {
                for deadline in DEADLINES {
                    let mut item = Item::new(before, b"key", [&vec![4; len], b""]).unwrap();
                    item.set_deadline(deadline);
                    is(&item, Meta { deadline, ..before }, b"key", &vec![4; len]);
                }
            }
        }
    }
}
