//! How fast commands are executed, without bytes and sockets: `state_machine/operation/size`.
//!
//! Sizes are the number of items, pages or locks that there are. Keys are asked for in an order that jumps, so that memory
//! has its part in it.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use lockproof_protocol::memcached_binary::{
    Command, Direction, Opcode, Reply, Request, Status, StoreMode, Value,
};
use lockproof_protocol::{locker, netmem};
use lockproof_state_machine::items::{Config, Items};
use lockproof_state_machine::locks::{self, Locks};
use lockproof_state_machine::pages::{self, Pages, Progress};
use lockproof_state_machine::{Effect, SessionId};

type Group<'a> = BenchmarkGroup<'a, WallTime>;

const NOW: Duration = Duration::from_secs(1);
const SIZES: [(&str, u32); 3] = [("100", 100), ("10k", 10_000), ("1M", 1_000_000)];
/// Odd and not small: so that its multiples jump, and meet every key.
const JUMP: u32 = 7_919;

fn set(key: &Bytes) -> Request {
    let value = Value::Present(Bytes::from_static(&[b'v'; 100]));
    let key = key.clone();
    let command = Command::Store { mode: StoreMode::Set, key, flags: 0, expiry: 0, value };
    Request { opcode: Opcode::SET, opaque: 0, cas: 0, command }
}

fn keys(count: u32) -> Vec<Bytes> {
    (0..count).map(|key| format!("{:010}", key.wrapping_mul(JUMP)).into()).collect()
}

/// One after the other, for ever.
fn in_turn<'a, T>(all: &'a [T]) -> impl FnMut() -> &'a T + use<'a, T> {
    let mut next = all.iter().cycle();
    move || next.next().expect("there is one")
}

fn items(group: &mut Group<'_>) {
    for (size, count) in SIZES {
        let keys = keys(count);
        let mut items = Items::new(Config { memory_max: 1 << 30, ..Config::default() });
        for key in &keys {
            assert!(matches!(items.apply(NOW, &set(key)), Reply::Stored { .. }));
        }
        let mut key = in_turn(&keys);
        group.bench_function(BenchmarkId::new("items_get", size), |bencher| {
            bencher.iter(|| {
                let hit = items.look(NOW, black_box(key())).expect("every key is there");
                assert_eq!(hit.value.len(), 100);
            });
        });
        let mut key = in_turn(&keys);
        group.bench_function(BenchmarkId::new("items_get_run_of_32", size), |bencher| {
            bencher.iter(|| {
                let run: [&Bytes; 32] = std::array::from_fn(|_| key());
                items.warm(run.iter().map(|key| &key[..]));
                for key in run {
                    assert_eq!(items.look(NOW, key).map(|hit| hit.value.len()), Some(100));
                }
            });
        });
        let requests: Vec<_> = keys.iter().map(set).collect();
        let mut request = in_turn(&requests);
        group.bench_function(BenchmarkId::new("items_set", size), |bencher| {
            bencher.iter(|| {
                let reply = items.apply(NOW, black_box(request()));
                assert!(matches!(reply, Reply::Stored { .. }));
            });
        });
    }
    let mut empty = Items::new(Config::default());
    group.bench_function(BenchmarkId::new("items_get_miss", "0"), |bencher| {
        bencher.iter(|| assert!(empty.look(NOW, black_box(b"absent")).is_none()));
    });
    let command = Command::Arithmetic {
        direction: Direction::Increment,
        key: Bytes::from_static(b"counter"),
        delta: 1,
        initial: 0,
        expiry: 0,
    };
    let count = Request { opcode: Opcode::INCREMENT, opaque: 0, cas: 0, command };
    group.bench_function(BenchmarkId::new("items_increment", "1"), |bencher| {
        bencher.iter(|| assert_eq!(empty.apply(NOW, black_box(&count)).status(), Status::SUCCESS));
    });
}

/// Items that come into a full shard: each drives another out.
fn eviction(group: &mut Group<'_>) {
    let mut items = Items::new(Config { memory_max: 10_000 * 180, ..Config::default() });
    let keys = keys(100_000);
    let requests: Vec<_> = keys.iter().map(set).collect();
    for request in &requests {
        items.apply(NOW, request);
    }
    let mut request = in_turn(&requests);
    let before = items.stats(NOW).evictions;
    group.bench_function(BenchmarkId::new("items_set_evicting", "10k"), |bencher| {
        bencher.iter(|| {
            let reply = items.apply(NOW, black_box(request()));
            assert!(matches!(reply, Reply::Stored { .. }));
        });
    });
    assert!(items.stats(NOW).evictions > before);
}

fn pages(group: &mut Group<'_>) {
    for (size, count) in [("16", 16), ("65536", 65_536)] {
        let mut all =
            Pages::new(pages::Config { pages: count, page_len: 64, ..pages::Config::default() });
        let session = SessionId(1);
        let data = Bytes::from_static(&[b'p'; 64]);
        let mut effects: Vec<Effect<netmem::Reply>> = Vec::new();
        let mut page = 0;
        group.bench_function(BenchmarkId::new("pages_lock_and_unlock", size), |bencher| {
            bencher.iter(|| {
                page = (page + JUMP) % count;
                effects.clear();
                let lock = netmem::Request::Lock { page, version: -1 };
                assert_eq!(all.apply(NOW, session, lock, &mut effects), Progress::Done);
                let data = data.clone();
                let unlock = netmem::Request::Unlock { page, version: 0, data };
                assert_eq!(all.apply(NOW, session, unlock, &mut effects), Progress::Done);
                assert_eq!(effects.len(), 2);
            });
        });
        group.bench_function(BenchmarkId::new("pages_read_unknown", size), |bencher| {
            bencher.iter(|| {
                page = (page + JUMP) % count;
                let reply = all.read(&netmem::Request::Read { page, version: -1 });
                assert!(matches!(reply, netmem::Reply::Page { data: Some(_), .. }));
            });
        });
    }
}

fn locks(group: &mut Group<'_>) {
    for (size, count) in [("1key", 1_u32), ("16keys", 16)] {
        let mut all = Locks::new(locks::Config::default());
        let session = SessionId(1);
        let keys: Vec<Bytes> = (0..count).map(|key| format!("lock-{key:011}").into()).collect();
        let request = |verb| locker::Request { verb, batch: count > 1, keys: keys.clone() };
        let (get, release) = (request(locker::Verb::Get), request(locker::Verb::Release));
        group.bench_function(BenchmarkId::new("locks_get_and_release", size), |bencher| {
            bencher.iter(|| {
                let got = all.apply(NOW, session, black_box(&get));
                let released = all.apply(NOW, session, black_box(&release));
                assert_eq!((got, released), (locker::Outcome::Ok, locker::Outcome::Ok));
            });
        });
    }
}

fn state_machine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state_machine");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    items(&mut group);
    eviction(&mut group);
    pages(&mut group);
    locks(&mut group);
    group.finish();
}

criterion_group!(benches, state_machine);
criterion_main!(benches);
