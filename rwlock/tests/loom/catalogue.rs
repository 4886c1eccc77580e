//! Which models there are, how far each is explored, and which of them must see which defect.

use crate::threads::{self, Pair};
use crate::turns;
use lockproof_rwlock::{Defect, Preference, RwLock};

/// One model: what loom runs again and again.
pub(crate) struct Model {
    pub(crate) name: &'static str,
    /// What stands in the table, for readers.
    pub(crate) what: &'static str,
    /// The main thread included.
    pub(crate) threads: usize,
    /// How often a thread may lose its turn while it could go on; `None`: as often as there is.
    pub(crate) preemptions: Option<usize>,
    pub(crate) preference: Preference,
    pub(crate) run: fn(RwLock<Pair>),
}

/// A model under the default policy.
const fn model(
    name: &'static str,
    what: &'static str,
    threads: usize,
    preemptions: Option<usize>,
    run: fn(RwLock<Pair>),
) -> Model {
    Model { name, what, threads, preemptions, preference: Preference::PhaseFair, run }
}

pub(crate) const MODELS: &[Model] = &[
    model("two-writers", "W \\| W: mutual exclusion", 2, None, threads::two_writers),
    model(
        "reader-and-writer-twice",
        "R R \\| W W: progress, time runs forwards",
        2,
        None,
        threads::reader_and_writer_twice,
    ),
    model(
        "publication",
        "W \\| R: what was done before a write is seen after it",
        2,
        None,
        threads::publication,
    ),
    model(
        "two-readers-one-writer",
        "R \\| R \\| W: no lost wake-up, no deadlock",
        3,
        Some(6),
        threads::two_readers_one_writer,
    ),
    model(
        "one-reader-two-writers",
        "R \\| W \\| W: no lost wake-up, no deadlock",
        3,
        Some(6),
        threads::one_reader_two_writers,
    ),
    model(
        "two-readers-two-writers",
        "R \\| R \\| W \\| W: no lost wake-up, no deadlock",
        4,
        Some(2),
        threads::two_readers_two_writers,
    ),
    model("tries", "try R \\| W \\| try W", 3, None, threads::tries),
    model(
        "tries-beside-a-reader",
        "R \\| try R, and try W inside",
        2,
        None,
        threads::tries_beside_a_reader,
    ),
    model("panicking-writer", "W that panics \\| R \\| W", 3, Some(6), threads::panicking_writer),
    model("panicking-reader", "R that panics \\| W", 2, None, threads::panicking_reader),
    model(
        "late-reader",
        "rule 2: a reader that arrives after a waiting writer",
        2,
        None,
        turns::late_reader,
    ),
    model("late-try-reader", "rule 2: the same by try_read", 2, None, turns::late_try_reader),
    model(
        "last-of-two-readers",
        "two readers leave, a writer waits",
        2,
        None,
        turns::last_of_two_readers,
    ),
    model(
        "batch-before-writer",
        "rule 3: R, W wait for a writer",
        2,
        None,
        turns::batch_before_writer,
    ),
    model(
        "batch-before-newcomer",
        "rule 3: R waits for a writer; a writer arrives",
        2,
        None,
        turns::batch_before_newcomer,
    ),
    model("batch-of-two", "rule 3: R, R wait for a writer", 3, None, turns::batch_of_two),
    model(
        "batch-around-writer",
        "rule 3: R, W, R wait for a writer",
        3,
        None,
        turns::batch_around_writer,
    ),
    model(
        "newcomer-comes-last",
        "rules 3, 4: R, W wait for a writer; a writer arrives",
        3,
        Some(5),
        turns::newcomer_comes_last,
    ),
    model("beside-the-batch", "a reader arrives beside a batch", 3, None, turns::beside_the_batch),
    model("writers-in-order", "rule 4: W, W wait for a writer", 3, None, turns::writers_in_order),
    model(
        "late-writer",
        "rule 4: a writer arrives after a waiting writer",
        2,
        None,
        turns::late_writer,
    ),
    Model {
        name: "writer-before-batch",
        what: "`Preference::Writers`: R, W wait for a writer",
        threads: 2,
        preemptions: None,
        preference: Preference::Writers,
        run: turns::writer_before_batch,
    },
];

/// Each defect, and the model that must reject it.
pub(crate) const REJECTIONS: &[(Defect, &str)] = &[
    (Defect::ReaderPassesWriter, "late-reader"),
    (Defect::ReaderSlipsIntoGap, "late-reader"),
    (Defect::WriterJumpsQueue, "late-writer"),
    (Defect::WriterIgnoresNumber, "writers-in-order"),
    (Defect::NoBatch, "batch-before-writer"),
    (Defect::BatchOneTooMany, "batch-of-two"),
    (Defect::BatchOneTooFew, "batch-of-two"),
    (Defect::WakesOneReader, "batch-of-two"),
    (Defect::WakesNoWriter, "two-writers"),
    (Defect::WakesOneWriter, "writers-in-order"),
    (Defect::SleepsUncounted, "batch-of-two"),
    (Defect::LastReaderForgets, "two-readers-one-writer"),
    (Defect::HandOverForgetsRest, "one-reader-two-writers"),
    (Defect::LinesUpUnseen, "two-writers"),
    (Defect::WriterBitClearedEarly, "batch-before-newcomer"),
    (Defect::RelaxedLeaveWrite, "two-writers"),
    (Defect::RelaxedLeaveRead, "panicking-reader"),
    (Defect::RelaxedEnterRead, "publication"),
    (Defect::RelaxedEnterWrite, "two-writers"),
    (Defect::RelaxedHandOverToWriter, "last-of-two-readers"),
    (Defect::RelaxedHandOverToBatch, "beside-the-batch"),
    (Defect::GuestForgets, "late-reader"),
    (Defect::WriterSweepsGuests, "reader-and-writer-twice"),
    (Defect::HandOverUnclaimed, "late-reader"),
    (Defect::TryWriteBesideReaders, "tries-beside-a-reader"),
    (Defect::PanicKeepsLock, "panicking-writer"),
];
