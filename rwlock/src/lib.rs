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
//! What the closure sees cannot be carried out of it:
//!
//! ```compile_fail
//! # use lockproof_rwlock::RwLock;
//! let lock = RwLock::new(vec![1, 2, 3]);
//! let first: &i32 = lock.read(|numbers| &numbers[0]);
//! ```
//!
//! And an `await` cannot stand in it, because the closure is not `async`:
//!
//! ```compile_fail,E0728
//! # use lockproof_rwlock::RwLock;
//! async fn send(_: u64) {}
//! async fn send_under_the_lock(lock: &RwLock<u64>) {
//!     lock.read(|count| send(*count).await);
//! }
//! ```
//!
//! Left out on purpose: poisoning (a panic in a closure unlocks, LKR-506), upgrading a read into a
//! write, fairness figures. The inside is a wrapper of `parking_lot` for now.

mod lock;

pub use lock::RwLock;
