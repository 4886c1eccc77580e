//! `flush_all`, version, verbosity and quit, and what is unknown.

use std::io;

use super::Talk;
use super::block::BAD_FORMAT;
use super::defects::Switch;
use super::requests::request;
use crate::memcached::commands::VERSION;
use crate::memcached::connection::Next;
use crate::memcached::opcode::Verb;

/// `cache_memlimit` takes no less than that many megabytes.
const MEGABYTES_MIN: u64 = 8;

impl Talk<'_> {
    pub(super) fn administer(&mut self, name: &[u8], words: &[Vec<u8>]) -> Vec<u8> {
        match name {
            b"version" if self.wrong(Switch::VersionIsWords) => self.line("VERSION defects"),
            b"version" => self.line(format!("VERSION {VERSION}")),
            b"verbosity" => self.verbosity(words),
            b"cache_memlimit" => self.cache_memlimit(words),
            b"shutdown" if !self.wrong(Switch::ShutdownIsObeyed) => {
                self.error("ERROR: shutdown not enabled")
            }
            b"shutdown" => self.line("OK"),
            b"" if self.wrong(Switch::EmptyLinesAreSkipped) => Vec::new(),
            _ => self.unknown(words),
        }
    }

    fn unknown(&self, words: &[Vec<u8>]) -> Vec<u8> {
        if self.wrong(Switch::UnknownCommandIsSilent) {
            return Vec::new();
        }
        let each_word = self.wrong(Switch::UnknownWordsAreAnsweredEach);
        let times = if each_word { words.len().max(1) } else { 1 };
        self.error("ERROR").repeat(times)
    }

    fn verbosity(&self, words: &[Vec<u8>]) -> Vec<u8> {
        let Some(level) = words.get(1) else { return self.wrong_count() };
        if self.number(level).is_none() && !self.wrong(Switch::VerbosityTakesAnything) {
            return self.error(BAD_FORMAT);
        }
        self.line("OK")
    }

    fn cache_memlimit(&self, words: &[Vec<u8>]) -> Vec<u8> {
        match words.get(1).and_then(|word| self.number(word)) {
            None => self.wrong_count(),
            Some(number) if number < MEGABYTES_MIN => {
                self.line("MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m")
            }
            Some(_) => self.line("OK"),
        }
    }

    pub(super) async fn flush_all(&mut self, words: &[Vec<u8>]) -> Vec<u8> {
        let silent = words.last().is_some_and(|word| word == b"noreply");
        let delay = match words {
            [_] => Some(0),
            [_, _] if silent => Some(0),
            [_, delay] | [_, delay, _] => self.expiry(delay),
            _ => return self.wrong_count(),
        };
        let Some(mut delay) = delay.or(self.wrong(Switch::BadDelayIsZero).then_some(0)) else {
            return self.error("CLIENT_ERROR invalid exptime argument");
        };
        if self.wrong(Switch::DelayedFlushComesEarly) {
            delay = delay.saturating_sub(2);
        }
        if !(silent && self.wrong(Switch::FlushWithNoreplyDoesNothing)) {
            let flush = request(b"", delay.to_be_bytes().to_vec(), Vec::new(), 0);
            // A flush always succeeds.
            let _ = self.ask(Verb::Flush, &flush).await;
        }
        self.line("OK")
    }

    pub(super) async fn quit(&mut self) -> io::Result<Next> {
        if self.wrong(Switch::QuitSaysOk) {
            let said = self.line("OK");
            self.socket.queue(&said).await?;
        }
        if self.wrong(Switch::QuitLosesReplies) {
            self.socket.output.clear();
        }
        let stays = self.wrong(Switch::QuitStaysOpen);
        Ok(if stays { Next::Frame } else { Next::Close })
    }
}
