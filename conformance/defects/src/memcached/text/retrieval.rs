//! get, gets, gat, gats and touch.

use std::collections::BTreeSet;

use super::Talk;
use super::block::BAD_FORMAT;
use super::defects::Switch;
use super::meta_defects::Switch as Meta;
use super::requests::{bare, request};
use crate::memcached::frame::Reply;
use crate::memcached::opcode::Verb;

const BAD_EXPIRY: &str = "CLIENT_ERROR invalid exptime argument";

impl Talk<'_> {
    pub(super) async fn retrieve(&mut self, name: &[u8], words: &[Vec<u8>]) -> Vec<u8> {
        let touches = name.starts_with(b"gat");
        let first = if touches { 2 } else { 1 };
        let Some(keys) = words.get(first..).filter(|keys| !keys.is_empty()) else {
            let misses = words.len() == 2 && self.wrong(Switch::GatWithoutKeysIsAMiss);
            return if misses { self.line("END") } else { self.error("ERROR") };
        };
        let expiry = match words.get(1).filter(|_| touches).map(|word| self.expiry_or_zero(word)) {
            Some(None) => return self.error(BAD_EXPIRY),
            Some(expiry) => expiry,
            None => None,
        };
        if self.wrong(Switch::BlocksAreReadInsideALock) {
            drop(self.server.lock.read().await);
        }
        let mut said = Vec::new();
        for (at, key) in self.answered(keys).iter().enumerate() {
            if self.is_key(key) {
                let first_only = at > 0 && self.wrong(Switch::GatTouchesOneKey);
                said.extend(self.one(name, key, expiry.filter(|_| !first_only)).await);
            } else if !self.wrong(Switch::LongKeyIsAMiss) {
                return self.long_key(&said);
            }
        }
        let forgets = if said.is_empty() {
            self.wrong(Switch::EndIsForgottenOnMisses)
        } else {
            self.wrong(Switch::EndIsForgotten)
        };
        if !forgets {
            said.extend(self.line("END"));
        }
        said
    }

    /// One key that is too long voids the whole reply.
    fn long_key(&mut self, said: &[u8]) -> Vec<u8> {
        if self.wrong(Switch::LongKeyLosesReplies) {
            self.socket.output.clear();
        }
        let error = self.error(BAD_FORMAT);
        let stray = if self.wrong(Switch::LongKeyAddsALine) { self.line("") } else { Vec::new() };
        let before = if self.wrong(Switch::LongKeyKeepsTheHits) { said } else { b"" };
        [before, &error, &stray].concat()
    }

    /// The keys that are answered, in that order: all of them as they were asked.
    fn answered(&self, keys: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut keys = keys.to_vec();
        if self.wrong(Switch::DuplicatesAreAnsweredOnce) {
            let mut seen = BTreeSet::new();
            keys.retain(|key| seen.insert(key.clone()));
        }
        if self.wrong(Switch::HitsComeInKeyOrder) {
            keys.sort();
        }
        if self.wrong(Switch::KeysBeyond24AreForgotten) {
            keys.truncate(24);
        }
        keys
    }

    async fn one(&mut self, name: &[u8], key: &[u8], expiry: Option<u32>) -> Vec<u8> {
        let stored = self.stored_key(key);
        let before = self.marks_of(&stored);
        if before.is_some_and(|marks| marks.stale) && self.wrong(Meta::StaleIsAMissForGet) {
            return Vec::new();
        }
        let found = match expiry {
            Some(expiry) => {
                let touch = request(&stored, expiry.to_be_bytes().to_vec(), Vec::new(), 0);
                self.ask(Verb::Gat, &touch).await
            }
            None => self.ask(Verb::Get, &bare(&stored)).await,
        };
        let gat = expiry.is_some();
        if self.wrong(if gat { Meta::GatIsNoFetch } else { Meta::GetIsNoFetch }) {
            self.put_marks(&stored, before);
        }
        match found {
            Ok(reply) => self.hit(name, key, &reply),
            Err(_) if self.wrong(Switch::MissesAreMentioned) => self.line("NOT_FOUND"),
            Err(_) => {
                if name == b"gat" && self.wrong(Switch::GatOfAMissCreates) {
                    let _ = self.ask(Verb::Set, &bare(&stored)).await;
                }
                Vec::new()
            }
        }
    }

    fn hit(&self, name: &[u8], key: &[u8], reply: &Reply) -> Vec<u8> {
        let flags = reply.extras.iter().take(4).fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        let flags = self.told_flags(flags);
        let mut flags = flags.to_string();
        if self.wrong(Switch::FlagsAreSigned) {
            flags = flags.parse().unwrap_or(0_u32).cast_signed().to_string();
        }
        let counts_end = self.wrong(Switch::LengthCountsTheLineEnd);
        let mut length = (reply.value.len() + if counts_end { 2 } else { 0 }).to_string();
        if self.wrong(Switch::FlagsAndLengthAreSwapped) {
            std::mem::swap(&mut flags, &mut length);
        }
        let shows_cas = match name {
            b"gets" => !self.wrong(Switch::GetsForgetsTheCas),
            b"gats" => !self.wrong(Switch::GatsForgetsTheCas),
            _ => self.wrong(Switch::GetTellsTheCas),
        };
        let cas = if self.wrong(Switch::CasIsZero) { 0 } else { self.told_cas(reply.cas) };
        let cas = if shows_cas { format!(" {cas}") } else { String::new() };
        let head = [b"VALUE ", key, format!(" {flags} {length}{cas}").as_bytes()].concat();
        let mut said = self.line(head);
        said.extend_from_slice(&reply.value);
        if !self.wrong(Switch::DataHasNoLineEnd) {
            said.extend_from_slice(b"\r\n");
        }
        if self.wrong(Switch::EndBehindEachHit) {
            said.extend(self.line("END"));
        }
        said
    }

    pub(super) async fn touch(&mut self, words: &[Vec<u8>]) -> Vec<u8> {
        let [_, key, expiry, ..] = words else { return self.wrong_count() };
        if words.len() > 4 {
            return self.wrong_count();
        }
        if !self.is_key(key) {
            return self.error(BAD_FORMAT);
        }
        let Some(expiry) = self.expiry_or_zero(expiry) else { return self.error(BAD_EXPIRY) };
        let extras = expiry.to_be_bytes().to_vec();
        let touch = request(&self.stored_key(key), extras, Vec::new(), 0);
        let before = self.marks_of(&touch.key);
        let touched = self.ask(Verb::Touch, &touch).await;
        if self.wrong(Meta::TouchIsNoFetch) {
            self.put_marks(&touch.key, before);
        }
        match touched {
            Ok(_) if self.wrong(Switch::TouchSaysOk) => self.line("OK"),
            Ok(_) => self.line("TOUCHED"),
            Err(_) => self.line("NOT_FOUND"),
        }
    }

    fn expiry_or_zero(&self, word: &[u8]) -> Option<u32> {
        let zero = self.wrong(Switch::BadExpiryIsZero).then_some(0);
        self.expiry(word).or(zero)
    }

    /// A command that is known, with too many words or too few.
    pub(super) fn wrong_count(&self) -> Vec<u8> {
        if self.wrong(Switch::WrongCountIsSilent) {
            return Vec::new();
        }
        self.error("ERROR")
    }
}
