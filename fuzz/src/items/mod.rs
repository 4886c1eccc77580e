//! One shard of the cache, held against a map: random commands and times, with room for all items and without.

pub(crate) mod ask;
mod model;

use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use lockproof_protocol::memcached_binary::{Command, Reply, Request, Status};
use lockproof_state_machine::items::{Config, Items, SLOT_OVERHEAD};

pub use model::Model;

use crate::step::steps;
use ask::{Ask, KEYS, UNIX_START};

#[derive(Debug)]
enum Step {
    Wait(Duration),
    ResetStats,
    Ask(Ask),
}

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u8::arbitrary(input)? {
            0 => Self::ResetStats,
            1 => Self::Wait(Duration::from_hours(u8::arbitrary(input)?.into())),
            2..32 => Self::Wait(Duration::from_millis(u16::arbitrary(input)?.into())),
            _ => Self::Ask(Ask::arbitrary(input)?),
        })
    }
}

/// The switches are the first byte's; two of them make the memory small.
fn config(switches: u8) -> Config {
    let is_on = |bit: u8| switches & (1 << bit) != 0;
    Config {
        memory_max: if is_on(0) { 600 } else { 1 << 20 },
        item_max: if is_on(1) { 400 } else { 32 * 1024 },
        evict: is_on(2),
        cas: !is_on(3),
        flush_enabled: !is_on(4),
        unix_start: UNIX_START,
        hash_seed: (switches >> 5).into(),
        cas_first: if is_on(5) { u64::MAX - 4 } else { 1 },
        cas_step: if is_on(6) { 3 } else { 1 },
    }
}

/// One sequence of commands to one shard.
pub fn run(input: &[u8]) {
    let Some((switches, input)) = input.split_first() else { return };
    let mut pair = Pair::new(config(*switches));
    let mut now = Duration::ZERO;
    for step in steps(&mut Unstructured::new(input)) {
        match step {
            Step::Wait(time) => now += time,
            Step::ResetStats => {
                pair.items.reset_stats();
                pair.evictions = 0;
            }
            Step::Ask(ask) => {
                pair.model.bury(now);
                let request = ask.request(|key| pair.model.cas_of(key));
                pair.ask(now, &request);
            }
        }
        pair.agree(now);
    }
}

/// The cache and its model.
struct Pair {
    items: Items,
    model: Model,
    memory_max: usize,
    evicts: bool,
    /// As many as were looked into.
    evictions: u64,
}

impl Pair {
    fn new(config: Config) -> Self {
        // What does not fit into all of the memory is too large for an item.
        let item_max = config.item_max.min(config.memory_max - SLOT_OVERHEAD);
        Self {
            items: Items::new(config),
            model: Model::new(Config { item_max, ..config }),
            memory_max: config.memory_max,
            evicts: config.evict,
            evictions: 0,
        }
    }

    fn ask(&mut self, now: Duration, request: &Request) {
        let bytes = self.items.stats(now).bytes;
        self.items.warm(KEYS.into_iter());
        let reply = match &request.command {
            Command::Get { key } => self.items.get(now, key),
            _ => self.items.apply(now, request),
        };
        let mut after = self.model.clone();
        let expected = after.ask(now, request);
        if reply == expected {
            self.model = after;
        } else {
            self.check_refusal(bytes, request, &reply, &expected, &after);
            self.model.refuse(now, request);
        }
        self.note_evictions(now, bytes, request);
    }

    /// Where the cache says otherwise than the model, it has to be full: it may not evict, and the item as it would be does
    /// not fit beside the bytes that were there.
    fn check_refusal(
        &self,
        bytes: u64,
        request: &Request,
        reply: &Reply,
        expected: &Reply,
        after: &Model,
    ) {
        let status = match request.command {
            Command::Concat { .. } => Status::NOT_STORED,
            _ => Status::OUT_OF_MEMORY,
        };
        let key = request.key().map_or(&[][..], |key| key);
        let needed = after.size_of(key).map_or(0, |size| size + SLOT_OVERHEAD);
        let freed = self.model.size_of(key).map_or(0, |size| size + SLOT_OVERHEAD);
        let is_full = bytes as usize - freed + needed > self.memory_max;
        assert!(
            !self.evicts && needed > 0 && is_full && reply.status() == status,
            "{request:?}: {reply:?}, expected {expected:?}; {needed} bytes for {freed} of {bytes}"
        );
    }

    /// What was evicted is gone for good. Nothing is evicted but for room, and never what was just stored.
    fn note_evictions(&mut self, now: Duration, bytes: u64, request: &Request) {
        let evictions = self.items.stats(now).evictions;
        let count = evictions - std::mem::replace(&mut self.evictions, evictions);
        if count == 0 {
            return;
        }
        let keys: Vec<_> = self.model.keys().cloned().collect();
        let is_gone = |key: &&bytes::Bytes| self.items.look(now, key).is_none();
        let gone: Vec<_> = keys.iter().filter(is_gone).collect();
        assert!(self.evicts && gone.len() as u64 == count, "{count} evictions, gone: {gone:?}");
        assert!(!gone.contains(&request.key().expect("a store")), "{request:?} evicted itself");
        let needed = self.model.size_of(request.key().expect("a store")).unwrap_or_default();
        let is_full = bytes as usize + needed + SLOT_OVERHEAD > self.memory_max;
        assert!(is_full, "{request:?} evicted {gone:?} with {bytes} bytes in use");
        for key in gone {
            self.model.forget(key);
        }
    }

    /// Every item that lives is counted, and the bound is kept.
    fn agree(&mut self, now: Duration) {
        self.model.bury(now);
        let stats = self.items.stats(now);
        let sizes = self.model.keys().map(|key| self.model.size_of(key).unwrap_or_default());
        let (count, bytes) =
            sizes.fold((0, 0), |(count, sum), size| (count + 1, sum + size + SLOT_OVERHEAD));
        assert!(stats.bytes <= self.memory_max as u64, "{} bytes are in use", stats.bytes);
        // What expired and was not looked at since is counted still.
        assert!(stats.bytes >= bytes as u64, "{} bytes for items of {bytes}", stats.bytes);
        assert!(stats.curr_items >= count, "{} of {count} items", stats.curr_items);
        if stats.curr_items == count {
            assert_eq!(stats.bytes, bytes as u64, "{count} items");
        }
    }
}
