//! The lock without its value: an atomic word, and a queue under a mutex with condition variables.
//!
//! The word alone says who is in; the queue says who waits. Only who finds the word closed touches
//! the queue. Leaves out the value and the closures: see [`RwLock`](crate::RwLock).
//!
//! # Why it is right
//!
//! - `QUEUED` is set exactly while the queue is not empty, and changes under the mutex only.
//! - While `QUEUED` is set, nobody enters by the word. So once the word says that nobody is in, it
//!   keeps saying so until the one thread that left last hands over: nobody else may.
//! - A writer that leaves while `QUEUED` is set keeps `WRITER` until the hand-over replaces it.
//! - Who lines up sets `QUEUED` under the mutex, while somebody is in. The last of those inside sees
//!   the bit as it leaves, and takes the mutex after it: the waiting thread is counted by then.

use crate::primitive::{
    AtomicBool, AtomicUsize, Condvar, Mutex, MutexGuard,
    Ordering::{self, AcqRel, Acquire, Relaxed, Release},
    PoisonError,
};
use crate::queue::{Admitted, Preference, Queue, Side};
use crate::spin::Spin;

#[cfg(any(lock_loom, lock_shuttle))]
use crate::defect::Defect;

/// A writer is in.
const WRITER: usize = 1;
/// Somebody waits.
const QUEUED: usize = 2;
/// One reader that is in. Each stands on some thread's stack, so memory ends before the count does.
const READER: usize = 4;

/// Waiting writers are spread over this many condition variables, so that a wake-up disturbs few.
/// Under loom it is one: there, each writer is woken for each other, which is the harder case.
const LANES: usize = if cfg!(lock_loom) { 1 } else { 4 };

/// Readers and writers of nothing.
#[derive(Debug)]
pub struct RawLock {
    word: AtomicUsize,
    poisoned: AtomicBool,
    preference: Preference,
    #[cfg(any(lock_loom, lock_shuttle))]
    pub(crate) defect: Option<Defect>,
    queue: Mutex<Queue>,
    batch_admitted: Condvar,
    writer_admitted: [Condvar; LANES],
}
