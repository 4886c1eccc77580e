//! Models of the policy: who lined up before whom is fixed, all else happens in every order.
//!
//! Leaves out everything that holds in whatever order threads come: see `threads`.

use crate::threads::Pair;
use lockproof_rwlock::{RwLock, Turn};
use loom::sync::Arc;
use loom::thread;

fn spawn(
    lock: &Arc<RwLock<Pair>>,
    act: impl FnOnce(&RwLock<Pair>) + 'static,
) -> thread::JoinHandle<()> {
    let lock = Arc::clone(lock);
    thread::spawn(move || act(&lock))
}

fn reader_lines_up(lock: &RwLock<Pair>) -> Turn {
    lock.start_read().expect("a reader that had to wait got in")
}

fn writer_lines_up(lock: &RwLock<Pair>) -> Turn {
    lock.start_write().expect("a writer that had to wait got in")
}

/// Rule 2. A reader is in, a writer waits | a reader arrives: it sees what the writer wrote.
pub(crate) fn late_reader(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let (turn, reader) = lock.read(|_| {
        let turn = writer_lines_up(&lock);
        let reader = spawn(&lock, |lock| {
            lock.read(|pair| assert_eq!(pair.0, 1, "a reader passed a waiting writer"));
        });
        (turn, reader)
    });
    lock.finish_write(turn, |pair| pair.0 += 1);
    reader.join().unwrap();
}

/// Rule 2. A reader is in, a writer waits | a reader tries: refused, or after the writer.
pub(crate) fn late_try_reader(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let (turn, reader) = lock.read(|_| {
        let turn = writer_lines_up(&lock);
        let reader = spawn(&lock, |lock| {
            lock.try_read(|pair| assert_eq!(pair.0, 1, "a reader passed a waiting writer"));
        });
        (turn, reader)
    });
    lock.finish_write(turn, |pair| pair.0 += 1);
    reader.join().unwrap();
}

/// Rule 3. A writer is in; a reader and a writer wait | each of them: the reader sees the first
/// write alone.
pub(crate) fn batch_before_writer(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let (read, write) = lock.write(|pair| {
        pair.0 = 1;
        let read = reader_lines_up(&lock);
        let turn = writer_lines_up(&lock);
        (read, spawn(&lock, |lock| lock.finish_write(turn, |pair| pair.0 = 2)))
    });
    lock.finish_read(read, |pair| assert_eq!(pair.0, 1, "a writer came before the batch"));
    write.join().unwrap();
}

/// Rule 3. A writer is in; a reader waits | it | a writer arrives: the reader comes first.
pub(crate) fn batch_before_newcomer(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let (read, newcomer) = lock.write(|pair| {
        pair.0 = 1;
        (reader_lines_up(&lock), spawn(&lock, |lock| lock.write(|pair| pair.0 = 2)))
    });
    lock.finish_read(read, |pair| assert_eq!(pair.0, 1, "a writer came before the batch"));
    newcomer.join().unwrap();
}

/// Rule 3. A writer is in; two readers wait | each of them: both are woken, and the lock is free
/// after.
pub(crate) fn batch_of_two(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let readers = lock.write(|_| {
        [(); 2].map(|()| {
            let turn = reader_lines_up(&lock);
            spawn(&lock, |lock| lock.finish_read(turn, |pair| assert_eq!(pair.0, 0)))
        })
    });
    for reader in readers {
        reader.join().unwrap();
    }
    assert!(lock.try_write(|_| ()).is_some(), "a free lock was refused");
}

/// Rule 3. A writer is in; a reader, a writer and a reader wait | each of them: both readers, also
/// the one behind the writer, see the first write alone.
pub(crate) fn batch_around_writer(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let (early, others) = lock.write(|pair| {
        pair.0 = 1;
        let early = reader_lines_up(&lock);
        let next = writer_lines_up(&lock);
        let late = reader_lines_up(&lock);
        let write = spawn(&lock, |lock| lock.finish_write(next, |pair| pair.0 = 2));
        let read = spawn(&lock, |lock| {
            lock.finish_read(late, |pair| assert_eq!(pair.0, 1, "a writer came before the batch"));
        });
        (early, [write, read])
    });
    lock.finish_read(early, |pair| assert_eq!(pair.0, 1, "a writer came before the batch"));
    for thread in others {
        thread.join().unwrap();
    }
}

