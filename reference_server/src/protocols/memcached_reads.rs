//! Runs of reads: GETs that follow each other in the input are answered under one lock.
//!
//! A batch of GETs costs one lock instead of one each, and what the look-ups wait for most, memory, is asked for all at once
//! ([`Items::warm`](lockproof_state_machine::items::Items::warm)).

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use lockproof_protocol::memcached_binary::{
    Frame, MAGIC_REQUEST, Opcode, Reply, RequestDecoder, Status,
};
use lockproof_state_machine::Now;
use lockproof_state_machine::items::{Items, WARM_MAX};

use super::memcached::Memcached;
use crate::{Mark, Output};

/// Reads gathered at once.
const GATHERED_MAX: usize = 128;

/// Reads that were taken from the input and are not answered yet. A full output makes them wait for the next flush.
#[derive(Debug, Default)]
pub(super) struct Reads {
    waiting: VecDeque<Read>,
}

#[derive(Debug)]
struct Read {
    opcode: Opcode,
    opaque: u32,
    key: Bytes,
}

impl Reads {
    /// Takes the reads off the start of `input`, up to the first other frame, or what is not whole or not right.
    pub(super) fn gather(
        &mut self,
        decoder: &mut RequestDecoder,
        input: &mut BytesMut,
        output: &mut Output,
    ) {
        while self.waiting.len() < GATHERED_MAX && is_read(input) {
            // What is wrong stays in the input, and is wrong again when it is its turn.
            let Ok(Some(frame)) = decoder.decode(input) else { break };
            output.count_frame();
            let Frame { header, key, .. } = frame;
            self.waiting.push_back(Read { opcode: header.opcode, opaque: header.opaque, key });
        }
    }

    /// Answers them in their order, until none is left or the output is full.
    pub(super) fn answer(&mut self, cache: &Memcached, now: Now, output: &mut Output) {
        while let Some(first) = self.waiting.front()
            && !output.is_full()
        {
            let shard = cache.shard(&first.key);
            let is_same = |read: &&Read| core::ptr::eq(shard, cache.shard(&read.key));
            let run =
                1 + self.waiting.iter().skip(1).take(WARM_MAX - 1).take_while(is_same).count();
            shard.read(|items| {
                if run > 1 {
                    items.warm(self.waiting.iter().take(run).map(|read| &read.key[..]));
                }
                for _ in 0..run {
                    if output.is_full() {
                        break;
                    }
                    let Some(read) = self.waiting.pop_front() else { break };
                    read.answer(items, now, output);
                }
            });
        }
        if self.waiting.is_empty() {
            // An idle session owns no memory.
            self.waiting = VecDeque::new();
        }
    }
}

impl Read {
    /// A short value is copied from where it lies, while the shard is locked; a long one is shared.
    fn answer(&self, items: &Items, now: Now, output: &mut Output) {
        let Self { opcode, opaque, ref key } = *self;
        let Some(hit) = items.look(now, key) else {
            let status = Status::KEY_NOT_FOUND;
            // MCB-QT-01
            if !opcode.suppresses(status) {
                Reply::Failed { status }.encode(opcode, opaque, key, output.buffer());
            }
            return;
        };
        let (flags, cas, len) = (hit.flags, hit.cas, hit.value.len());
        Reply::put_found(flags, cas, len, opcode, opaque, key, output.buffer());
        if let Some(value) = hit.share() {
            Mark::ValueShared.hit();
            output.share(value);
        } else {
            output.buffer().extend_from_slice(hit.value);
        }
    }
}

fn is_read(input: &[u8]) -> bool {
    let [MAGIC_REQUEST, opcode, ..] = *input else { return false };
    matches!(Opcode(opcode).loud(), Opcode::GET | Opcode::GETK)
}
