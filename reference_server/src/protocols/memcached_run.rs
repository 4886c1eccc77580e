//! Runs of requests: those about items that follow each other in the input are answered under one lock.
//!
//! A batch costs one lock instead of one for each request, and what look-ups wait for most, memory, is asked for all at once
//! ([`Items::warm`]).

use std::collections::VecDeque;

use bytes::BytesMut;
use lockproof_protocol::memcached_binary::{
    Command, CommandError, Opcode, Reply, Request, RequestDecoder, Status,
};
use lockproof_state_machine::Now;
use lockproof_state_machine::items::{Items, WARM_MAX};

use super::memcached::Memcached;
use super::memcached_binary::encode;
use crate::{Mark, Output};

/// Requests gathered at once.
const GATHERED_MAX: usize = 128;

/// Requests that were taken from the input and are not answered yet. A full output makes them wait for the next flush.
#[derive(Debug, Default)]
pub(super) struct Run {
    waiting: VecDeque<Request>,
    /// Comes behind them; nothing is gathered before it is answered.
    bad: Option<CommandError>,
}

impl Run {
    /// Takes the requests about items off the start of `input`, up to the first other frame, or what is not whole or
    /// not right.
    pub(super) fn gather(
        &mut self,
        decoder: &mut RequestDecoder,
        input: &mut BytesMut,
        output: &mut Output,
    ) {
        while self.waiting.len() < GATHERED_MAX && self.bad.is_none() && is_about_an_item(input) {
            // What is wrong stays in the input, and is wrong again when it is its turn.
            let Ok(Some(frame)) = decoder.decode(input) else { break };
            output.count_frame();
            match Request::from_frame(frame) {
                Ok(request) => self.push(request),
                Err(bad) => self.bad = Some(bad),
            }
        }
    }

    /// Answers them in their order, until none is left or the output is full.
    pub(super) fn answer(&mut self, cache: &Memcached, now: Now, output: &mut Output) {
        while !self.waiting.is_empty() && !output.is_full() {
            self.answer_some(cache, now, output);
        }
        if !self.waiting.is_empty() {
            return;
        }
        // An idle session owns no memory.
        self.waiting = VecDeque::new();
        if let Some(CommandError { opcode, opaque, status, .. }) = self.bad.take() {
            Reply::Failed { status }.encode(opcode, opaque, &[], output.buffer());
        }
    }

    fn push(&mut self, request: Request) {
        if self.waiting.capacity() == 0 {
            self.waiting.reserve(WARM_MAX);
        }
        self.waiting.push_back(request);
    }

    /// Answers the first, and those behind it that are about items of the same shard.
    fn answer_some(&mut self, cache: &Memcached, now: Now, output: &mut Output) {
        let Some(first) = self.waiting.front() else { return };
        let shard = cache.shard(key(first));
        let is_same = |request: &&Request| core::ptr::eq(shard, cache.shard(key(request)));
        let others = self.waiting.iter().skip(1).take(WARM_MAX - 1).take_while(is_same).count();
        let run = self.waiting.range(..=others);
        let answered = if run.clone().all(is_read) {
            shard.read(|items| {
                warm(items, run.clone());
                each(run, output, |request, output| read(items, now, request, output))
            })
        } else {
            shard.write(|items| {
                warm(items, run.clone());
                each(run, output, |request, output| change(items, now, request, output))
            })
        };
        self.waiting.drain(..answered);
    }
}

fn warm<'a>(items: &Items, run: impl ExactSizeIterator<Item = &'a Request>) {
    if run.len() > 1 {
        items.warm(run.map(key));
    }
}

/// Answers until the output is full; returns how many were answered.
fn each<'a>(
    run: impl Iterator<Item = &'a Request>,
    output: &mut Output,
    mut answer: impl FnMut(&Request, &mut Output),
) -> usize {
    let mut answered = 0;
    for request in run {
        if output.is_full() {
            break;
        }
        answer(request, output);
        answered += 1;
    }
    answered
}

/// A short value is copied from where it lies, while the shard is locked; a long one is shared.
fn read(items: &Items, now: Now, request: &Request, output: &mut Output) {
    let (opcode, opaque, key) = (request.opcode, request.opaque, key(request));
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

/// Answers what may be a read, among others that are not.
fn change(items: &mut Items, now: Now, request: &Request, output: &mut Output) {
    if is_read(request) {
        return read(items, now, request, output);
    }
    let (opcode, opaque) = (request.opcode, request.opaque);
    let reply = items.apply(now, request);
    // MCB-QT-01, MCB-QT-02
    if !opcode.suppresses(reply.status()) {
        encode(reply, opcode, opaque, key(request), output);
    }
}

fn key(request: &Request) -> &[u8] {
    request.key().map_or(&[], |key| key)
}

fn is_read(request: &Request) -> bool {
    matches!(request.command, Command::Get { .. })
}

fn is_about_an_item(input: &[u8]) -> bool {
    let Some(opcode) = RequestDecoder::next_opcode(input) else { return false };
    matches!(
        opcode.loud(),
        Opcode::GET
            | Opcode::GETK
            | Opcode::SET
            | Opcode::ADD
            | Opcode::REPLACE
            | Opcode::APPEND
            | Opcode::PREPEND
            | Opcode::DELETE
            | Opcode::INCREMENT
            | Opcode::DECREMENT
            | Opcode::TOUCH
            | Opcode::GAT
            | Opcode::GATK
    )
}
