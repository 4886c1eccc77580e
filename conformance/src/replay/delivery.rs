//! Where segments end: the same session whole, byte by byte, split at field borders, or with its sends joined.

use std::collections::BTreeSet;

use crate::session::{Expected, Line, Send, Split, Step};
use crate::wire::Outgoing;

/// How requests are cut into writes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Delivery {
    /// A write per request.
    Whole,
    /// A write per byte.
    Bytes,
    /// A write per field of the header and part of the body.
    Fields,
    /// Neighbouring requests of one connection in one write.
    Coalesced,
}

/// Of a long request only this many bytes at the front, and at the back, are written one by one: that is where the
/// borders are.
const SINGLE_FRONT: usize = 320;
const SINGLE_BACK: usize = 32;

impl Delivery {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Whole, Self::Bytes, Self::Fields, Self::Coalesced];

    /// The name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Bytes => "bytes",
            Self::Fields => "fields",
            Self::Coalesced => "coalesced",
        }
    }

    /// The delivery of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|delivery| delivery.name() == name)
    }

    /// Offsets inside a request at which a write ends. `own` are the session's own borders.
    pub(super) fn borders(self, outgoing: &Outgoing, own: Option<&Split>) -> Vec<usize> {
        let length = outgoing.bytes.len();
        let mut borders: Vec<usize> = match (own, self) {
            (Some(Split::Each), _) => (1..length).collect(),
            (Some(Split::Sizes(sizes)), _) => sizes
                .iter()
                .scan(0, |sum, size| {
                    *sum += size;
                    Some(*sum)
                })
                .collect(),
            (None, Self::Bytes) => (1..length)
                .filter(|at| *at <= SINGLE_FRONT || *at + SINGLE_BACK >= length)
                .collect(),
            (None, Self::Fields) => outgoing.borders.clone(),
            (None, Self::Whole | Self::Coalesced) => Vec::new(),
        };
        borders.retain(|at| (1..length).contains(at));
        borders.dedup();
        borders
    }
}

/// How many of the next lines can be played with their sends joined: a run of plain sends and expected messages on one
/// connection, in which no send needs what an earlier reply of the run binds.
pub(super) fn coalesced_run(lines: &[Line]) -> usize {
    let mut bound: BTreeSet<String> = BTreeSet::new();
    let mut conn: Option<&str> = None;
    for (index, line) in lines.iter().enumerate() {
        let joins = match &line.step {
            None => true,
            Some(Step::Send(send)) => {
                is_plain(send) && is_on(&mut conn, &send.conn) && !needs(send, &bound)
            }
            Some(Step::Expect(expect)) => match &expect.what {
                Expected::Message(message) if expect.within.is_none() => {
                    message.values().for_each(|pattern| {
                        pattern.each_var(&mut |name| {
                            bound.insert(name.to_owned());
                        });
                    });
                    is_on(&mut conn, &expect.conn)
                }
                _ => false,
            },
            Some(_) => false,
        };
        if !joins {
            return index;
        }
    }
    lines.len()
}

fn is_plain(send: &Send) -> bool {
    send.split.is_none() && !send.more && send.cut.is_none() && send.from.is_none()
}

fn is_on<'a>(conn: &mut Option<&'a str>, name: &'a str) -> bool {
    *conn.get_or_insert(name) == name
}

fn needs(send: &Send, bound: &BTreeSet<String>) -> bool {
    let mut needs = false;
    let mut check = |name: &str| needs |= bound.contains(name);
    send.message.values().for_each(|value| value.each_var(&mut check));
    needs
}
