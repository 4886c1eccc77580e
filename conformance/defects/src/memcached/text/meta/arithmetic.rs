//! ma: counts, or creates a counter.

use super::super::Talk;
use super::super::counting::{NOT_A_NUMBER, counted, counting};
use super::super::meta_defects::Switch;
use super::super::requests::{DO_NOT_CREATE, request};
use super::Asked;
use crate::memcached::frame::{Reply, Status};
use crate::memcached::opcode::Verb;

impl Talk<'_> {
    pub(super) async fn meta_count(&mut self, asked: &Asked) -> Vec<u8> {
        let was_there = self.find(&asked.key).is_some();
        let ignores_c = self.wrong(Switch::MaIgnoresC);
        let cas = if ignores_c { 0 } else { self.cas_of(asked) };
        let request = request(&asked.key, self.counting_extras(asked), Vec::new(), cas);
        let reply = match self.ask(self.mode_of_ma(asked), &request).await {
            Ok(reply) => reply,
            Err(Status::NotANumber) => return self.refuse_number(asked),
            Err(Status::NotFound) => return self.failed_count(asked, "NF"),
            Err(Status::Exists) => return self.failed_count(asked, "EX"),
            Err(_) => return self.failed_count(asked, "NS"),
        };
        let number = counted(&reply).to_string();
        let told = self.tell_counted(asked, &reply, was_there);
        if !asked.flags.has(b'v') || self.wrong(Switch::MaForgetsTheNumber) {
            return self.reply(asked, "HD", told);
        }
        let head = format!("VA {}", number.len());
        [self.reply(asked, &head, told), self.line(number)].concat()
    }

    fn failed_count(&mut self, asked: &Asked, code: &str) -> Vec<u8> {
        let mut told = self.echoes(asked, code);
        if self.wrong(Switch::FailedCountTellsFlags) {
            told.push(b"c0".to_vec());
        }
        self.reply(asked, code, told)
    }

    fn refuse_number(&mut self, asked: &Asked) -> Vec<u8> {
        if self.wrong(Switch::NotANumberIsNs) {
            return self.failed_count(asked, "NS");
        }
        self.error(NOT_A_NUMBER)
    }

    fn mode_of_ma(&self, asked: &Asked) -> Verb {
        let down = matches!(asked.flags.argument(b'M'), Some(b"D" | b"-" | b"d"));
        if down && !self.wrong(Switch::MaOnlyCountsUp) { Verb::Decrement } else { Verb::Increment }
    }

    fn counting_extras(&self, asked: &Asked) -> Vec<u8> {
        let number = |letter, otherwise| match asked.flags.argument(letter) {
            Some(word) => self.number(word).unwrap_or_default(),
            None => otherwise,
        };
        let delta = if self.wrong(Switch::DIsIgnored) { 1 } else { number(b'D', 1) };
        let initial = if self.wrong(Switch::JIsIgnored) { 0 } else { number(b'J', 0) };
        let creates = asked.flags.argument(b'N').filter(|_| !self.wrong(Switch::MaNeverCreates));
        let expiry = match creates {
            Some(word) => self.expiry(word).unwrap_or_default(),
            None if asked.flags.has(b'J') && self.wrong(Switch::JCreates) => 0,
            None => DO_NOT_CREATE,
        };
        counting(delta, initial, expiry)
    }

    /// What flags do to a counter, and what they tell.
    fn tell_counted(&mut self, asked: &Asked, reply: &Reply, was_there: bool) -> Vec<Vec<u8>> {
        let Some(mut item) = self.find(&asked.key) else { return Vec::new() };
        let mut told = Vec::new();
        for flag in asked.flags.iter() {
            match flag.letter {
                b'T' if self.wrong(Switch::TOfMaIsIgnored) => {}
                b'N' if !was_there || !self.wrong(Switch::NSetsTheTtl) => {}
                b'T' | b'N' => {
                    item.lifetime = self.expiry(&flag.argument).unwrap_or_default();
                    item.expires = self.server.store.borrow().deadline(item.lifetime);
                }
                b't' => told.push(format!("t{}", self.ttl(&item)).into_bytes()),
                b'c' if self.wrong(Switch::CasOfMaIsMissing) => {}
                b'c' if self.wrong(Switch::CasOfMaIsZero) => told.push(b"c0".to_vec()),
                b'c' => told.push(format!("c{}", self.told_cas(reply.cas)).into_bytes()),
                _ => told.extend(self.echo(asked, "HD", flag)),
            }
        }
        if self.wrong(Switch::MaIsAFetch) {
            item.marks.fetched = true;
        }
        self.server.store.borrow_mut().items.insert(asked.key.clone(), item);
        told
    }
}
