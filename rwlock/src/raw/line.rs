//! Lining up, waiting, and handing over: all that happens under the mutex.
//!
//! Leaves out the ways in and out of a lock that nobody waits for: see the parent.

use super::{LANES, QUEUED, READER, RawLock, WRITER};
use crate::primitive::{
    Condvar, MutexGuard,
    Ordering::{self, Relaxed},
    PoisonError,
};
use crate::queue::{Admitted, Queue, Side};
use crate::spin::Spin;

/// A place in the queue, as it was when its owner lined up.
#[derive(Debug)]
#[cfg_attr(
    not(any(lock_loom, lock_shuttle)),
    expect(unreachable_pub, reason = "models name it, nobody else can")
)]
pub struct Turn(u64);

impl RawLock {
    pub(super) fn wait_as_reader(&self) {
        let mut queue = self.queue();
        if let Some(turn) = self.line_up_reader(&mut queue) {
            self.await_batch(queue, &turn);
            self.hint_handed_over(false);
        }
    }

    pub(super) fn wait_as_writer(&self) {
        let mut queue = self.queue();
        if let Some(turn) = self.line_up_writer(&mut queue) {
            self.await_number(queue, &turn);
            self.hint_handed_over(false);
        }
    }

    /// Lets in whose turn it is after a `leaver`, and wakes them.
    #[cold]
    pub(super) fn hand_over(&self, leaver: Side) {
        if broken!(self, WriterBitClearedEarly) && leaver == Side::Writer {
            self.word.fetch_sub(WRITER, Ordering::Release);
        }
        let mut queue = self.queue();
        if leaver == Side::Reader && !self.claim_hand_over() {
            return;
        }
        let admitted = self.admit(&mut queue, leaver);
        self.hint_handed_over(true);
        // All sleepers are counted: who is not asleep yet looks at the queue before it sleeps.
        let somebody_sleeps = queue.somebody_sleeps(admitted);
        drop(queue);
        if somebody_sleeps {
            self.wake(admitted);
        }
    }

    /// Takes the next out of the queue and puts them into the word.
    ///
    /// Until the word changes it says that a writer is in and somebody waits, whatever guests come
    /// and go: all who arrive are kept out.
    fn admit(&self, queue: &mut Queue, leaver: Side) -> Admitted {
        let leaver = if broken!(self, NoBatch) { Side::Reader } else { leaver };
        let admitted = queue.admit(leaver, self.preference);
        let enter = match admitted {
            Admitted::Batch { readers } => (self.batch_size(readers) * READER).wrapping_sub(WRITER),
            // The writer's bit is set already.
            Admitted::Writer { .. } => 0,
        };
        let nobody_waits = queue.is_empty() || broken!(self, HandOverForgetsRest);
        let change = enter.wrapping_sub(if nobody_waits { QUEUED } else { 0 });
        // Release: more readers may enter beside the batch, by the word alone.
        self.word.fetch_add(change, order!(self, Release, RelaxedHandOverToBatch));
        admitted
    }

    /// After readers, the first under the mutex that finds "nobody in, somebody waits" hands over.
    fn claim_hand_over(&self) -> bool {
        if broken!(self, HandOverUnclaimed) {
            self.word.fetch_or(WRITER, Ordering::Acquire);
            return true;
        }
        // Acquire: all readers that have left must have finished for the next writer, who learns of
        // its turn by the mutex.
        let order = order!(self, Acquire, RelaxedHandOverToWriter);
        self.word.compare_exchange(QUEUED, QUEUED | WRITER, order, Relaxed).is_ok()
    }

    fn batch_size(&self, readers: usize) -> usize {
        if broken!(self, BatchOneTooMany) {
            return readers + 1;
        }
        if broken!(self, BatchOneTooFew) { readers - 1 } else { readers }
    }

    /// Only the spin reads it, and where nothing spins it would be one more step to try in each order.
    fn hint_handed_over(&self, pending: bool) {
        if !cfg!(any(lock_loom, lock_shuttle)) {
            self.handed_over.store(pending, Relaxed);
        }
    }

