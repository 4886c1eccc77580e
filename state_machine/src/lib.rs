//! What commands mean: the state behind the three protocols, as pure state machines.
//!
//! * [`items`]: the memcached cache, one shard of it.
//! * [`sasl`]: who may use the cache, one gate a session.
//! * [`pages`]: NetMem's versioned pages, with their locks and queues.
//! * [`locks`]: Locker's table of named locks.
//!
//! A command and the time go in, replies come out. There is no clock, no socket, no thread and no
//! source of randomness here: time is an argument ([`Now`]), and so is the seed of the hash table.
//! Everything that is iterated has a defined order. Encoding, sharding, deadlines of connections
//! and the locking around these machines belong to the server.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod items;
pub mod locks;
pub mod pages;
pub mod sasl;

/// Time since the server started. What it is in Unix seconds is the configuration's to say.
pub type Now = core::time::Duration;

/// One session: one accepted connection, from its first byte to its end.
///
/// Never reused, not even for the same peer address (LKR-405), so that a late clean-up can't touch
/// what a successor holds.
#[derive(Debug, Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct SessionId(pub u64);

/// A reply for some session, which need not be the one that sent the command: a release answers a
/// waiter elsewhere.
#[derive(Debug, Clone, Eq, PartialEq)]
pub struct Effect<R> {
    /// Whose reply it is.
    pub to: SessionId,
    /// The reply.
    pub reply: R,
}
