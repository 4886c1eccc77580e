//! Who brings a new value: N, R and I ask for it, and W, X and Z tell who does.

use std::time::Duration;

use super::super::meta_defects::Switch;
use super::super::{On, Talk};
use super::Asked;
use super::flags::Flag;
use crate::memcached::store::Item;

impl Talk<'_> {
    /// The item that N creates on a miss.
    pub(super) fn vivified(&mut self, asked: &Asked) -> Option<Item> {
        let word = asked.flags.argument(b'N')?;
        if self.wrong(Switch::NCreatesNothing) {
            return None;
        }
        let mut lifetime = self.expiry(word).unwrap_or_default();
        if self.wrong(Switch::StubNeverExpires) {
            lifetime = 0;
        }
        if lifetime == 0 && self.wrong(Switch::StubOfZeroExpires) {
            lifetime = 1;
        }
        Some(self.stub(lifetime))
    }

    /// Whether R asks for a new value of that item.
    pub(super) fn is_below(&self, flag: &Flag, item: &Item, now: Duration) -> bool {
        let seconds = u64::from(self.expiry(&flag.argument).unwrap_or_default());
        let Some(at) = item.expires else { return self.wrong(Switch::NoExpiryIsBelow) };
        let below = at.saturating_sub(now) < Duration::from_secs(seconds);
        match self.on() {
            On::Meta(Switch::RecacheNeverWins) => false,
            On::Meta(Switch::RecacheAlwaysWins) => true,
            On::Meta(Switch::RecacheWinsAbove) => !below,
            _ => below,
        }
    }

    /// What is told of the win: one client gets it, until the item is stored anew.
    pub(super) fn win(&mut self, item: &mut Item, recache: bool, created: bool) -> Vec<Vec<u8>> {
        let stale = item.marks.stale;
        let may_win = created || stale || recache;
        let again = self.wrong(Switch::EverybodyWins)
            || recache && self.wrong(Switch::RecacheWinsAgain)
            || stale && self.wrong(Switch::EverybodyWinsWhatIsStale);
        let wins = may_win && (!item.marks.won || again);
        let lost = item.marks.won && !wins;
        item.marks.won |= wins;
        let forgotten = created && self.wrong(Switch::WinOfNIsForgotten)
            || stale && self.wrong(Switch::WinOfIIsForgotten);
        let mut told = Vec::new();
        let turned = self.wrong(Switch::XComesLast);
        if stale && !lost && !turned && !self.wrong(Switch::XIsMissing) {
            told.push("X");
        }
        if wins && !forgotten {
            told.push("W");
        }
        if lost && !self.wrong(Switch::ZIsMissing) && !(stale && self.wrong(Switch::StaleHasNoZ)) {
            told.push("Z");
        }
        if stale && (lost || turned) && !self.wrong(Switch::XIsMissing) {
            told.push("X");
        }
        told.into_iter().map(Into::into).collect()
    }
}
