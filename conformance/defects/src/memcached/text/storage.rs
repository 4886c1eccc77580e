//! set, add, replace, append, prepend and cas.

use super::block::{BAD_CHUNK, BAD_FORMAT, Block, OUT_OF_MEMORY, TOO_LARGE};
use super::defects::Switch;
use super::meta_defects::Switch as Meta;
use super::requests::request;
use super::{On, Said, Talk};
use crate::memcached::frame::{Request, Status};
use crate::memcached::opcode::Verb;
use tokio::sync::RwLockWriteGuard;

/// A store whose line is right.
struct Store {
    verb: Verb,
    key: Vec<u8>,
    extras: Vec<u8>,
    cas: u64,
}

impl Store {
    fn request(&self, value: Vec<u8>) -> Request {
        request(&self.key, self.extras.clone(), value, self.cas)
    }
}

impl Talk<'_> {
    pub(super) async fn store(&mut self, name: &[u8], words: &[Vec<u8>]) -> Said {
        let least = if name == b"cas" { 6 } else { 5 };
        let Some(length) =
            words.get(4).filter(|_| words.len() >= least && words.len() <= least + 1)
        else {
            return Ok(Some(self.error("ERROR")));
        };
        let Some(length) = self.length(length) else {
            if self.wrong(Switch::BadLengthSwallowsALine) && self.words().await?.is_none() {
                return Ok(None);
            }
            return Ok(Some(self.error(BAD_FORMAT)));
        };
        let Some(store) = self.read_store(name, words) else {
            let skipped = self.skip_refused(length).await?;
            return Ok(skipped.then(|| self.error(BAD_FORMAT)));
        };
        let server = self.server.clone();
        let held = server.hold_for_a_block(self.wrong(Switch::BlocksAreReadInsideALock)).await;
        self.store_early(&store, length).await?;
        let Some(block) = self.block(length).await? else { return Ok(None) };
        drop(held);
        let said = match block {
            Block::TooLarge => self.too_large(&store).await,
            Block::Bad => self.bad_chunk(&store).await,
            Block::Data(value) => self.put(&store, value).await,
        };
        Ok(Some(said))
    }

    fn read_store(&self, name: &[u8], words: &[Vec<u8>]) -> Option<Store> {
        let verb = match name {
            b"add" => Verb::Add,
            b"replace" => Verb::Replace,
            b"append" => Verb::Append,
            b"prepend" => Verb::Prepend,
            _ => Verb::Set,
        };
        let key = words.get(1).filter(|key| self.is_key(key))?;
        let (flags, expiry) = self.read_flags_and_expiry(verb, words)?;
        let cas = match words.get(5).filter(|_| name == b"cas") {
            Some(word) => self.asked_cas(self.read_cas(word)?),
            None => 0,
        };
        let joins = matches!(verb, Verb::Append | Verb::Prepend);
        let extras = if joins { Vec::new() } else { self.store_extras(flags, expiry) };
        Some(Store { verb, key: self.stored_key(key), extras, cas })
    }

    fn read_flags_and_expiry(&self, verb: Verb, words: &[Vec<u8>]) -> Option<(u32, u32)> {
        let joins = matches!(verb, Verb::Append | Verb::Prepend);
        if joins && self.wrong(Switch::AppendTakesAnyFlags) {
            return Some((0, 0));
        }
        Some((self.flags(words.get(2)?)?, self.expiry(words.get(3)?)?))
    }

    fn read_cas(&self, word: &[u8]) -> Option<u64> {
        let negative =
            word.strip_prefix(b"-").filter(|_| self.wrong(Switch::CasTokensMayBeNegative));
        let cas = self.number(negative.unwrap_or(word))?;
        let signed = self.wrong(Switch::CasTokensAreSigned) && i64::try_from(cas).is_err();
        (!signed).then_some(cas)
    }

    /// The defect of a store that does not wait for the end of its block.
    async fn store_early(&mut self, store: &Store, length: usize) -> std::io::Result<()> {
        let early = self.wrong(Switch::StoreWaitsForNoLineEnd) && length < 100;
        if early && self.socket.wait_for(length).await? && self.socket.input.len() < length + 2 {
            let value = self.socket.input.iter().take(length).copied().collect();
            // What it comes to is said when the block is there.
            let _ = self.ask(store.verb, &store.request(value)).await;
        }
        Ok(())
    }

    async fn too_large(&mut self, store: &Store) -> Vec<u8> {
        if self.wrong(Switch::TooLargeEmptiesTheItem) {
            let _ = self.ask(store.verb, &store.request(Vec::new())).await;
        }
        self.error(match self.on() {
            On::Text(Switch::TooLargeSaysOutOfMemory) => OUT_OF_MEMORY,
            On::Text(Switch::TooLargeIsAClientError) => "CLIENT_ERROR object too large",
            _ => TOO_LARGE,
        })
    }

    async fn bad_chunk(&mut self, store: &Store) -> Vec<u8> {
        if self.wrong(Switch::BadChunkRemoves) {
            let _ = self.ask(Verb::Delete, &super::requests::bare(&store.key)).await;
        }
        self.error(BAD_CHUNK)
    }

    async fn put(&mut self, store: &Store, value: Vec<u8>) -> Vec<u8> {
        if store.verb == Verb::Add && self.kept.deleted == store.key {
            return self.line("NOT_STORED");
        }
        let before = self.marks_of(&store.key);
        let put = self.ask(store.verb, &store.request(value)).await;
        let joins = matches!(store.verb, Verb::Append | Verb::Prepend);
        if put.is_ok()
            && self.wrong(if joins { Meta::AppendKeepsTheMarks } else { Meta::SetKeepsTheMarks })
        {
            self.put_marks(&store.key, before);
        }
        let compares = store.cas != 0;
        match put {
            Ok(_) if store.verb == Verb::Add && self.wrong(Switch::AddSaysOk) => self.line("OK"),
            Ok(_) => self.line("STORED"),
            Err(Status::OutOfMemory) => self.error(OUT_OF_MEMORY),
            Err(Status::TooLarge) => self.error(TOO_LARGE),
            Err(Status::Exists) if compares => self.line("EXISTS"),
            Err(Status::NotFound) if compares => self.line("NOT_FOUND"),
            Err(_) => self.line("NOT_STORED"),
        }
    }
}

impl crate::memcached::Memcached {
    /// The lock that a defect holds while a block comes.
    pub(super) async fn hold_for_a_block(&self, wrong: bool) -> Option<RwLockWriteGuard<'_, ()>> {
        if wrong { Some(self.lock.write().await) } else { None }
    }
}
