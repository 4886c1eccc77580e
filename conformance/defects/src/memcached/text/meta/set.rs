//! ms.

use std::io;

use super::super::block::{BAD_CHUNK, BAD_FORMAT, Block, OUT_OF_MEMORY, TOO_LARGE};
use super::super::meta_defects::Switch;
use super::super::requests::request;
use super::super::{On, Said, Talk};
use super::Asked;
use crate::memcached::frame::{Reply, Status};
use crate::memcached::opcode::Verb;
use crate::memcached::store::{Item, Marks};

impl Talk<'_> {
    pub(in super::super) async fn meta_set(&mut self, words: &[Vec<u8>]) -> Said {
        let [_, key, rest @ ..] = words else { return Ok(Some(self.error("ERROR"))) };
        let length = rest.first().and_then(|length| self.length(length));
        let (Some(length), Some(flags)) = (length, rest.get(1..)) else {
            if self.wrong(Switch::BadLengthSwallowsALine) && self.words().await?.is_none() {
                return Ok(None);
            }
            return Ok(Some(self.refuse(&[], BAD_FORMAT)));
        };
        let asked = match self.meta_request(b's', key, flags) {
            Ok(asked) => asked,
            Err(error) => {
                let skipped = self.skip_behind(error, length).await?;
                return Ok(skipped.then(|| self.refuse(flags, error)));
            }
        };
        self.server.store.borrow_mut().statistics.count("cmd_meta");
        let Some(block) = self.block(length).await? else { return Ok(None) };
        let said = match block {
            Block::TooLarge if self.wrong(Switch::TooLargeIsNs) => self.not_stored(&asked, "NS"),
            Block::TooLarge => self.error(TOO_LARGE),
            Block::Bad => self.error(BAD_CHUNK),
            Block::Data(value) => self.meta_put(&asked, value).await,
        };
        Ok(Some(self.unless_quiet(&asked, said)))
    }

    /// Drops the block behind a refused line; false if the stream ends before.
    async fn skip_behind(&mut self, error: &str, length: usize) -> io::Result<bool> {
        let stays = match error {
            BAD_FORMAT => self.wrong(Switch::BlockBehindALongKeyRuns),
            _ => self.wrong(Switch::BlockBehindARefusalRuns),
        };
        if stays { Ok(true) } else { self.skip_refused(length).await }
    }

    async fn meta_put(&mut self, asked: &Asked, value: Vec<u8>) -> Vec<u8> {
        let verb = self.mode_of_ms(asked);
        if let Some(said) = self.put_stale(asked, verb, &value) {
            return said;
        }
        let joins = matches!(verb, Verb::Append | Verb::Prepend);
        let takes_flags = joins && self.wrong(Switch::JoinsTakeFlags);
        let extras = if joins { Vec::new() } else { self.ms_extras(asked) };
        let request = request(&asked.key, extras, value, self.cas_of_ms(asked, verb));
        let before = self.marks_of(&asked.key);
        let put = self.ask(verb, &request).await;
        if put.is_ok() && self.wrong(Switch::MsKeepsTheMarks) {
            self.put_marks(&asked.key, before);
        }
        if takes_flags && put.is_ok() {
            self.take_flags(asked);
        }
        match put {
            Ok(reply) => self.stored(asked, &reply),
            Err(Status::OutOfMemory) => self.error(OUT_OF_MEMORY),
            Err(Status::TooLarge) => self.error(TOO_LARGE),
            Err(Status::Exists) if verb == Verb::Add => self.not_stored(asked, "NS"),
            Err(Status::Exists) => self.not_stored(asked, "EX"),
            Err(Status::NotFound) if request.header.cas != 0 => self.not_stored(asked, "NF"),
            Err(_) => self.not_stored(asked, "NS"),
        }
    }

    fn mode_of_ms(&self, asked: &Asked) -> Verb {
        match asked.flags.argument(b'M') {
            Some(b"E") if self.wrong(Switch::MeIsASet) => Verb::Set,
            Some(b"E") => Verb::Add,
            Some(b"A") if self.wrong(Switch::MaPrepends) => Verb::Prepend,
            Some(b"A") => Verb::Append,
            Some(b"P") if self.wrong(Switch::MpAppends) => Verb::Append,
            Some(b"P") => Verb::Prepend,
            Some(b"R") if self.wrong(Switch::MrIsASet) => Verb::Set,
            Some(b"R") => Verb::Replace,
            _ => Verb::Set,
        }
    }

    fn ms_extras(&self, asked: &Asked) -> Vec<u8> {
        let told_flags = asked.flags.argument(b'F').filter(|_| !self.wrong(Switch::FIsIgnored));
        let told_ttl = asked.flags.argument(b'T').filter(|_| !self.wrong(Switch::TOfMsIsIgnored));
        let old = self.find(&asked.key);
        let kept = old.filter(|_| self.wrong(Switch::MsKeepsTheFlags)).map_or(0, |old| old.flags);
        let flags = told_flags.map_or(kept, |word| self.client_flags(word).unwrap_or_default());
        let ttl = told_ttl.map_or(0, |word| self.expiry(word).unwrap_or_default());
        self.store_extras(flags, ttl)
    }

    fn cas_of_ms(&self, asked: &Asked, verb: Verb) -> u64 {
        let joins = matches!(verb, Verb::Append | Verb::Prepend);
        let ignores = match verb {
            Verb::Add => true,
            _ if joins => self.wrong(Switch::JoinsIgnoreC),
            _ => self.wrong(Switch::MsIgnoresC),
        };
        if ignores { 0 } else { self.cas_of(asked) }
    }

    /// ms with I and the CAS of an older item: stored, but as stale (MCM-STA-13).
    fn put_stale(&mut self, asked: &Asked, verb: Verb, value: &[u8]) -> Option<Vec<u8>> {
        let replaces = matches!(verb, Verb::Set | Verb::Replace);
        if !asked.flags.has(b'I') || !replaces || self.wrong(Switch::OlderCasIsRefused) {
            return None;
        }
        if !asked.flags.has(b'C') {
            return self.wrong(Switch::IWithoutCIsRefused).then(|| self.not_stored(asked, "EX"));
        }
        let (cas, old) = (self.cas_of(asked), self.find(&asked.key)?);
        let older = cas < old.cas || cas > old.cas && self.wrong(Switch::NewerCasIsStored);
        older.then(|| self.store_as_stale(asked, &old, value))
    }

    fn store_as_stale(&mut self, asked: &Asked, old: &Item, value: &[u8]) -> Vec<u8> {
        let now = self.now();
        let stale = !self.wrong(Switch::OlderCasStoresFresh);
        let mut item = Item {
            value: value.to_vec(),
            marks: Marks { stale, won: old.marks.won, ..Marks::at(now) },
            ..old.clone()
        };
        if let Some(word) =
            asked.flags.argument(b'T').filter(|_| self.wrong(Switch::OlderCasTakesTheTtl))
        {
            item.lifetime = self.expiry(word).unwrap_or_default();
            item.expires = self.server.store.borrow().deadline(item.lifetime);
        }
        let cas = self.server.store.borrow_mut().next_cas(Some(&item));
        item.cas = cas;
        self.server.store.borrow_mut().items.insert(asked.key.clone(), item);
        self.stored(asked, &Reply::with_cas(cas))
    }

    /// The defect of an append that takes flags.
    fn take_flags(&self, asked: &Asked) {
        let flags = asked.flags.argument(b'F').and_then(|word| self.client_flags(word));
        let mut store = self.server.store.borrow_mut();
        if let Some((item, flags)) = store.items.get_mut(&asked.key).zip(flags) {
            item.flags = flags;
        }
    }

    fn stored(&mut self, asked: &Asked, reply: &Reply) -> Vec<u8> {
        let cas = match self.on() {
            On::Meta(Switch::CasOfMsIsZero) => 0,
            On::Meta(Switch::CasOfMsIsOld) => reply.cas.saturating_sub(1),
            _ => reply.cas,
        };
        let cas = self.told_cas(cas);
        self.tell_stored(asked, "HD", cas)
    }

    fn not_stored(&mut self, asked: &Asked, code: &str) -> Vec<u8> {
        let current = self.find(&asked.key).map_or(0, |item| item.cas);
        let cas = if self.wrong(Switch::FailuresTellTheCas) { current } else { 0 };
        self.tell_stored(asked, code, cas)
    }

    fn tell_stored(&mut self, asked: &Asked, code: &str, cas: u64) -> Vec<u8> {
        let mut told = Vec::new();
        for flag in asked.flags.iter() {
            match flag.letter {
                b'c' => told.push(format!("c{cas}").into_bytes()),
                _ => told.extend(self.echo(asked, code, flag)),
            }
        }
        self.reply(asked, code, told)
    }
}
