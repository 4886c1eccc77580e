//! Runs of gets, text's and meta's: those that follow each other in the input are answered under one lock, key for key, as
//! the binary protocol's are ([`Run`](super::memcached_run::Run)). A full output makes them wait for the next flush, in the
//! middle of a multi-get if need be (MCT-CON-06).

use std::collections::VecDeque;

use bytes::BytesMut;
use lockproof_protocol::memcached::{Command, Extras, Lookup};
use lockproof_protocol::memcached_binary::Reply;
use lockproof_protocol::memcached_meta;
use lockproof_protocol::memcached_text::{Get, Request, RequestDecoder, put_line, put_value_line};
use lockproof_state_machine::Now;
use lockproof_state_machine::items::{Hit, Items, WARM_MAX};

use super::memcached::Memcached;
use super::memcached_meta::{answer, put_seen};
use crate::{Mark, Output, SHARED_BYTES_MIN};

/// Requests gathered at once.
const GATHERED_MAX: usize = 128;

/// Requests that were taken from the input, and are still to be answered.
#[derive(Debug, Default)]
pub(super) struct Gets {
    waiting: VecDeque<Waiting>,
    /// Comes behind them; nothing is gathered before it is answered.
    behind: Option<Request>,
}

#[derive(Debug)]
enum Waiting {
    /// Text's, with its `END`.
    Get(Get),
    /// Meta's, with what it says of the look: as a rule nothing is changed by that.
    Look(memcached_meta::Request, Lookup),
}

impl Waiting {
    fn keys(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let (many, one) = match self {
            Self::Get(get) => (Some(get.keys.iter()), None),
            Self::Look(request, _) => (None, Some(&request.key[..])),
        };
        many.into_iter().flatten().chain(one)
    }

    const fn is_read(&self) -> bool {
        matches!(self, Self::Get(Get { expiry: None, .. }) | Self::Look(..))
    }
}

/// How far a run came.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Requests that are answered, `END` included.
    requests: usize,
    /// Keys of the next one that are answered.
    keys: usize,
    /// The next one changes something after all.
    needs_write: bool,
}

