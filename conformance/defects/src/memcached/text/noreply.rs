//! noreply: which commands have it, and where it stands.

use super::Talk;
use super::defects::Switch;

/// How many words a command has in front of noreply; nothing for those that always answer.
fn words_before(name: &[u8]) -> Option<usize> {
    Some(match name {
        b"cas" => 6,
        b"set" | b"add" | b"replace" | b"append" | b"prepend" => 5,
        b"incr" | b"decr" | b"touch" => 3,
        b"delete" | b"verbosity" | b"cache_memlimit" => 2,
        b"flush_all" => 1,
        _ => return None,
    })
}

/// Whether this command is not to be answered.
pub(super) fn is_silent(name: &[u8], words: &[Vec<u8>]) -> bool {
    words_before(name).is_some_and(|before| words.len() > before)
        && words.last().is_some_and(|word| word == b"noreply")
}

impl Talk<'_> {
    /// What of that is sent.
    pub(super) fn without_noreply(
        &mut self,
        name: &[u8],
        words: &[Vec<u8>],
        said: Vec<u8>,
    ) -> Vec<u8> {
        let silent = self.is_hushed(name, words) && !self.speaks_anyway(name, &said);
        let sticks = std::mem::replace(&mut self.kept.hushed, silent);
        let holds_on = sticks && self.wrong(Switch::NoreplySticks) && words_before(name).is_some();
        if silent || holds_on { Vec::new() } else { said }
    }

    fn is_hushed(&self, name: &[u8], words: &[Vec<u8>]) -> bool {
        let last = words.last().map_or(&b""[..], Vec::as_slice);
        let surplus = words_before(name).is_some_and(|before| words.len() > before);
        let reads = matches!(name, b"get" | b"gets" | b"gat" | b"gats");
        is_silent(name, words)
            || surplus && self.wrong(Switch::AnyLastWordIsNoreply)
            || surplus
                && last.eq_ignore_ascii_case(b"noreply")
                && self.wrong(Switch::NoreplyIgnoresCase)
            || reads && last == b"noreply" && self.wrong(Switch::ReadsTakeNoreply)
    }

    /// The defects that answer what should be silent.
    fn speaks_anyway(&self, name: &[u8], said: &[u8]) -> bool {
        let failed = ["NOT_", "EXISTS", "CLIENT_ERROR"];
        let failed = failed.into_iter().any(|text| said.starts_with(text.as_bytes()));
        failed && self.wrong(Switch::NoreplyHidesSuccessOnly)
            || self.wrong(match name {
                b"delete" => Switch::NoreplyOfDeleteIsAnswered,
                b"incr" | b"decr" => Switch::NoreplyOfCountersIsAnswered,
                b"touch" => Switch::NoreplyOfTouchIsAnswered,
                b"flush_all" => Switch::NoreplyOfFlushIsAnswered,
                b"verbosity" | b"cache_memlimit" => Switch::NoreplyOfVerbosityIsAnswered,
                _ => Switch::NoreplyOfStoresIsAnswered,
            })
    }
}
