//! APPEND and PREPEND, quiet and loud.

use super::super::defect::Switch;
use super::super::frame::{Request, Status};
use super::super::opcode::{Command, Verb};
use super::super::shape::value_bytes_max;
use super::super::store::{Item, Marks, Store};
use super::Answer;

impl Store {
    pub(super) fn join(&mut self, command: Command, request: &Request) -> Answer {
        self.statistics.count("cmd_set");
        let Some(item) = self.items.get(&request.key).cloned() else {
            return self.join_to_nothing(command, request);
        };
        if item.value.is_empty() && self.wrong(Switch::AppendToEmptyIsRefused) {
            return Err(Status::NotStored);
        }
        self.check_cas(command, request, &item)?;
        let value = self.joined(command.verb, &item.value, &request.value);
        if value.len() > value_bytes_max(self.setup) && !self.wrong(Switch::JoinedTooLargeIsStored)
        {
            let says_large = self.wrong(Switch::JoinedTooLargeSaysTooLarge);
            return Err(if says_large { Status::TooLarge } else { Status::NotStored });
        }
        let mut item = Item { value, marks: Marks::at(self.clock.unix()), ..item };
        match self.active.0 {
            Some(Switch::AppendClearsFlags) => item.flags = 0,
            Some(Switch::AppendClearsTheExpiry) => item.expires = None,
            _ => {}
        }
        self.make_room(command, request, item.value.len())?;
        if self.wrong(Switch::GrowingItemIsEvicted) && !self.items.contains_key(&request.key) {
            return Err(Status::NotStored);
        }
        let cas = self.put(command, &request.key, item);
        Ok(self.stored(cas))
    }

    fn join_to_nothing(&mut self, command: Command, request: &Request) -> Answer {
        match self.active.0 {
            Some(Switch::AppendCreates) => {
                let as_set = Request { extras: Vec::new(), ..request.clone() };
                self.write(Command { verb: Verb::Set, ..command }, &as_set)
            }
            Some(Switch::AppendOnAbsentIsNotFound) => Err(Status::NotFound),
            _ => Err(Status::NotStored),
        }
    }

    fn joined(&self, verb: Verb, old: &[u8], new: &[u8]) -> Vec<u8> {
        let behind = match verb {
            Verb::Append => !self.wrong(Switch::AppendPrepends),
            _ => self.wrong(Switch::PrependAppends),
        };
        if behind { [old, new].concat() } else { [new, old].concat() }
    }
}
