//! Places in the server that are seldom reached, by name: a deadline that passes, an output that is full, a connection
//! too many.
//!
//! A mark is an event of `tracing` under a target of its own. Whoever listens can say which tests reached what; where
//! nobody does, a mark costs a comparison.

/// The target of the events; the mark's name is their field `mark`.
pub const MARK_TARGET: &str = "lockproof::mark";

macro_rules! marks {
    ($($mark:ident $name:literal $about:literal)*) => {
        /// A place in the server.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Mark {
            $(#[doc = $about] $mark,)*
        }

        impl Mark {
            /// All of them.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$mark),*];

            /// What it is called in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$mark => $name,)* }
            }

            /// What has happened there, in a sentence.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$mark => $about,)* }
            }
        }
    };
}

marks! {
    AcceptFailed "accept-failed" "no connection could be accepted"
    TooManyConnections "too-many-connections" "a connection over the limit was closed"
    DrainDeadline "drain-deadline" "connections were still there when the time to finish was over"
    ShutdownAfterBatch "shutdown-after-batch" "a batch was finished before its connection heard of the shutdown"
    ShutdownWhileReading "shutdown-while-reading" "the shutdown ended a connection that had nothing to do"
    ShutdownWhileWaiting "shutdown-while-waiting" "the shutdown ended a connection that waited for a lock"
    KilledWhileSending "killed-while-sending" "the time to finish was over while replies waited to be read"
    KilledWhileLingering "killed-while-lingering" "the time to finish was over while a closing connection was drained"
    OutputFull "output-full" "nothing more was executed, because the output was full"
    WriteDeadline "write-deadline" "a peer did not take its replies in time"
    ResetWhileSending "reset-while-sending" "a peer was gone while replies to it were on their way"
    ResetWhileReading "reset-while-reading" "a peer was gone without an end of stream"
    EndInFrame "end-in-frame" "a stream ended in the middle of a frame"
    FrameDeadline "frame-deadline" "a peer did not finish a frame in time"
    Idle "idle" "a peer was silent for too long"
    ReadAhead "read-ahead" "more came from a peer that waited for a lock"
    ReadAheadFull "read-ahead-full" "a peer that waited for a lock had sent so much that it was not read any more"
    EndWhileWaiting "end-while-waiting" "the stream of a peer that waited for a lock ended"
    ResetWhileWaiting "reset-while-waiting" "a peer that waited for a lock was gone"
    LastWords "last-words" "replies were delivered before the server closed a connection of its own accord"
    LingerDrains "linger-drains" "what a peer still sent to a closing connection was taken and thrown away"
    LingerTime "linger-time" "a peer did not end its side of a closing connection in time"
    LingerBytes "linger-bytes" "a peer sent too much to a closing connection"
    ValueShared "value-shared" "a large value was sent from where it is kept"
    LockWaits "lock-waits" "a session had to wait for a lock"
    GrantsAnother "grants-another" "a request let another session go on"
    EndGrantsAnother "end-grants-another" "the end of a session let another one go on"
    GrantTooLate "grant-too-late" "a session ended over a reply that it had waited for"
    EndFrees "end-frees" "the end of a session freed what it held"
}

impl Mark {
    /// Whether many runs pass there in which all is well.
    pub const fn is_everyday(self) -> bool {
        matches!(
            self,
            Self::OutputFull
                | Self::ValueShared
                | Self::LockWaits
                | Self::GrantsAnother
                | Self::ReadAhead
                | Self::LingerDrains
                | Self::EndFrees
        )
    }

    /// Somebody is here.
    pub(crate) fn hit(self) {
        tracing::trace!(target: MARK_TARGET, mark = self.name());
    }
}
