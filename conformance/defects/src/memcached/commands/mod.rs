//! What commands do to the store, and what is answered. Left out: the shape of requests, which was judged
//! before, and bytes.

mod bare;
mod cas;
mod count;
mod join;
mod quiet;
mod read;
mod stat;
mod write;

use super::defect::Switch;
use super::frame::{Reply, Request, Status};
use super::opcode::{Command, Verb};
use super::store::Store;

pub(super) use bare::VERSION;

/// What a command comes to.
type Answer = Result<Reply, Status>;

impl Store {
    /// Executes a request; the replies are none for a quiet one that has nothing to say, and several for
    /// STAT.
    pub(super) fn answer(&mut self, command: Command, request: &Request) -> Vec<Reply> {
        let item_request = Request { key: self.item_key(request), ..request.clone() };
        self.settle(&item_request.key, command);
        if command.verb == Verb::Stat {
            return self.stat(request);
        }
        let answer = self.execute(command, &item_request);
        if !quiet::speaks(command, &answer, self.active) {
            return Vec::new();
        }
        vec![self.reply(command, request, answer)]
    }

    /// A store of too much, refused. The item stays, as does the connection.
    pub(super) fn refuse_too_large(&mut self, command: Command, request: &Request) -> Vec<Reply> {
        let key = self.item_key(request);
        match self.active.0 {
            Some(Switch::TooLargeReplaceRemoves) => drop(self.items.remove(&key)),
            Some(Switch::TooLargeEmptiesTheItem) if command.verb == Verb::Set => {
                let _ = self.execute(command, request);
            }
            Some(Switch::TooLargeEvicts) => {
                let _ = self.make_room(command, request, request.header.value());
            }
            Some(Switch::TooLargeQuietIsSilent) if command.quiet => return Vec::new(),
            _ => {}
        }
        let says_memory = self.wrong(Switch::TooLargeSaysOutOfMemory);
        let status = if says_memory { Status::OutOfMemory } else { Status::TooLarge };
        let answer = Err(status);
        if !quiet::speaks(command, &answer, self.active) {
            return Vec::new();
        }
        vec![self.reply(command, request, answer)]
    }

    /// The key that an item is stored under: that of the request.
    fn item_key(&self, request: &Request) -> Vec<u8> {
        let key = request.key.clone();
        let up_to = |end: u8| key.split(|&byte| byte == end).next().unwrap_or_default().to_vec();
        match self.active.0 {
            Some(Switch::KeyEndsAtNul) => up_to(0),
            Some(Switch::KeyEndsAtASpace) => up_to(b' '),
            Some(Switch::KeysIgnoreCase) => key.to_ascii_lowercase(),
            Some(Switch::KeysHaveSevenBits) => key.iter().map(|byte| byte & 0x7f).collect(),
            Some(Switch::VbucketDividesTheKeys) => {
                [&request.header.vbucket.to_be_bytes(), key.as_slice()].concat()
            }
            _ => key,
        }
    }

    fn execute(&mut self, command: Command, request: &Request) -> Answer {
        match command.verb {
            verb if verb.reads() => self.read(command, request),
            Verb::Set | Verb::Add | Verb::Replace => self.write(command, request),
            Verb::Append | Verb::Prepend => self.join(command, request),
            Verb::Delete => self.delete(command, request),
            Verb::Increment | Verb::Decrement => self.count(command, request),
            Verb::Flush => Ok(self.flush(command, request)),
            verb => Ok(self.bare(verb)),
        }
    }

    /// Success is answered as it is, with its key where the opcode says so; an error with a text.
    fn reply(&self, command: Command, request: &Request, answer: Answer) -> Reply {
        match answer {
            Ok(reply) if self.repeats_key(command) => Reply { key: request.key.clone(), ..reply },
            Ok(reply) => reply,
            Err(status) => self.error(command, request, status),
        }
    }

    fn error(&self, command: Command, request: &Request, status: Status) -> Reply {
        let mut reply = Reply::error(status, self.active);
        let missed_get = command.verb == Verb::Get && status == Status::NotFound;
        if missed_get && self.wrong(Switch::GetMissCarriesTheKey) {
            (reply.key, reply.value) = (request.key.clone(), Vec::new());
        }
        if self.wrong(Switch::ErrorsCarryTheCas) {
            reply.cas = self.items.get(&request.key).map_or(0, |item| item.cas);
        }
        reply
    }

    fn repeats_key(&self, command: Command) -> bool {
        match (command.verb, self.active.0) {
            (Verb::GetK, Some(Switch::GetkForgetsTheKey)) => command.quiet,
            (Verb::GetK, Some(Switch::GetkqForgetsTheKey)) => !command.quiet,
            (Verb::GatK, Some(Switch::GatkForgetsTheKey)) => false,
            (Verb::Get, Some(Switch::GetRepeatsTheKey)) => true,
            (verb, _) => matches!(verb, Verb::GetK | Verb::GatK),
        }
    }
}
