//! Who waits, and whose turn it is: the policy, in plain data.
//!
//! Leaves out the waiting itself and every atomic: all of this stands under the lock's mutex.

/// Whom a leaving writer lets in when both readers and writers wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preference {
    /// The readers that waited, as one batch, then the next writer: all four rules.
    #[default]
    PhaseFair,
    /// The next writer, as long as there is one: rule 3 does not hold, and readers can starve.
    Writers,
}

/// Which side of the lock somebody is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Reader,
    Writer,
}

/// Whom [`Queue::admit`] let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// All readers that waited, at once.
    Batch { readers: usize },
    /// The writer with this number, alone.
    Writer { number: u64 },
}

/// The waiting threads, as counters. At a billion a second they last for centuries.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// How many readers wait.
    readers: usize,
    /// How many batches of readers have been let in, ever.
    batches: u64,
    /// How many writers have lined up, ever; the next one's number.
    writers: u64,
    /// How many of them have been let in, ever; the number of the first that waits.
    writers_admitted: u64,
    /// How many readers and writers sleep: a wake-up that nobody needs is not free.
    pub(crate) readers_asleep: usize,
    pub(crate) writers_asleep: usize,
}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self {
            readers: 0,
            batches: 0,
            writers: 0,
            writers_admitted: 0,
            readers_asleep: 0,
            writers_asleep: 0,
        }
    }

    /// Adds a reader; the answer is what [`batch_is_in`](Self::batch_is_in) wants to know later.
    pub(crate) fn add_reader(&mut self) -> u64 {
        self.readers += 1;
        self.batches
    }

    /// Adds a writer behind all others, and tells its number.
    pub(crate) fn add_writer(&mut self) -> u64 {
        self.writers += 1;
        self.writers - 1
    }

    /// Whether the batch that was waiting when `joined` was told has been let in.
    pub(crate) fn batch_is_in(&self, joined: u64) -> bool {
        self.batches > joined
    }

    /// Whether the writer `number` has been let in.
    pub(crate) fn writer_is_in(&self, number: u64) -> bool {
        self.writers_admitted > number
    }

    /// Takes out whoever is next after a `leaver`. Somebody must be waiting.
    pub(crate) fn admit(&mut self, leaver: Side, preference: Preference) -> Admitted {
        let writers_wait = self.writers > self.writers_admitted;
        // After readers it is always a writer's turn: rule 2 is why readers wait beside readers.
        let batch_first = leaver == Side::Writer && preference == Preference::PhaseFair;
        if self.readers > 0 && (batch_first || !writers_wait) {
            self.batches += 1;
            return Admitted::Batch { readers: std::mem::take(&mut self.readers) };
        }
        self.writers_admitted += 1;
        Admitted::Writer { number: self.writers_admitted - 1 }
    }

    /// Whether some of those that may be the `admitted` sleep.
    pub(crate) fn somebody_sleeps(&self, admitted: Admitted) -> bool {
        match admitted {
            Admitted::Batch { .. } => self.readers_asleep > 0,
            Admitted::Writer { .. } => self.writers_asleep > 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.readers == 0 && self.writers == self.writers_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::{Admitted, Preference, Queue, Side};

    fn two_readers_and_two_writers() -> Queue {
        let mut queue = Queue::new();
        queue.add_writer();
        queue.add_reader();
        queue.add_writer();
        queue.add_reader();
        queue
    }

    #[test]
    fn phase_fair_alternates_batch_and_writer() {
        let mut queue = two_readers_and_two_writers();
        let mut admit = |leaver| queue.admit(leaver, Preference::PhaseFair);
        assert_eq!(admit(Side::Writer), Admitted::Batch { readers: 2 });
        assert_eq!(admit(Side::Reader), Admitted::Writer { number: 0 });
        assert_eq!(admit(Side::Writer), Admitted::Writer { number: 1 });
        assert!(queue.is_empty());
    }

    #[test]
    fn writers_first_lets_readers_in_last() {
        let mut queue = two_readers_and_two_writers();
        let mut admit = || queue.admit(Side::Writer, Preference::Writers);
        assert_eq!(admit(), Admitted::Writer { number: 0 });
        assert_eq!(admit(), Admitted::Writer { number: 1 });
        assert_eq!(admit(), Admitted::Batch { readers: 2 });
        assert!(queue.is_empty());
    }

    #[test]
    fn reader_after_the_batch_belongs_to_the_next() {
        let mut queue = Queue::new();
        let early = queue.add_reader();
        queue.admit(Side::Writer, Preference::PhaseFair);
        let late = queue.add_reader();
        assert!(queue.batch_is_in(early));
        assert!(!queue.batch_is_in(late));
    }
}
