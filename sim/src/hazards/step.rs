//! What an actor of a scene does next. In a scene of NetMem all of it is about one page.

use lockproof_protocol::locker::{Outcome, Verb};

/// Keys of a request; more than one make a batch.
pub(crate) type Keys = &'static [&'static str];

/// One step of a script. Times are milliseconds since the scene's beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Waits until then.
    At(u64),
    /// A new connection; one that was there is kept, and never used again.
    Connect,
    /// Closes the connection.
    Close,
    /// Ends the sending side.
    Finish,
    /// Acts no more on what it holds, and holds it.
    Rest,
    /// Waits until the server has ended the connection.
    Ended,
    /// A request that must be answered so, and in time.
    Ask(Verb, Keys, Outcome),
    /// A request whose answer is not waited for.
    Send(Verb, Keys),
    /// Bytes as they are.
    Bytes(&'static [u8]),
    /// The next reply must be this one, to a request with that command.
    Reply(u8, Outcome),
    /// So many queries, each in a segment of its own, whose answers are not read.
    Unread(usize),
    /// So many queries in one write, and all their answers.
    Pipeline(usize),
    /// Asks for a key until it is granted: not before the first time, and no later than the second.
    Granted(&'static str, u64, u64),
    /// Until then, a query of that key again and again, answered so.
    Stay(u64, &'static str, Outcome),
    /// So many turns of asking for keys until they are granted, acting, and giving them back.
    Contend(usize, Keys),
    /// The same for two keys, one after the other; the first goes back when the second is busy.
    Cross(usize, [&'static str; 2]),
    /// NetMem: locks the page; the lock comes not before the first time, and no later than the second.
    Lock(u64, u64),
    /// NetMem: the same, and does not wait for it.
    SendLock,
    /// NetMem: unlocks the page, which is its own or not.
    Unlock(bool),
    /// NetMem: until then, asks for the version again and again.
    Alive(u64),
    /// NetMem: so many turns of locking the page, acting, and unlocking it.
    Count(usize),
    /// Lines: sends this, and is answered with exactly that, in time. `$c` is the CAS that was learnt; `|` ends a line.
    Line(&'static str, &'static str),
    /// Lines: sends this, and learns the CAS behind the letter `c` of the reply.
    Learn(&'static str),
    /// Lines: sends this again and again until it is answered with that: not before the first time, and no later than
    /// the second.
    Becomes(&'static str, &'static str, u64, u64),
    /// Acts on a key that it believes to hold, and finds another there.
    ActTooLate(&'static str),
    /// These steps, so many times.
    Repeat(usize, &'static [Self]),
}
