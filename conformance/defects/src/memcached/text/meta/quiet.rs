//! q: what it keeps back, which is never an error.

use super::super::Talk;
use super::super::meta_defects::Switch;
use super::Asked;

impl Talk<'_> {
    /// Nothing, where q keeps that reply back.
    pub(super) fn unless_quiet(&mut self, asked: &Asked, said: Vec<u8>) -> Vec<u8> {
        let quiet = asked.flags.has(b'q');
        let sticks = std::mem::replace(&mut self.kept.quiet, quiet);
        let silent = quiet || sticks && self.wrong(Switch::QuietSticks);
        if !silent {
            return said;
        }
        let code = said.get(..2).unwrap_or_default().to_vec();
        if self.is_kept_back(asked, &code) { Vec::new() } else { said }
    }

    fn is_kept_back(&self, asked: &Asked, code: &[u8]) -> bool {
        let success = matches!(code, b"HD" | b"VA" | b"OK");
        match (asked.name, code) {
            (_, b"CL") => self.wrong(Switch::QuietHidesErrors),
            (_, b"SE") => self.wrong(Switch::QuietHidesTooLarge),
            (b'g', b"EN") => !self.tells_misses(asked),
            (b'g', b"HD") => self.wrong(Switch::QuietMgHidesHits),
            (b's', _) if success => !self.wrong(Switch::QuietMsTellsSuccess),
            (b'd', _) if success => !self.wrong(Switch::QuietMdTellsSuccess),
            (b'a', _) if success && asked.flags.has(b'N') => {
                !self.wrong(Switch::QuietMaTellsCreation)
            }
            (b'a', b"VA") => !self.wrong(Switch::QuietMaTellsNumbers),
            (b'a', _) if success => !self.wrong(Switch::QuietMaTellsSuccess),
            (b's', b"NS") => self.wrong(Switch::QuietMsHidesFailures),
            (b'd', b"NF") => self.wrong(Switch::QuietMdHidesMisses),
            (b'a', b"NF") => self.wrong(Switch::QuietMaHidesMisses),
            (_, b"EX") => self.wrong(Switch::QuietHidesMismatches),
            _ => false,
        }
    }

    /// The defects that tell misses of mg.
    fn tells_misses(&self, asked: &Asked) -> bool {
        let named = asked.flags.has(b'k') || asked.flags.has(b'O');
        self.wrong(Switch::QuietMgTellsMisses)
            || named && self.wrong(Switch::QuietMgTellsNamedMisses)
    }
}
