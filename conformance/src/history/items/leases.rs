//! Stale items and wins: what `mg`, `ms` and `md` do beside values (MCM-STA).
//!
//! What is known of an item's marks is a set. A store that its CAS may have made stale, or not, leaves two possibilities,
//! and so does a count, where servers may do as they like (MCM-STA-12). The next fetch tells.

use super::Win;

/// How an item may be marked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent, and there are three")]
pub(super) struct Mark {
    /// Every fetch says so.
    pub(super) is_stale: bool,
    /// Somebody is to fill it anew, and nobody else is told to.
    pub(super) is_won: bool,
    /// It does not live for ever.
    pub(super) ends: bool,
}

impl Mark {
    /// Who fetches it is told so, and it is marked so from then on (MCM-STA-02, MCM-STA-06, MCM-STA-09).
    pub(super) fn fetched(self, recache: bool) -> (Win, Self) {
        let is_due = self.is_stale || self.ends && recache;
        match (self.is_won, is_due) {
            (true, _) => (Win::Taken, self),
            (false, true) => (Win::Won, Self { is_won: true, ..self }),
            (false, false) => (Win::None, self),
        }
    }

    /// One bit of a set.
    fn bit(self) -> u8 {
        1 << (u8::from(self.is_stale) + 2 * u8::from(self.is_won) + 4 * u8::from(self.ends))
    }
}

/// Some of the eight.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Marks(u8);

impl Marks {
    /// One for certain.
    pub(super) fn of(mark: Mark) -> Self {
        Self(mark.bit())
    }

    /// What becomes of each; none of those that cannot be.
    pub(super) fn each(self, next: impl Fn(Mark) -> Option<Mark>) -> Self {
        let all = [false, true].into_iter().flat_map(|is_stale| {
            let marks = [(false, false), (true, false), (false, true), (true, true)];
            marks.map(|(is_won, ends)| Mark { is_stale, is_won, ends })
        });
        let has = all.filter(|mark| self.0 & mark.bit() != 0);
        Self(has.filter_map(next).fold(0, |marks, mark| marks | mark.bit()))
    }

    /// These and those.
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// None, if there are none.
    pub(super) fn possible(self) -> Option<Self> {
        (self.0 != 0).then_some(self)
    }
}
