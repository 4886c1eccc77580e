//! CAS values: whether a request's matches, what an item gets, and what is told of it.

use super::super::defect::Switch;
use super::super::frame::{Request, Status};
use super::super::opcode::{Command, Verb};
use super::super::store::{Item, Store};

impl Store {
    /// Refuses a request whose CAS is not that of the item; 0 asks for nothing.
    pub(super) fn check_cas(
        &self,
        command: Command,
        request: &Request,
        item: &Item,
    ) -> Result<(), Status> {
        let asked = request.header.cas;
        if asked == 0 || self.ignores_cas(command) {
            return Ok(());
        }
        let matches = match self.active.0 {
            Some(Switch::LaterCasMatches) => asked >= item.cas,
            Some(Switch::EarlierCasMatches) => asked <= item.cas,
            Some(Switch::CasMatchesIn32Bits) => asked & 0xffff_ffff == item.cas & 0xffff_ffff,
            Some(Switch::MatchingCasIsRefused) => false,
            _ => asked == item.cas,
        };
        let mismatch = match self.active.0 {
            Some(Switch::MismatchIsNotStored) => Status::NotStored,
            _ => Status::Exists,
        };
        if matches { Ok(()) } else { Err(mismatch) }
    }

    /// Puts an item in its place under a new CAS. What is told of that is returned.
    pub(super) fn put(&mut self, command: Command, key: &[u8], mut item: Item) -> u64 {
        let old = self.items.get(key).cloned();
        item.cas = match &old {
            Some(old) if self.keeps_cas(command, old, &item) => old.cas,
            _ => self.next_cas(old.as_ref()),
        };
        let mut told = item.cas;
        if let Some(old) = old
            && self.wrong(Switch::SetReturnsTheOldCas)
        {
            told = old.cas;
        }
        if self.hides_cas(command.verb) {
            told = 0;
        }
        self.items.insert(key.to_vec(), item);
        self.used(key);
        told
    }

    fn ignores_cas(&self, command: Command) -> bool {
        let verb = match command.verb {
            Verb::Set => Switch::SetIgnoresTheCas,
            Verb::Replace => Switch::ReplaceIgnoresTheCas,
            Verb::Append => Switch::AppendIgnoresTheCas,
            Verb::Prepend => Switch::PrependIgnoresTheCas,
            Verb::Delete => Switch::DeleteIgnoresTheCas,
            Verb::Increment => Switch::IncrIgnoresTheCas,
            Verb::Decrement => Switch::DecrIgnoresTheCas,
            _ => return false,
        };
        self.wrong(verb) || command.quiet && self.wrong(Switch::QuietIgnoresTheCas)
    }

    fn keeps_cas(&self, command: Command, old: &Item, new: &Item) -> bool {
        let same = old.value == new.value;
        let verb = match command.verb {
            Verb::Set => Switch::SetKeepsTheCas,
            Verb::Replace => Switch::ReplaceKeepsTheCas,
            Verb::Append => Switch::AppendKeepsTheCas,
            Verb::Prepend => Switch::PrependKeepsTheCas,
            Verb::Increment | Verb::Decrement
                if same && self.wrong(Switch::ZeroDeltaKeepsTheCas) =>
            {
                return true;
            }
            Verb::Increment => Switch::IncrKeepsTheCas,
            Verb::Decrement => Switch::DecrKeepsTheCas,
            _ => return false,
        };
        self.wrong(verb)
            || command.quiet && self.wrong(Switch::QuietKeepsTheCas)
            || same && command.verb == Verb::Set && self.wrong(Switch::UnchangedValueKeepsTheCas)
    }

    fn hides_cas(&self, verb: Verb) -> bool {
        self.wrong(match verb {
            Verb::Set => Switch::SetReturnsNoCas,
            Verb::Add => Switch::AddReturnsNoCas,
            Verb::Replace => Switch::ReplaceReturnsNoCas,
            Verb::Append => Switch::AppendReturnsNoCas,
            Verb::Prepend => Switch::PrependReturnsNoCas,
            Verb::Increment => Switch::IncrReturnsNoCas,
            Verb::Decrement => Switch::DecrReturnsNoCas,
            _ => return false,
        })
    }
}
