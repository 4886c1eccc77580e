//! The lock without its value: an atomic word, and a queue under a mutex with condition variables.
//!
//! The word alone says who is in; the queue says who waits. Only who finds the word closed touches
//! the queue. Leaves out the value and the closures: see [`RwLock`](crate::RwLock).
//!
//! An arriving reader counts itself into the word first and looks second: one step that never fails,
//! where a compare-and-swap fights with every other reader. A reader that finds the lock closed is a
//! *guest*: counted, not in, and about to take its count back. So the count is an upper bound: at 0
//! no reader is in.
//!
//! # Why it is right
//!
//! - `WRITER` is set only while the count is 0, in the same step, or stays set from one writer to the
//!   next. Readers that count themselves in while it is set are guests. Hence rule 1.
//! - `QUEUED` is set exactly while the queue is not empty, and changes under the mutex only. While it
//!   is set nobody enters by the word. Hence rule 2, and nobody passes those who wait.
//! - A writer that leaves while `QUEUED` is set keeps `WRITER` until the hand-over, which turns it
//!   into the batch in one step. Hence rule 3.
//! - After readers, the word says "nobody in, somebody waits" until the hand-over. Whoever took the
//!   count to 0 tries it, a guest too, and the one that changes the word to `WRITER` does it. Who
//!   does not find that state under the mutex has nothing to do: it is done, or somebody is counted,
//!   who will take the count to 0 later.
//! - Who lines up sets `QUEUED` under the mutex, while somebody is counted or a writer is in. The last
//!   of those sees the bit as it leaves, and takes the mutex after it: by then the place is counted.

use crate::primitive::{
    AtomicBool, AtomicUsize, Condvar, Mutex,
    Ordering::{self, Relaxed},
};
use crate::queue::{Preference, Queue, Side};
use crate::spin::Spin;

mod line;

#[cfg(any(lock_loom, lock_shuttle))]
pub use line::Turn;

/// A writer is in.
const WRITER: usize = 1;
/// Somebody waits.
const QUEUED: usize = 2;
/// One reader, in or a guest. Each stands on some thread's stack: memory ends before the count does.
const READER: usize = 4;

/// Waiting writers are spread over this many condition variables, so that a wake-up disturbs few.
/// Under loom it is one: there, each writer is woken for each other, which is the harder case.
const LANES: usize = if cfg!(lock_loom) { 1 } else { 4 };

/// Readers and writers of nothing.
#[derive(Debug)]
pub(crate) struct RawLock {
    word: AtomicUsize,
    handed_over: AtomicBool,
    poisoned: AtomicBool,
    preference: Preference,
    #[cfg(any(lock_loom, lock_shuttle))]
    pub(crate) defect: Option<crate::Defect>,
    queue: Mutex<Queue>,
    batch_admitted: Condvar,
    writer_admitted: [Condvar; LANES],
}

impl RawLock {
    const_constructor! {
        /// A free lock.
        pub(crate) const fn new(preference: Preference) -> Self {
            Self {
                word: AtomicUsize::new(0),
                handed_over: AtomicBool::new(false),
                poisoned: AtomicBool::new(false),
                preference,
                #[cfg(any(lock_loom, lock_shuttle))]
                defect: None,
                queue: Mutex::new(Queue::new()),
                batch_admitted: Condvar::new(),
                #[cfg(not(lock_loom))]
                writer_admitted: [const { Condvar::new() }; LANES],
                #[cfg(lock_loom)]
                writer_admitted: [Condvar::new()],
            }
        }
    }

    /// The same lock with a defect.
    #[cfg(any(lock_loom, lock_shuttle))]
    pub(crate) fn with_defect(mut self, defect: Option<crate::Defect>) -> Self {
        self.defect = defect;
        self
    }

    /// Enters beside other readers; waits for its turn.
    #[inline]
    pub(crate) fn enter_read(&self) {
        if !self.enter_read_as_guest() {
            self.enter_read_slowly();
        }
    }

    /// Enters beside other readers, or not at all.
    #[inline]
    pub(crate) fn try_enter_read(&self) -> bool {
        let mut seen = self.word.load(Relaxed);
        // Goes round only if another thread changed the word, so all threads together make progress.
        while self.is_open_to_readers(seen) {
            if self.enter_read_from(seen) {
                return true;
            }
            seen = self.word.load(Relaxed);
        }
        false
    }

    /// Enters alone; waits for its turn.
    #[inline]
    pub(crate) fn enter_write(&self) {
        if !self.enter_write_from(0) {
            self.enter_write_slowly();
        }
    }

