//! The read/write lock that guards the server's shared state.
//!
//! Its API takes closures only. A guard never leaves the lock, so nothing that outlives the closure
//! can hold it: not a task that waits for a socket, not a value that somebody stores. "No write to
//! a socket while a table is locked" (LKR-503) is a fact of the types here, and not a rule to
//! remember.
//!
//! ```
//! use lockproof_rwlock::RwLock;
//!
//! static COUNTER: RwLock<u64> = RwLock::new(0);
//!
//! COUNTER.write(|count| *count += 1);
//! assert_eq!(COUNTER.read(|count| *count), 1);
//! ```
//!
//! What the closure sees cannot be carried out of it, and an `await` cannot stand in it;
//! `tests/compile_fail.rs` tries both.
//!
//! # The policy
//!
//! 1. Readers share the lock; a writer is alone in it.
//! 2. Once a writer waits, a reader that arrives later waits behind it.
//! 3. When a writer leaves, the readers that waited while it held the lock enter before the next
//!    writer does, as one batch. So a stream of writers cannot starve readers: a waiting reader sees
//!    at most one more writer go before it.
//! 4. Among waiting writers: first come, first served.
//!
//! A thread *waits* from the moment when it stands in the lock's queue. It asks for the lock a
//! bounded number of times before (the spin), and in that time it has no place that others must
//! respect. While anybody waits, whoever leaves hands the lock over to those whose turn it is; the
//! lock is never free then, and nobody who arrives can slip in.
//!
//! [`Preference::Writers`] is the policy without rule 3. It exists to show what rule 3 is for.
//!
//! # Panics in a closure
//!
//! A panic unlocks as the closure unwinds, and goes on into whoever called `read` or `write`: the
//! lock neither catches it nor refuses later callers (LKR-506). A writer's panic may have left the
//! value half changed; the lock remembers that it happened, for those who want to know
//! ([`RwLock::is_poisoned`], [`RwLock::clear_poison`]). A reader's panic changes nothing, and leaves
//! no mark.
//!
//! Left out on purpose: upgrading a read into a write, time limits, guards.

#[macro_use]
mod primitive;

#[cfg(any(lock_loom, lock_shuttle))]
mod defect;
mod held;
mod lock;
mod queue;
mod raw;
mod spin;

#[cfg(any(lock_loom, lock_shuttle))]
pub use defect::Defect;
pub use held::held_here;
pub use lock::RwLock;
pub use queue::Preference;
#[cfg(any(lock_loom, lock_shuttle))]
pub use raw::Turn;
