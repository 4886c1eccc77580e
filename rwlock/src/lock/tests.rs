//! What the lock promises, with real threads. Orders of memory accesses are the loom models' task.

use super::RwLock;
use crate::held_here;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a thread that must come may take.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn write_is_seen_by_the_next_read() {
    let lock = RwLock::new(1);
    assert_eq!(lock.write(|value| std::mem::replace(value, 2)), 1);
    assert_eq!(lock.read(|value| *value), 2);
    assert_eq!(lock.into_inner(), 2);
}

#[test]
fn readers_are_in_together() {
    let lock = RwLock::new(());
    let (to_b, from_a) = mpsc::channel();
    let (to_a, from_b) = mpsc::channel();
    // Each is inside until it has heard that the other is, too.
    let meet = |tell: mpsc::Sender<()>, hear: mpsc::Receiver<()>| {
        lock.read(|()| {
            tell.send(()).unwrap();
            hear.recv_timeout(LIMIT)
        })
    };
    thread::scope(|scope| {
        let a = scope.spawn(move || meet(to_b, from_b));
        let b = scope.spawn(move || meet(to_a, from_a));
        assert_eq!((a.join().unwrap(), b.join().unwrap()), (Ok(()), Ok(())));
    });
}

#[test]
fn writers_lose_no_update() {
    // Two fields that differ between the steps of one write: a second writer, or a reader, that
    // gets in between would see it.
    let lock = RwLock::new((0_u64, 0_u64));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    lock.write(|pair| {
                        let next = pair.0 + 1;
                        pair.0 = next;
                        thread::yield_now();
                        pair.1 = next;
                    });
                    lock.read(|pair| assert_eq!(pair.0, pair.1));
                }
            });
        }
    });
    assert_eq!(lock.into_inner(), (8_000, 8_000));
}

#[test]
fn try_forms_refuse_at_once_and_run_nothing() {
    let lock = RwLock::new(0);
    lock.read(|_| {
        assert_eq!(lock.try_write(|value| *value += 1), None);
        assert_eq!(lock.try_read(|value| *value), Some(0));
    });
    let (inside, is_inside) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let held = &lock;
        scope.spawn(move || {
            held.write(|value| {
                *value = 7;
                inside.send(()).unwrap();
                may_leave.recv_timeout(LIMIT).unwrap();
            });
        });
        is_inside.recv_timeout(LIMIT).unwrap();
        assert_eq!(lock.try_read(|value| *value), None);
        assert_eq!(lock.try_write(|value| *value), None);
        leave.send(()).unwrap();
    });
    assert_eq!(lock.try_write(|value| *value), Some(7));
}

#[test]
fn panic_in_a_closure_unlocks() {
    let lock = RwLock::new(0);
    let result = catch_unwind(AssertUnwindSafe(|| {
        lock.write(|value| {
            *value = 1;
            panic!("on purpose");
        });
    }));
    assert!(result.is_err());
    assert_eq!(lock.try_write(|value| *value), Some(1));
}

#[test]
fn panic_of_a_writer_comes_out_and_leaves_a_mark() {
    let lock = RwLock::new(0);
    let out = catch_unwind(AssertUnwindSafe(|| lock.write(|_| resume_unwind(Box::new("mine")))));
    assert_eq!(out.unwrap_err().downcast_ref::<&str>(), Some(&"mine"));
    assert!(lock.is_poisoned());
    lock.write(|value| *value = 1);
    assert!(lock.is_poisoned(), "only clear_poison takes the mark away");
    lock.clear_poison();
    assert!(!lock.is_poisoned());
    assert_eq!(lock.into_inner(), 1);
}

#[test]
fn panic_of_a_reader_comes_out_and_leaves_no_mark() {
    let lock = RwLock::new(0);
    let out = catch_unwind(AssertUnwindSafe(|| lock.read(|_| resume_unwind(Box::new("mine")))));
    assert!(out.is_err());
    assert!(!lock.is_poisoned());
    assert_eq!(lock.try_write(|value| *value), Some(0), "the reader is still in");
}

#[test]
fn threads_that_wait_outlive_a_panic() {
    let lock = RwLock::new(0);
    let (inside, is_inside) = mpsc::channel();
    thread::scope(|scope| {
        let held = &lock;
        scope.spawn(move || {
            let out = catch_unwind(AssertUnwindSafe(|| {
                held.write(|value| {
                    inside.send(()).unwrap();
                    // Long enough for the others to line up; if they have not, the test is weaker.
                    thread::sleep(Duration::from_millis(20));
                    *value = 1;
                    resume_unwind(Box::new("mine"));
                });
            }));
            assert!(out.is_err());
        });
        is_inside.recv_timeout(LIMIT).unwrap();
        scope.spawn(|| assert!(held.read(|value| *value) >= 1));
        scope.spawn(|| held.write(|value| *value += 1));
    });
    assert_eq!(lock.into_inner(), 2);
}

#[test]
fn debug_does_not_wait() {
    let lock = RwLock::new(3);
    assert_eq!(lock.write(|_| format!("{lock:?}")), "RwLock { .. }");
}

#[test]
fn closures_are_counted_however_they_end() {
    let lock = RwLock::new(0);
    assert_eq!(held_here(), 0);
    let inside = lock.write(|_| (held_here(), RwLock::new(0).read(|_| held_here())));
    assert_eq!(inside, (1, 2));
    assert_eq!(lock.try_read(|_| held_here()), Some(1));
    let panics = || lock.write(|_| resume_unwind(Box::new(())));
    assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
    assert_eq!(held_here(), 0);
    let elsewhere = |_: &u32| thread::spawn(held_here).join();
    assert!(matches!(lock.read(elsewhere), Ok(0)));
}