    /// Enters alone, or not at all.
    #[inline]
    pub(crate) fn try_enter_write(&self) -> bool {
        if broken!(self, TryWriteBesideReaders) {
            let seen = self.word.load(Relaxed);
            return seen & (WRITER | QUEUED) == 0 && self.enter_write_from(seen);
        }
        self.enter_write_from(0)
    }

    /// A reader goes.
    #[inline]
    pub(crate) fn leave_read(&self) {
        // Release: what it read was read before whoever writes next.
        let order = order!(self, Release, RelaxedLeaveRead);
        let was = self.word.fetch_sub(READER, order);
        if was == READER | QUEUED && !broken!(self, LastReaderForgets) {
            self.hand_over(Side::Reader);
        }
    }

    /// The writer goes.
    #[inline]
    pub(crate) fn leave_write(&self) {
        // Release: what it wrote is there for whoever enters next.
        let order = order!(self, Release, RelaxedLeaveWrite);
        if self.word.compare_exchange(WRITER, 0, order, Relaxed).is_err() {
            self.leave_write_slowly(order);
        }
    }

    #[cold]
    fn leave_write_slowly(&self, order: Ordering) {
        // Goes round only if a guest has come or gone meanwhile.
        loop {
            let seen = self.word.load(Relaxed);
            if seen & QUEUED != 0 {
                return self.hand_over(Side::Writer);
            }
            let left = if broken!(self, WriterSweepsGuests) { 0 } else { seen - WRITER };
            if self.word.compare_exchange(seen, left, order, Relaxed).is_ok() {
                return;
            }
        }
    }

    /// Remembers that a writer panicked.
    #[cold]
    pub(crate) fn poison(&self) {
        // Relaxed here and below: the mark travels with the lock, and leaving releases it.
        self.poisoned.store(true, Relaxed);
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Relaxed)
    }

    pub(crate) fn clear_poison(&self) {
        self.poisoned.store(false, Relaxed);
    }

    #[inline]
    fn is_open_to_readers(&self, word: usize) -> bool {
        let closed = if broken!(self, ReaderPassesWriter) { WRITER } else { WRITER | QUEUED };
        word & closed == 0
    }

    /// Counts this thread in, and back out if the lock turns out to be closed.
    #[inline]
    fn enter_read_as_guest(&self) -> bool {
        let was = self.word.fetch_add(READER, order!(self, Acquire, RelaxedEnterRead));
        if self.is_open_to_readers(was) {
            return true;
        }
        self.turn_away();
        false
    }

    /// A guest takes its count back; those whom it kept from a hand-over must not wait for ever.
    #[cold]
    fn turn_away(&self) {
        let was = self.word.fetch_sub(READER, Relaxed);
        if was == READER | QUEUED && !broken!(self, GuestForgets) {
            self.hand_over(Side::Reader);
        }
    }

    /// Enters if the word is open, and still as it was `seen`: never as a guest.
    fn enter_read_from(&self, seen: usize) -> bool {
        self.is_open_to_readers(seen) && self.add_reader(seen)
    }

    fn add_reader(&self, seen: usize) -> bool {
        let order = order!(self, Acquire, RelaxedEnterRead);
        self.word.compare_exchange(seen, seen + READER, order, Relaxed).is_ok()
    }

    /// Enters if the word is still as it was `seen`, which must be free.
    #[inline]
    fn enter_write_from(&self, seen: usize) -> bool {
        let order = order!(self, Acquire, RelaxedEnterWrite);
        self.word.compare_exchange(seen, seen | WRITER, order, Relaxed).is_ok()
    }

    /// Whether whoever has been let in by a hand-over may still be asleep. A hint for the spin alone.
    fn is_handed_over(&self) -> bool {
        self.handed_over.load(Relaxed)
    }

    #[cold]
    fn enter_read_slowly(&self) {
        let mut spin = Spin::new();
        while spin.again(|| self.is_handed_over()) {
            let seen = self.word.load(Relaxed);
            if seen & QUEUED != 0 {
                break;
            }
            if seen & WRITER == 0 && self.enter_read_as_guest() {
                return;
            }
        }
        self.wait_as_reader();
    }

    #[cold]
    fn enter_write_slowly(&self) {
        let mut spin = Spin::new();
        while spin.again(|| self.is_handed_over()) {
            let seen = self.word.load(Relaxed);
            if seen & QUEUED != 0 {
                break;
            }
            if seen == 0 && self.enter_write_from(0) {
                return;
            }
        }
        self.wait_as_writer();
    }
}