    fn wake(&self, admitted: Admitted) {
        match admitted {
            Admitted::Batch { .. } if broken!(self, WakesOneReader) => {
                self.batch_admitted.notify_one();
            }
            Admitted::Batch { .. } => self.batch_admitted.notify_all(),
            Admitted::Writer { .. } if broken!(self, WakesNoWriter) => {}
            Admitted::Writer { number } if broken!(self, WakesOneWriter) => {
                self.lane(number).notify_one();
            }
            // All of the lane: it is not known which of its writers one wake-up would reach.
            Admitted::Writer { number } => self.lane(number).notify_all(),
        }
    }

    /// Takes a place in the queue; `None` if the lock turns out to be open, and is now entered.
    fn line_up_reader(&self, queue: &mut Queue) -> Option<Turn> {
        loop {
            let seen = self.word.load(Relaxed);
            let slips = broken!(self, ReaderSlipsIntoGap) && seen == QUEUED;
            if self.is_open_to_readers(seen) || slips {
                if self.add_reader(seen) {
                    return None;
                }
            } else if self.mark_queued(seen) {
                return Some(Turn(queue.add_reader()));
            }
        }
    }

    /// Takes a place in the queue; `None` if the lock turns out to be free, and is now entered.
    fn line_up_writer(&self, queue: &mut Queue) -> Option<Turn> {
        loop {
            let seen = self.word.load(Relaxed);
            let jumps = broken!(self, WriterJumpsQueue) && seen == QUEUED;
            if seen == 0 || jumps {
                if self.enter_write_from(seen) {
                    return None;
                }
            } else if self.mark_queued(seen) {
                return Some(Turn(queue.add_writer()));
            }
        }
    }

    /// Says in the word that somebody waits; false if it is no longer as it was `seen`.
    ///
    /// Relaxed is enough: the thread that sees the bit as it leaves then takes the mutex, which is
    /// held here until the new place in the queue is counted.
    fn mark_queued(&self, seen: usize) -> bool {
        seen & QUEUED != 0
            || broken!(self, LinesUpUnseen)
            || self.word.compare_exchange(seen, seen | QUEUED, Relaxed, Relaxed).is_ok()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No closure of a user runs under this mutex, so nothing can panic there and poison it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lane(&self, number: u64) -> &Condvar {
        #[expect(clippy::cast_possible_truncation, reason = "a remainder of LANES fits")]
        &self.writer_admitted[(number % LANES as u64) as usize]
    }

    fn await_batch(&self, queue: MutexGuard<'_, Queue>, turn: &Turn) {
        let is_in = |queue: &Queue| queue.batch_is_in(turn.0);
        let mut queue = self.doze(queue, is_in);
        while !is_in(&queue) {
            queue.readers_asleep += usize::from(!broken!(self, SleepsUncounted));
            queue = self.batch_admitted.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.readers_asleep -= usize::from(!broken!(self, SleepsUncounted));
        }
    }

    fn await_number(&self, queue: MutexGuard<'_, Queue>, turn: &Turn) {
        let is_in = |queue: &Queue| queue.writer_is_in(turn.0);
        let mut queue = self.doze(queue, is_in);
        while !is_in(&queue) {
            queue.writers_asleep += 1;
            queue = self.lane(turn.0).wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.writers_asleep -= 1;
            if broken!(self, WriterIgnoresNumber) {
                return;
            }
        }
    }

    /// Stays awake for a while in the queue, if those before this thread are just waking up.
    fn doze<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue>,
        is_in: impl Fn(&Queue) -> bool,
    ) -> MutexGuard<'a, Queue> {
        let mut spin = Spin::in_queue();
        while !is_in(&queue) && spin.is_worth_it(|| self.is_handed_over()) {
            drop(queue);
            spin.moment();
            queue = self.queue();
        }
        queue
    }
}

/// The two halves of waiting, for models that must know who lined up before whom.
#[cfg(any(lock_loom, lock_shuttle))]
impl RawLock {
    pub(crate) fn start_read(&self) -> Option<Turn> {
        self.line_up_reader(&mut self.queue())
    }

    pub(crate) fn start_write(&self) -> Option<Turn> {
        self.line_up_writer(&mut self.queue())
    }

    pub(crate) fn finish_read(&self, turn: &Turn) {
        self.await_batch(self.queue(), turn);
    }

    pub(crate) fn finish_write(&self, turn: &Turn) {
        self.await_number(self.queue(), turn);
    }
}
