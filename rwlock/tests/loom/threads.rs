//! Models of the lock as its users see it: threads that call it, in every order there is.
//!
//! Leaves out rules 2 to 4, which need to know who lined up first: see `turns`.

use lockproof_rwlock::RwLock;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use loom::thread;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Two numbers that are equal but in the middle of a write.
pub(crate) type Pair = (u32, u32);

fn bump(lock: &RwLock<Pair>) {
    lock.write(|pair| {
        pair.0 += 1;
        // Whoever may get in now, does so in one of the orders that loom tries.
        thread::yield_now();
        pair.1 += 1;
    });
}

fn look(lock: &RwLock<Pair>) -> u32 {
    lock.read(|pair| {
        assert_eq!(pair.0, pair.1, "a reader saw half a write");
        pair.0
    })
}

fn spawn(
    lock: &Arc<RwLock<Pair>>,
    act: impl Fn(&RwLock<Pair>) + 'static,
) -> thread::JoinHandle<()> {
    let lock = Arc::clone(lock);
    thread::spawn(move || act(&lock))
}

/// W | W
pub(crate) fn two_writers(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let other = spawn(&lock, bump);
    bump(&lock);
    other.join().unwrap();
    assert_eq!(look(&lock), 2, "an update was lost");
}

/// W | R, twice each
pub(crate) fn reader_and_writer_twice(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let other = spawn(&lock, |lock| {
        bump(lock);
        bump(lock);
    });
    let first = look(&lock);
    assert!(look(&lock) >= first, "a reader saw time run backwards");
    other.join().unwrap();
    assert_eq!(look(&lock), 2, "an update was lost");
}

/// R | R | W
pub(crate) fn two_readers_one_writer(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let reader = spawn(&lock, |lock| assert!(look(lock) <= 1));
    let writer = spawn(&lock, bump);
    look(&lock);
    reader.join().unwrap();
    writer.join().unwrap();
    assert_eq!(look(&lock), 1, "an update was lost");
}

/// R | W | W
pub(crate) fn one_reader_two_writers(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let reader = spawn(&lock, |lock| assert!(look(lock) <= 2));
    let writer = spawn(&lock, bump);
    bump(&lock);
    reader.join().unwrap();
    writer.join().unwrap();
    assert_eq!(look(&lock), 2, "an update was lost");
}

/// R | R | W | W
pub(crate) fn two_readers_two_writers(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let readers = [
        spawn(&lock, |lock| assert!(look(lock) <= 2)),
        spawn(&lock, |lock| {
            look(lock);
        }),
    ];
    let writer = spawn(&lock, bump);
    bump(&lock);
    writer.join().unwrap();
    for reader in readers {
        reader.join().unwrap();
    }
}

/// try R | try W | W: whoever gets in has the lock as its kind needs it, and nobody waits for ever.
pub(crate) fn tries(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let reader = spawn(&lock, |lock| {
        lock.try_read(|pair| assert_eq!(pair.0, pair.1, "a reader saw half a write"));
    });
    let writer = spawn(&lock, bump);
    let tried = lock.try_write(|pair| {
        pair.0 += 1;
        thread::yield_now();
        pair.1 += 1;
    });
    reader.join().unwrap();
    writer.join().unwrap();
    assert_eq!(look(&lock), 1 + u32::from(tried.is_some()), "an update was lost");
    assert!(lock.try_write(|_| ()).is_some(), "a free lock was refused");
}

/// A reader inside | try R, then try W: readers share, also by trying; a writer is refused.
pub(crate) fn tries_beside_a_reader(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let other = spawn(&lock, |lock| {
        let seen = lock.try_read(|pair| assert_eq!(pair.0, pair.1, "a reader saw half a write"));
        assert!(seen.is_some(), "readers did not share");
    });
    lock.read(|pair| {
        assert!(lock.try_write(|_| ()).is_none(), "a writer got in beside readers");
        assert_eq!(pair.0, pair.1, "a reader saw half a write");
    });
    other.join().unwrap();
}

/// W that panics | R | W: the lock goes on, and remembers.
pub(crate) fn panicking_writer(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let reader = spawn(&lock, |lock| {
        lock.read(|pair| assert!(pair.0 <= 1));
    });
    let writer = spawn(&lock, |lock| lock.write(|pair| pair.1 += 1));
    lock.write_and_unwind(|pair| pair.0 += 1);
    reader.join().unwrap();
    writer.join().unwrap();
    assert!(lock.is_poisoned(), "the panic was forgotten");
    lock.read(|pair| assert_eq!(*pair, (1, 1), "an update was lost"));
}

/// R that panics | W: the panic comes out, the lock goes on.
pub(crate) fn panicking_reader(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let writer = spawn(&lock, bump);
    let out = catch_unwind(AssertUnwindSafe(|| {
        lock.read(|_| resume_unwind(Box::new("on purpose")));
    }));
    assert!(out.is_err(), "the panic was hidden");
    writer.join().unwrap();
    assert!(!lock.is_poisoned(), "a reader cannot break the value");
}

/// What a writer did before it left, outside of the lock too, was done before the next reader came.
pub(crate) fn publication(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let outside = Arc::new(AtomicU32::new(0));
    let publisher = Arc::clone(&outside);
    let writer = spawn(&lock, move |lock| {
        publisher.store(7, Relaxed);
        lock.write(|pair| pair.0 = 1);
    });
    if lock.read(|pair| pair.0) == 1 {
        assert_eq!(outside.load(Relaxed), 7, "a write before the lock was not seen after it");
    }
    writer.join().unwrap();
}