/// Rules 3 and 4. A writer is in; a reader and a writer wait | each of them | a writer arrives: the
/// batch, the writer that waited, the newcomer.
pub(crate) fn newcomer_comes_last(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let (threads, next) = lock.write(|pair| {
        pair.0 = 1;
        let waiting = reader_lines_up(&lock);
        let next = writer_lines_up(&lock);
        let read = spawn(&lock, |lock| {
            lock.finish_read(waiting, |pair| {
                assert_eq!(pair.0, 1, "a writer came before the batch");
            });
        });
        let newcomer = spawn(&lock, |lock| {
            lock.write(|pair| assert_eq!(pair.0, 2, "a newcomer passed a waiting writer"));
        });
        ([read, newcomer], next)
    });
    lock.finish_write(next, |pair| {
        assert_eq!(pair.0, 1, "a newcomer passed a waiting writer");
        pair.0 = 2;
    });
    for thread in threads {
        thread.join().unwrap();
    }
}

/// What the second policy is: as above, but the waiting writer comes before the batch.
pub(crate) fn writer_before_batch(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let (read, next) = lock.write(|_| {
        let waiting = reader_lines_up(&lock);
        let next = writer_lines_up(&lock);
        let read = spawn(&lock, |lock| {
            lock.finish_read(waiting, |pair| assert_eq!(pair.0, 1, "a batch came before a writer"));
        });
        (read, next)
    });
    lock.finish_write(next, |pair| pair.0 = 1);
    read.join().unwrap();
}

/// Rule 4. A writer is in, two wait | each of them: first come, first served.
pub(crate) fn writers_in_order(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let writers = lock.write(|_| {
        [0, 1].map(|place| {
            let turn = writer_lines_up(&lock);
            spawn(&lock, move |lock| {
                lock.finish_write(turn, |pair| {
                    assert_eq!(pair.0, place, "the second writer passed the first");
                    pair.0 += 1;
                });
            })
        })
    });
    for writer in writers {
        writer.join().unwrap();
    }
}

/// Rule 4. A reader is in, a writer waits | a writer arrives: the one that waited comes first. Between
/// the last reader's leaving and its hand-over nobody is in, and nobody may enter.
pub(crate) fn late_writer(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let (turn, newcomer) = lock.read(|_| {
        let turn = writer_lines_up(&lock);
        let newcomer = spawn(&lock, |lock| {
            lock.write(|pair| assert_eq!(pair.0, 1, "a newcomer passed a waiting writer"));
        });
        (turn, newcomer)
    });
    lock.finish_write(turn, |pair| pair.0 += 1);
    newcomer.join().unwrap();
}

/// A reader is in, a writer waits | a reader comes and goes: whichever leaves last, both have
/// finished when the writer begins.
pub(crate) fn last_of_two_readers(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let reader = spawn(&lock, |lock| lock.read(|pair| assert_eq!(pair.0, pair.1)));
    let turn = lock.read(|_| writer_lines_up(&lock));
    lock.finish_write(turn, |pair| *pair = (1, 1));
    reader.join().unwrap();
}

/// A writer is in, a reader waits | the reader | a reader arrives: it enters beside the batch, by
/// the word alone, and sees what the writer wrote.
pub(crate) fn beside_the_batch(lock: RwLock<Pair>) {
    let lock = Arc::new(lock);
    let threads = lock.write(|pair| {
        let waiting = reader_lines_up(&lock);
        let batch = spawn(&lock, |lock| lock.finish_read(waiting, |pair| assert_eq!(pair.0, 1)));
        let beside = spawn(&lock, |lock| lock.read(|pair| assert_eq!(pair.0, 1)));
        pair.0 = 1;
        [batch, beside]
    });
    for thread in threads {
        thread.join().unwrap();
    }
}
