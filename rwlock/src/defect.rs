//! The lock's deliberate defects, one at a time: what loom and shuttle must find.
//!
//! Exists only in builds for a checker. Leaves out what each does: that stands where the right code
//! stands, behind `RawLock::broken`.

macro_rules! defects {
    ($($(#[$meta:meta])* $name:ident = $text:literal,)*) => {
        /// One way in which the lock can be wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Defect { $($(#[$meta])* $name,)* }

        impl Defect {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name on a command line.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

defects! {
    /// An arriving reader does not look whether somebody waits.
    ReaderPassesWriter = "reader-passes-writer",
    /// An arriving reader only looks whether a writer is in when it comes to the queue.
    ReaderSlipsIntoGap = "reader-slips-into-gap",
    /// A writer at the mutex takes a free word, whoever waits.
    WriterJumpsQueue = "writer-jumps-queue",
    /// Any wake-up is good enough for any writer.
    WriterIgnoresNumber = "writer-ignores-number",
    /// A leaving writer admits the next writer, whoever reads.
    NoBatch = "no-batch",
    /// The batch is one reader bigger in the word than in truth.
    BatchOneTooMany = "batch-one-too-many",
    /// The batch is one reader smaller in the word than in truth.
    BatchOneTooFew = "batch-one-too-few",
    /// One reader of the batch is woken, not all.
    WakesOneReader = "wakes-one-reader",
    /// An admitted writer is not woken.
    WakesNoWriter = "wakes-no-writer",
    /// One writer of a lane is woken, which may not be the one that was admitted.
    WakesOneWriter = "wakes-one-writer",
    /// A reader that goes to sleep is not counted, and so not woken.
    SleepsUncounted = "sleeps-uncounted",
    /// The last reader does not look whether somebody waits.
    LastReaderForgets = "last-reader-forgets",
    /// A hand-over forgets that others go on waiting.
    HandOverForgetsRest = "hand-over-forgets-rest",
    /// Who lines up does not say so in the word.
    LinesUpUnseen = "lines-up-unseen",
    /// A leaving writer opens the word before it looks at the queue.
    WriterBitClearedEarly = "writer-bit-cleared-early",
    /// A writer leaves without Release.
    RelaxedLeaveWrite = "relaxed-leave-write",
    /// A reader leaves without Release.
    RelaxedLeaveRead = "relaxed-leave-read",
    /// A reader enters without Acquire.
    RelaxedEnterRead = "relaxed-enter-read",
    /// A writer enters without Acquire.
    RelaxedEnterWrite = "relaxed-enter-write",
    /// A writer is admitted after readers without Acquire of what they released.
    RelaxedHandOverToWriter = "relaxed-hand-over-to-writer",
    /// A writer hands over to a batch without Release.
    RelaxedHandOverToBatch = "relaxed-hand-over-to-batch",
    /// A guest that goes last does not look whether somebody waits.
    GuestForgets = "guest-forgets",
    /// A leaving writer takes the counts of guests with it.
    WriterSweepsGuests = "writer-sweeps-guests",
    /// Two threads that each took the count to 0 both hand over.
    HandOverUnclaimed = "hand-over-unclaimed",
    /// A write tried beside readers gets in.
    TryWriteBesideReaders = "try-write-beside-readers",
    /// A closure that panics keeps the lock.
    PanicKeepsLock = "panic-keeps-lock",
}
