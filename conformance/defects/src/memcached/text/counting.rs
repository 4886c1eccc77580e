//! incr, decr and delete.

use super::block::{BAD_FORMAT, OUT_OF_MEMORY};
use super::defects::Switch;
use super::requests::{DO_NOT_CREATE, bare, request};
use super::{On, Talk};
use crate::memcached::frame::{Reply, Status};
use crate::memcached::opcode::Verb;

const BAD_DELTA: &str = "CLIENT_ERROR invalid numeric delta argument";
pub(super) const NOT_A_NUMBER: &str =
    "CLIENT_ERROR cannot increment or decrement non-numeric value";

/// The number that a counter's reply holds.
pub(super) fn counted(reply: &Reply) -> u64 {
    reply.value.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// The extras of counting.
pub(super) fn counting(delta: u64, initial: u64, expiry: u32) -> Vec<u8> {
    [&delta.to_be_bytes()[..], &initial.to_be_bytes(), &expiry.to_be_bytes()].concat()
}

impl Talk<'_> {
    pub(super) async fn count(&mut self, name: &[u8], words: &[Vec<u8>]) -> Vec<u8> {
        let [_, key, delta, ..] = words else { return self.wrong_count() };
        if words.len() > 4 {
            return self.wrong_count();
        }
        if !self.is_key(key) {
            return self.error(BAD_FORMAT);
        }
        let Some(delta) = self.delta(delta) else { return self.error(BAD_DELTA) };
        let verb = if name == b"incr" { Verb::Increment } else { Verb::Decrement };
        let creates = self.wrong(Switch::IncrCreates);
        let extras = counting(delta, delta, if creates { 0 } else { DO_NOT_CREATE });
        let request = request(&self.stored_key(key), extras, Vec::new(), 0);
        match self.ask(verb, &request).await {
            Ok(reply) => self.number_line(counted(&reply)),
            Err(Status::NotANumber) => self.error(NOT_A_NUMBER),
            Err(Status::OutOfMemory) => self.error(OUT_OF_MEMORY),
            Err(_) => self.line("NOT_FOUND"),
        }
    }

    fn delta(&self, word: &[u8]) -> Option<u64> {
        match self.number(word) {
            Some(delta) => Some(delta),
            None if self.wrong(Switch::BadDeltaIsZero) => Some(0),
            None if self.wrong(Switch::NegativeDeltaCounts) => {
                self.number(word.strip_prefix(b"-")?).map(u64::wrapping_neg)
            }
            None => None,
        }
    }

    fn number_line(&self, number: u64) -> Vec<u8> {
        match self.on() {
            On::Text(Switch::NumberIsPadded) => self.line(format!("{number:<20}")),
            On::Text(Switch::CountingSaysStored) => self.line("STORED"),
            _ => self.line(number.to_string()),
        }
    }

    pub(super) async fn delete(&mut self, words: &[Vec<u8>]) -> Vec<u8> {
        let [_, key, rest @ ..] = words else { return self.wrong_count() };
        let rest: Vec<&[u8]> = rest.iter().map(Vec::as_slice).collect();
        let refuses_zero = self.wrong(Switch::DeleteRefusesZero);
        match rest[..] {
            [] | [b"noreply"] => {}
            [b"0"] | [b"0", b"noreply"] if !refuses_zero => {}
            [_] | [_, _] => {
                return self.error(&format!("{BAD_FORMAT}.  Usage: delete <key> [noreply]"));
            }
            _ => return self.wrong_count(),
        }
        if !self.is_key(key) {
            return self.error(BAD_FORMAT);
        }
        let key = self.stored_key(key);
        if self.wrong(Switch::DeleteReservesItsKey) {
            self.kept.deleted.clone_from(&key);
        }
        match self.ask(Verb::Delete, &bare(&key)).await {
            Ok(_) if self.wrong(Switch::DeleteSaysOk) => self.line("OK"),
            Ok(_) => self.line("DELETED"),
            Err(_) => self.line("NOT_FOUND"),
        }
    }
}
