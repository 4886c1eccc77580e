//! What a read/write lock costs, ours beside three others: `rwlock/operation/lock`.
//!
//! Uncontended operations do next to nothing inside; the mixed ones look or change for about 50 ns,
//! and are named by their threads and by reads to writes. Left out: ratios of rounds that were taken
//! in turn (`examples/rwlock_paired.rs`), and who waits how long (`examples/starvation.rs`).

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};

#[path = "../common/contenders.rs"]
mod contenders;
#[path = "../common/mix.rs"]
mod mix;
use contenders::{ABOUT_50_NS, Contender, Tally};
use mix::{Mix, operate};

/// Numbers of threads that share one lock.
const THREADS: [u32; 3] = [1, 2, 4];

/// Names of reads to writes, and the writes of 1024 operations.
const MIXES: [(&str, u64); 4] = [("100_0", 0), ("99_1", 10), ("90_10", 102), ("50_50", 512)];

/// Measures `$measure(group, lock's name, new lock, ..)` for each of the locks.
macro_rules! for_each_lock {
    ($measure:ident, $group:expr, $($rest:expr),*) => {
        $measure($group, "ours", || lockproof_rwlock::RwLock::new(Tally::new()), $($rest),*);
        $measure($group, "std", || std::sync::RwLock::new(Tally::new()), $($rest),*);
        $measure($group, "parking_lot", || parking_lot::RwLock::new(Tally::new()), $($rest),*);
        $measure($group, "tokio", || tokio::sync::RwLock::new(Tally::new()), $($rest),*);
    };
}

fn uncontended(criterion: &mut Criterion) {
    let mut group = group(criterion);
    for_each_lock!(read_uncontended, &mut group,);
    for_each_lock!(write_uncontended, &mut group,);
}

fn mixed(criterion: &mut Criterion) {
    let mut group = group(criterion);
    for threads in THREADS {
        for mix in MIXES {
            for_each_lock!(mixed_of, &mut group, threads, mix);
        }
    }
}

/// Many benches, and threads that take a while to find their pace: short, with few samples.
fn group(criterion: &mut Criterion) -> BenchmarkGroup<'_, WallTime> {
    let mut group = criterion.benchmark_group("rwlock");
    group.sample_size(20);
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    group
}

fn read_uncontended<L: Contender<Tally<0>>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    new: impl Fn() -> L,
) {
    let lock = new();
    lock.with_write(Tally::add_one);
    group.bench_function(BenchmarkId::new("read_uncontended", name), |bencher| {
        bencher.iter(|| assert_eq!(lock.with_read(Tally::checked), 1));
    });
}

fn write_uncontended<L: Contender<Tally<0>>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    new: impl Fn() -> L,
) {
    let lock = new();
    let mut expected = 0;
    group.bench_function(BenchmarkId::new("write_uncontended", name), |bencher| {
        bencher.iter(|| {
            lock.with_write(Tally::add_one);
            expected += 1;
        });
    });
    assert_eq!(lock.with_read(Tally::checked), expected);
}

fn mixed_of<L: Contender<Tally<ABOUT_50_NS>>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    new: impl Fn() -> L,
    threads: u32,
    (mix, writes_of_1024): (&str, u64),
) {
    let operation = format!("{threads}threads_{mix}");
    group.bench_function(BenchmarkId::new(operation, name), |bencher| {
        bencher.iter_custom(|operations| race(&new(), threads, writes_of_1024, operations));
    });
}

/// Time for each of `threads` to do `operations`, shared among them: so twice the threads in the
/// same time show as half the time.
fn race(
    lock: &impl Contender<Tally<ABOUT_50_NS>>,
    threads: u32,
    writes_of_1024: u64,
    operations: u64,
) -> Duration {
    let ready = Barrier::new(threads as usize);
    let run = |thread: u32| {
        let mut mix = Mix::new(u64::from(thread), writes_of_1024);
        ready.wait();
        let started = Instant::now();
        let written = (0..operations).filter(|_| operate(lock, &mut mix)).count() as u64;
        (written, started, Instant::now())
    };
    let done: Vec<_> = thread::scope(|scope| {
        let runs: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        runs.into_iter().map(|run| run.join().expect("a torn read")).collect()
    });
    let written: u64 = done.iter().map(|(written, ..)| written).sum();
    assert_eq!(lock.with_read(Tally::checked), written, "a lost write");
    let started = done.iter().map(|(_, started, _)| *started).min();
    let ended = done.iter().map(|(.., ended)| *ended).max();
    started.zip(ended).map_or(Duration::ZERO, |(started, ended)| (ended - started) / threads)
}

criterion_group!(benches, uncontended, mixed);
criterion_main!(benches);
