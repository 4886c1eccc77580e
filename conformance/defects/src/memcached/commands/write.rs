//! SET, ADD, REPLACE and DELETE, quiet and loud.

use super::super::defect::Switch;
use super::super::frame::{Reply, Request, Status};
use super::super::opcode::{Command, Verb};
use super::super::store::{Item, Marks, Store};
use super::Answer;

impl Store {
    pub(super) fn write(&mut self, command: Command, request: &Request) -> Answer {
        self.statistics.count("cmd_set");
        let old = self.items.get(&request.key).cloned();
        let new = self.new_item(command, request, old.as_ref());
        let past = new.expires.is_some_and(|at| at <= self.clock.unix());
        if past && self.wrong(Switch::PastIsRefused) {
            return Err(Status::NotStored);
        }
        let allowed = self.may_write(command, request, old.as_ref());
        if request.header.cas != 0 {
            self.statistics.count(match (&old, allowed) {
                (None, _) => "cas_misses",
                (Some(_), Ok(())) => "cas_hits",
                (Some(_), Err(_)) => "cas_badval",
            });
        }
        if let Err(status) = allowed {
            self.refused(command, request, &new);
            return Err(status);
        }
        self.make_room(command, request, new.value.len())?;
        self.statistics.count("total_items");
        let cas = self.put(command, &request.key, new);
        Ok(self.stored(cas))
    }

    /// Whether the item is there or not there as it should be.
    fn may_write(
        &self,
        command: Command,
        request: &Request,
        old: Option<&Item>,
    ) -> Result<(), Status> {
        let asks = request.header.cas != 0;
        match (command.verb, old) {
            (Verb::Add, Some(_)) if self.wrong(Switch::AddOverwrites) => Ok(()),
            (Verb::Add, Some(_)) if self.wrong(Switch::AddOnPresentIsNotStored) => {
                Err(Status::NotStored)
            }
            (Verb::Add, Some(_)) => Err(Status::Exists),
            (Verb::Replace, None) if self.wrong(Switch::ReplaceCreates) => Ok(()),
            (Verb::Replace, None) if self.wrong(Switch::ReplaceOnAbsentIsNotStored) => {
                Err(Status::NotStored)
            }
            (Verb::Set, None) if asks && self.wrong(Switch::CasOnAbsentStores) => Ok(()),
            (Verb::Set, None) if asks && self.wrong(Switch::CasOnAbsentExists) => {
                Err(Status::Exists)
            }
            (Verb::Replace, None) => Err(Status::NotFound),
            (Verb::Set, None) if asks => Err(Status::NotFound),
            (_, Some(old)) => self.check_cas(command, request, old),
            (_, None) => Ok(()),
        }
    }

    fn new_item(&self, command: Command, request: &Request, old: Option<&Item>) -> Item {
        let lifetime = request.u32_at(4);
        let mut item = Item {
            value: self.kept_value(&request.value),
            flags: request.u32_at(0),
            cas: 0,
            expires: self.deadline(lifetime),
            lifetime,
            marks: Marks::at(self.clock.unix()),
        };
        match (self.active.0, command.verb, old) {
            (Some(Switch::SetKeepsTheOldFlags), Verb::Set, Some(old))
            | (Some(Switch::ReplaceKeepsTheOldFlags), Verb::Replace, Some(old)) => {
                item.flags = old.flags;
            }
            (Some(Switch::SetKeepsTheExpiry), Verb::Set, Some(old))
            | (Some(Switch::ReplaceKeepsTheExpiry), Verb::Replace, Some(old)) => {
                item.expires = old.expires;
            }
            (Some(Switch::AddIgnoresTheExpiry), Verb::Add, _) => item.expires = None,
            (Some(Switch::QuietStoresIgnoreTheExpiry), ..) if command.quiet => item.expires = None,
            _ => {}
        }
        item
    }

    /// What of a value is stored: all of it.
    fn kept_value(&self, value: &[u8]) -> Vec<u8> {
        let kept = match self.active.0 {
            Some(Switch::ValueEndsAtNul) => value.split(|&byte| byte == 0).next(),
            Some(Switch::ValueLosesTheLineEnd) => value.strip_suffix(b"\r\n"),
            _ => None,
        };
        kept.unwrap_or(value).to_vec()
    }

    /// What a refused store does to the item: nothing.
    fn refused(&mut self, command: Command, request: &Request, new: &Item) {
        let active = self.active.0;
        let Some(mut item) = self.items.get(&request.key).cloned() else { return };
        match active {
            Some(Switch::RefusedAddSetsFlags) if command.verb == Verb::Add => {
                item.flags = new.flags;
            }
            Some(Switch::RefusalsSetTheExpiry) => item.expires = new.expires,
            Some(Switch::RefusalsChangeTheCas) => item.cas = self.next_cas(Some(&item)),
            Some(Switch::MismatchStores) => item.value.clone_from(&new.value),
            _ => return,
        }
        self.items.insert(request.key.clone(), item);
    }

    /// The reply to a successful store.
    pub(super) fn stored(&self, cas: u64) -> Reply {
        let text = if self.wrong(Switch::StoresAnswerAText) { "STORED" } else { "" };
        Reply { value: text.into(), ..Reply::with_cas(cas) }
    }

    pub(super) fn delete(&mut self, command: Command, request: &Request) -> Answer {
        let Some(item) = self.items.get(&request.key) else {
            self.statistics.count("delete_misses");
            let succeeds = self.wrong(Switch::DeleteOfAbsentSucceeds);
            return if succeeds { Ok(Reply::default()) } else { Err(Status::NotFound) };
        };
        self.check_cas(command, request, item)?;
        let cas = if self.wrong(Switch::DeleteAnswersTheCas) { item.cas } else { 0 };
        self.statistics.count("delete_hits");
        self.remove(command, &request.key);
        Ok(Reply::with_cas(cas))
    }

    fn remove(&mut self, command: Command, key: &[u8]) {
        match self.active.0 {
            Some(Switch::DeleteqDoesNothing) if command.quiet => {}
            Some(Switch::DeleteEmptiesTheItem) => {
                self.items.entry(key.to_vec()).and_modify(|item| item.value.clear());
            }
            Some(Switch::DeleteTakesTheLongerKeys) => {
                self.items.retain(|other, _| !other.starts_with(key));
            }
            _ => {
                if self.wrong(Switch::DeletedKeepTheirMemory) {
                    self.memory.lost += self.size_of(key);
                }
                self.items.remove(key);
            }
        }
    }
}