impl Gets {
    pub(super) fn push(&mut self, get: Get) {
        self.waiting.push_back(Waiting::Get(get));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What came behind the gets, when they are answered.
    pub(super) fn take_behind(&mut self) -> Option<Request> {
        self.behind.take()
    }

    /// Takes the gets off the start of `input`.
    pub(super) fn gather(
        &mut self,
        cache: &Memcached,
        now: Now,
        decoder: &mut RequestDecoder,
        input: &mut BytesMut,
        output: &mut Output,
    ) {
        let mut looks = 0;
        while self.waiting.len() < GATHERED_MAX && self.behind.is_none() && is_get(input) {
            // What is too long stays in the input, and is too long again when it is its turn.
            let Ok(Some(request)) = decoder.decode(input) else { break };
            output.count_frame();
            match request {
                Request::Get(get) => self.push(get),
                Request::Meta(request) => match request.look() {
                    Some(lookup) if lookup.is_read() => {
                        looks += 1;
                        self.waiting.push_back(Waiting::Look(request, lookup));
                    }
                    _ => self.behind = Some(Request::Meta(request)),
                },
                other => self.behind = Some(other),
            }
        }
        if looks > 0 {
            cache.count_meta(now, looks);
        }
    }

    /// Answers keys of the first requests: those of one shard that follow each other, or one that changes something.
    pub(super) fn answer_some(&mut self, cache: &Memcached, now: Now, output: &mut Output) {
        let mut progress = Progress::default();
        match self.waiting.front_mut() {
            Some(Waiting::Get(Get { expiry: Some(expiry), .. })) => {
                let expiry = *expiry;
                if let Some(Waiting::Get(get)) = self.waiting.front_mut() {
                    touch_one(cache, now, get, expiry, output);
                }
            }
            Some(_) => progress = self.read_run(cache, now, output),
            None => return,
        }
        self.waiting.drain(..progress.requests);
        match self.waiting.front_mut() {
            Some(Waiting::Get(get)) => {
                get.keys.drop_first(progress.keys);
                if get.is_done() {
                    put_line("END", output.buffer());
                    self.waiting.pop_front();
                }
            }
            Some(Waiting::Look(request, _)) if progress.needs_write => {
                answer(cache, now, request, output);
                self.waiting.pop_front();
            }
            _ => {}
        }
        if self.waiting.is_empty() {
            // An idle session owns no memory.
            self.waiting = VecDeque::new();
        }
    }

    fn read_run(&self, cache: &Memcached, now: Now, output: &mut Output) -> Progress {
        let reads = self.waiting.iter().take_while(|waiting| waiting.is_read()).enumerate();
        let keys = reads.flat_map(|(at, asks)| asks.keys().map(move |key| (at, asks, key)));
        let Some((_, _, first)) = keys.clone().next() else { return Progress::default() };
        let shard = cache.shard(first);
        let is_same =
            |(_, _, key): &(usize, &Waiting, &[u8])| core::ptr::eq(shard, cache.shard(key));
        let run = keys.take(WARM_MAX).take_while(is_same);
        shard.read(|items| {
            if run.clone().nth(1).is_some() {
                items.warm(run.clone().map(|(_, _, key)| key));
            }
            each(items, now, run, output)
        })
    }
}

/// Answers until the output is full.
fn each<'a>(
    items: &Items,
    now: Now,
    run: impl Iterator<Item = (usize, &'a Waiting, &'a [u8])>,
    output: &mut Output,
) -> Progress {
    let mut progress = Progress::default();
    for (at, asks, key) in run {
        if output.is_full() {
            break;
        }
        if at > progress.requests {
            // Every request has a key, so it is the next one, and the one before was a get.
            put_line("END", output.buffer());
            progress = Progress { requests: at, ..Progress::default() };
        }
        match asks {
            Waiting::Get(get) => {
                progress.keys += 1;
                if let Some(hit) = items.look(now, key) {
                    let cas = get.with_cas.then_some(hit.cas);
                    put_value_line(key, hit.flags, hit.value.len(), cas, output.buffer());
                    put_value(&hit, output);
                }
            }
            Waiting::Look(request, lookup) => {
                let Ok(seen) = items.fetch(now, key, lookup) else {
                    return Progress { needs_write: true, ..progress };
                };
                put_seen(request, seen, output);
                progress = Progress { requests: at + 1, ..Progress::default() };
            }
        }
    }
    progress
}

/// A short value is copied from where it lies, while the shard is locked; a long one is shared.
pub(super) fn put_value(hit: &Hit<'_>, output: &mut Output) {
    if let Some(value) = hit.share() {
        Mark::ValueShared.hit();
        output.share(value);
    } else {
        output.buffer().extend_from_slice(hit.value);
    }
    output.buffer().extend_from_slice(b"\r\n");
}

/// Answers the first key of a `gat`.
fn touch_one(cache: &Memcached, now: Now, get: &mut Get, expiry: u32, output: &mut Output) {
    let Some(key) = get.keys.first() else { return };
    let command = Command::GetAndTouch { key: key.clone(), expiry };
    let reply = cache.run(now, &command, None, Extras::default());
    get.keys.drop_first(1);
    if let Reply::Found { flags, cas, value } = reply {
        let cas = get.with_cas.then_some(cas);
        put_value_line(&key, flags, value.len(), cas, output.buffer());
        if value.len() >= SHARED_BYTES_MIN {
            output.share(value);
        } else {
            output.buffer().extend_from_slice(&value);
        }
        output.buffer().extend_from_slice(b"\r\n");
    }
}

fn is_get(input: &[u8]) -> bool {
    [&b"get "[..], b"gets ", b"mg "].iter().any(|word| input.starts_with(word))
}
