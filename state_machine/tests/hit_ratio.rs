//! Does the cache keep what is asked for? Its hits on traces, beside those of an LRU of the same size.
//!
//! Recency is one mark an item, which readers set side by side; an LRU would move an item on every read, under the exclusive
//! lock. That must not cost hits.

use std::collections::BTreeMap;

use bytes::Bytes;
use core::time::Duration;
use lockproof_protocol::memcached_binary::{Command, Opcode, Request, StoreMode, Value};
use lockproof_state_machine::items::{Config, ITEM_OVERHEAD, Items, SLOT_OVERHEAD};

/// Items that fit.
const ROOM: usize = 2_000;
const KEYS: u32 = 20_000;
const REQUESTS: u32 = 400_000;
const KEY_LEN: usize = 10;
const VALUE: &[u8] = b"value";

/// `SplitMix64`: short, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below 1.
    fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / f64::from(u32::MAX).next_up()
    }
}

/// Key number k is asked for with a probability in proportion to 1 / k to the power of `skew`.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(skew: f64) -> Self {
        let mut sum = 0.0;
        let weight = |key: u32| f64::from(key).powf(-skew);
        Self(
            (1..=KEYS)
                .map(|key| {
                    sum += weight(key);
                    sum
                })
                .collect(),
        )
    }

    fn draw(&self, random: &mut Random) -> u32 {
        let at = random.fraction() * self.0[self.0.len() - 1];
        u32::try_from(self.0.partition_point(|sum| *sum <= at)).unwrap()
    }
}

#[derive(Default)]
struct Lru {
    used: BTreeMap<u32, u32>,
    by_time: BTreeMap<u32, u32>,
}

impl Lru {
    /// Asks for a key, and stores it if it is not there. Whether it was.
    fn ask(&mut self, time: u32, key: u32) -> bool {
        let before = self.used.insert(key, time);
        if let Some(before) = before {
            self.by_time.remove(&before);
        } else if self.used.len() > ROOM {
            let (_, oldest) = self.by_time.pop_first().unwrap();
            self.used.remove(&oldest);
        }
        self.by_time.insert(time, key);
        before.is_some()
    }
}

struct Cache(Items);

impl Cache {
    fn new() -> Self {
        let item = KEY_LEN + VALUE.len() + ITEM_OVERHEAD + SLOT_OVERHEAD;
        Self(Items::new(Config { memory_max: item * ROOM, ..Config::default() }))
    }

    fn ask(&mut self, key: u32) -> bool {
        let key = Bytes::from(format!("{key:010}"));
        if self.0.look(Duration::ZERO, &key).is_some() {
            return true;
        }
        let value = Value::Present(Bytes::from_static(VALUE));
        let command = Command::Store { mode: StoreMode::Set, key, flags: 0, expiry: 0, value };
        self.0.apply(Duration::ZERO, &Request { opcode: Opcode::SET, opaque: 0, cas: 0, command });
        false
    }
}

/// Hits in a hundred, of the cache and of the LRU, after both are full.
fn hits(mut next: impl FnMut(u32) -> u32) -> (f64, f64) {
    let (mut cache, mut lru) = (Cache::new(), Lru::default());
    let (mut ours, mut theirs) = (0_u32, 0_u32);
    for time in 0..REQUESTS {
        let key = next(time);
        let (hit, lru_hit) = (cache.ask(key), lru.ask(time, key));
        if time >= REQUESTS / 4 {
            ours += u32::from(hit);
            theirs += u32::from(lru_hit);
        }
    }
    let stats = cache.0.stats(Duration::ZERO);
    assert_eq!(usize::try_from(stats.curr_items).unwrap(), ROOM);
    let asked = f64::from(REQUESTS - REQUESTS / 4) / 100.0;
    (f64::from(ours) / asked, f64::from(theirs) / asked)
}

#[test]
fn hits_are_no_fewer_than_an_lrus_on_zipf_traces() {
    for skew in [0.7, 0.9, 1.0, 1.2] {
        let (zipf, mut random) = (Zipf::new(skew), Random(7));
        let (ours, lru) = hits(|_| zipf.draw(&mut random));
        println!("skew {skew}: {ours:.1} % hits, LRU {lru:.1} %");
        assert!(ours >= lru, "skew {skew}: {ours:.2} % hits, and an LRU has {lru:.2} %");
    }
}

#[test]
fn keys_asked_for_once_do_not_drive_out_the_others() {
    let (zipf, mut random) = (Zipf::new(0.9), Random(8));
    // Every other request is for a key that nobody asks for again.
    let (ours, lru) = hits(|time| if time % 2 == 0 { zipf.draw(&mut random) } else { KEYS + time });
    println!("with a scan: {ours:.1} % hits, LRU {lru:.1} %");
    assert!(ours >= lru * 1.05, "{ours:.2} % hits, and an LRU has {lru:.2} %");
}
