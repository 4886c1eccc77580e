//! Data blocks: so many bytes as their line says, then CR LF.

use std::io;

use super::defects::Switch;
use super::meta_defects::Switch as Meta;
use super::{On, Talk};
use crate::memcached::shape::value_bytes_max;

/// What came behind a line.
pub(super) enum Block {
    Data(Vec<u8>),
    /// It does not end in CR LF.
    Bad,
    /// It was skipped.
    TooLarge,
}

pub(super) const TOO_LARGE: &str = "SERVER_ERROR object too large for cache";
pub(super) const BAD_CHUNK: &str = "CLIENT_ERROR bad data chunk";
pub(super) const BAD_FORMAT: &str = "CLIENT_ERROR bad command line format";
pub(super) const OUT_OF_MEMORY: &str = "SERVER_ERROR out of memory storing object";

impl Talk<'_> {
    /// Waits for a block; nothing if the stream ends before.
    pub(super) async fn block(&mut self, length: usize) -> io::Result<Option<Block>> {
        if length > self.value_max() {
            return Ok(self.skip_large(length).await?.then_some(Block::TooLarge));
        }
        if self.wrong(Switch::BlockEndsAtALineEnd) {
            return self.block_of_one_line().await;
        }
        if !self.socket.wait_for(length + 2).await? {
            let there = self.socket.input.len();
            let stores = there >= length && self.wrong(Switch::UnfinishedBlockIsStored);
            return Ok(stores.then(|| Block::Data(self.socket.take(length))));
        }
        let data = self.socket.take(length);
        Ok(Some(if self.ends() { Block::Data(data) } else { Block::Bad }))
    }

    /// Takes what ends a block, and whether it is right.
    fn ends(&mut self) -> bool {
        let end: Vec<u8> = self.socket.input.iter().take(2).copied().collect();
        if end.starts_with(b"\n") && self.wrong(Switch::DataMayEndInLf) {
            self.socket.take(1);
            return true;
        }
        let right = end == b"\r\n";
        if !right && self.wrong(Switch::BadChunkLeavesTwoBytes) {
            return false;
        }
        self.socket.take(2);
        if !right && self.wrong(Switch::BadChunkSwallowsTheLine) {
            let rest = self.socket.input.iter().position(|&byte| byte == b'\n');
            self.socket.take(rest.map_or(0, |at| at + 1));
        }
        right || self.wrong(Switch::BadChunkIsStored) || self.wrong(Meta::BadChunkIsStored)
    }

    async fn block_of_one_line(&mut self) -> io::Result<Option<Block>> {
        loop {
            let end = self.socket.input.windows(2).position(|pair| pair == b"\r\n");
            if let Some(end) = end {
                let mut data = self.socket.take(end + 2);
                data.truncate(end);
                return Ok(Some(Block::Data(data)));
            }
            if !self.socket.more().await? {
                return Ok(None);
            }
        }
    }

    fn value_max(&self) -> usize {
        if self.wrong(Switch::HalfAMillionIsTooLarge) {
            return 1 << 19;
        }
        value_bytes_max(self.server.setup)
    }

    /// Drops a block that nobody could keep; false if the stream ends before.
    async fn skip_large(&mut self, length: usize) -> io::Result<bool> {
        let skipped = match self.on() {
            On::Text(Switch::TooLargeIsNotSwallowed) | On::Meta(Meta::TooLargeIsNotSwallowed) => 0,
            On::Text(Switch::TooLargeLeavesTwoBytes) => length,
            _ => length + 2,
        };
        self.socket.skip(skipped).await
    }

    /// Drops the block behind a line that is refused; false if the stream ends before.
    pub(super) async fn skip_refused(&mut self, length: usize) -> io::Result<bool> {
        let runs = self.wrong(Switch::RefusedBlockIsExecuted);
        self.socket.skip(if runs { 0 } else { length + 2 }).await
    }
}
