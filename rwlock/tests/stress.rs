//! The lock under real threads: more of them than there are CPUs, seeded, bounded in operations.
//!
//! Leaves out orders of memory accesses and the policy: see `loom`. The environment's
//! `LOCKPROOF_SEED` chooses another mix; what the system's scheduler does is its own affair.
#![cfg(not(any(lock_loom, lock_shuttle)))]

use lockproof_rwlock::{Preference, RwLock};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const SEED: u64 = 20_250_807;
const THREADS: u64 = if cfg!(miri) { 3 } else { 6 };
const OPERATIONS: u64 = if cfg!(miri) { 40 } else { 10_000 };
/// How long all of it may take before it counts as stuck. It takes a second.
const LIMIT: Duration = Duration::from_mins(2);

/// Four copies of one number: a reader beside a writer, or two writers, would see them differ.
type Copies = [u64; 4];

#[test]
fn phase_fair_crowd_ends_and_loses_nothing() {
    crowd(Preference::PhaseFair);
}

#[test]
fn writers_first_crowd_ends_and_loses_nothing() {
    crowd(Preference::Writers);
}

fn crowd(preference: Preference) {
    let given = std::env::var("LOCKPROOF_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = given.unwrap_or(SEED);
    println!("LOCKPROOF_SEED={seed}");
    let lock = Arc::new(RwLock::with_preference([0; 4], preference));
    let (report, reports) = mpsc::channel();
    for place in 0..THREADS {
        let (lock, report) = (Arc::clone(&lock), report.clone());
        let draws = Draws(seed.wrapping_add(place).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        thread::spawn(move || report.send(work(&lock, draws)).unwrap());
    }
    let each = || reports.recv_timeout(LIMIT).expect("a thread is stuck, or failed");
    let written: u64 = (0..THREADS).map(|_| each()).sum();
    assert!(written > 0);
    assert_eq!(lock.read(|copies| *copies), [written; 4]);
    assert_eq!(lock.try_write(|_| ()), Some(()));
}

/// Does one thread's operations; tells how often it wrote.
fn work(lock: &RwLock<Copies>, mut draws: Draws) -> u64 {
    let mut written = 0;
    for _ in 0..OPERATIONS {
        let draw = draws.next();
        match draw % 16 {
            0..=4 => lock.write(|copies| bump(copies, draw)),
            5 => written += u64::from(lock.try_write(|copies| bump(copies, draw)).is_some()),
            6 => drop(lock.try_read(look)),
            7 => written += panic_after(|| lock.write(|copies| bump_and_panic(copies, draw))),
            8 => drop(panic_after(|| lock.read(|_| resume_unwind(Box::new("on purpose"))))),
            _ => lock.read(look),
        }
        written += u64::from(draw % 16 <= 4);
    }
    written
}

fn bump(copies: &mut Copies, draw: u64) {
    for (place, copy) in copies.iter_mut().enumerate() {
        *copy += 1;
        // Now and then lose the CPU in the middle.
        if draw % 512 == 16 * place as u64 {
            thread::yield_now();
        }
    }
}

fn bump_and_panic(copies: &mut Copies, draw: u64) {
    bump(copies, draw);
    resume_unwind(Box::new("on purpose"));
}

fn look(copies: &Copies) {
    assert!(copies.iter().all(|copy| *copy == copies[0]), "half a write: {copies:?}");
}

/// Runs what panics; tells that once something was written.
fn panic_after(act: impl FnOnce()) -> u64 {
    assert!(catch_unwind(AssertUnwindSafe(act)).is_err(), "the panic was hidden");
    1
}

/// xorshift64
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }
}
