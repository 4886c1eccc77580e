//! NetMem servers whose page locks are wrong on purpose. Table and loop are their own; only the codec is the protocol's.

mod connection;
mod table;

pub(crate) use connection::serve;

super::listed! {
    /// A flaw of page locks.
    P01 "keeps the pages of a session whose stream ended"
    P02 "keeps the pages of a session that was reset"
    P03 "waits for ever for a holder that vanished"
    P04 "frees at its end the pages that a session ever had, whoever has them now"
    P05 "grants a page to a waiter that is gone"
    P06 "lets anybody unlock a page"
    P07 "answers an unlock and keeps the lock"
    P08 "grants a page to all who wait for it"
    P09 "has no deadline for the rest of a frame"
    P10 "takes a client for the session that came from its address before"
    P11 "executes what a session had sent after its pages were freed"
}
