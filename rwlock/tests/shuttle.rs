//! The lock at a size that loom cannot explore: eight threads, thousands of seeded schedules.
//!
//! Leaves out weak memory, which shuttle does not model: see `loom`. Empty without
//! `--cfg lock_shuttle`; ci/loom sets it. A failure prints the schedule, for `shuttle::replay`; the
//! environment's `LOCKPROOF_SEED` chooses other schedules.
#![cfg(lock_shuttle)]

use lockproof_rwlock::{Defect, Preference, RwLock};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use shuttle::{Config, Runner, thread};
use std::panic::{AssertUnwindSafe, catch_unwind};

const SEED: u64 = 20_250_807;
const SCHEDULES: usize = 3_000;
const THREADS: u64 = 8;
const OPERATIONS: u64 = 10;

fn seed() -> u64 {
    let given = std::env::var("LOCKPROOF_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or(SEED);
    println!("LOCKPROOF_SEED={seed}");
    seed
}

/// Eight threads, each with its own mix of reads, writes, tries and panicking writes.
fn crowd(preference: Preference, defect: Option<Defect>) {
    let lock = RwLock::with_preference((0_u64, 0_u64), preference).with_defect(defect);
    let (lock, written) = (Arc::new(lock), Arc::new(AtomicUsize::new(0)));
    let threads: Vec<_> = (0..THREADS)
        .map(|place| {
            let (lock, written) = (Arc::clone(&lock), Arc::clone(&written));
            thread::spawn(move || {
                (0..OPERATIONS).for_each(|turn| operate(&lock, &written, place * 5 + turn));
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let written = written.load(Relaxed) as u64;
    lock.read(|pair| assert_eq!(*pair, (written, written), "an update was lost"));
    assert!(lock.try_write(|_| ()).is_some(), "a free lock was refused");
}

fn operate(lock: &RwLock<(u64, u64)>, written: &AtomicUsize, kind: u64) {
    let bump = |pair: &mut (u64, u64)| {
        pair.0 += 1;
        thread::yield_now();
        pair.1 += 1;
        written.fetch_add(1, Relaxed);
    };
    let look = |pair: &(u64, u64)| {
        let before = pair.0;
        thread::yield_now();
        assert_eq!((before, before), *pair, "a reader saw half a write");
    };
    match kind % 7 {
        0 | 1 => lock.write(bump),
        2 => drop(lock.try_write(bump)),
        3 => drop(lock.try_read(look)),
        4 => lock.write_and_unwind(bump),
        _ => lock.read(look),
    }
}

#[test]
fn random_schedules() {
    let scheduler = RandomScheduler::new_from_seed(seed(), SCHEDULES);
    let ran = Runner::new(scheduler, Config::new()).run(|| crowd(Preference::PhaseFair, None));
    assert_eq!(ran, SCHEDULES);
}

#[test]
fn random_schedules_when_writers_go_first() {
    let scheduler = RandomScheduler::new_from_seed(seed(), SCHEDULES);
    let ran = Runner::new(scheduler, Config::new()).run(|| crowd(Preference::Writers, None));
    assert_eq!(ran, SCHEDULES);
}

/// Few changes of thread at the worst moments, where `RandomScheduler` changes all the time.
#[test]
fn schedules_of_few_preemptions() {
    let scheduler = PctScheduler::new_from_seed(seed(), 3, SCHEDULES);
    let ran = Runner::new(scheduler, Config::new()).run(|| crowd(Preference::PhaseFair, None));
    assert_eq!(ran, SCHEDULES);
}

/// The defects that show without weak memory, in a crowd that checks nothing but its own data.
#[test]
fn crowd_finds_defects() {
    for defect in [
        Defect::WakesOneReader,
        Defect::WakesNoWriter,
        Defect::LastReaderForgets,
        Defect::GuestForgets,
        Defect::HandOverForgetsRest,
        Defect::HandOverUnclaimed,
        Defect::LinesUpUnseen,
        Defect::BatchOneTooMany,
        Defect::BatchOneTooFew,
        Defect::WriterBitClearedEarly,
        Defect::WriterSweepsGuests,
        Defect::WriterIgnoresNumber,
        Defect::PanicKeepsLock,
    ] {
        let scheduler = RandomScheduler::new_from_seed(seed(), SCHEDULES);
        let runner = Runner::new(scheduler, Config::new());
        let crowd = move || crowd(Preference::PhaseFair, Some(defect));
        let ran = catch_unwind(AssertUnwindSafe(|| runner.run(crowd)));
        assert!(ran.is_err(), "{} passed", defect.name());
    }
}
