//! Locker: named locks, held by the connection that was granted them.
//!
//! The locks are advisory, on a single node, without a fencing token: a paused or partitioned holder
//! may still act after another was granted (LKR-904). Replies are matched by order and by command
//! byte. Leaves out waiting: a GET is answered at once, and [`Backoff`] paces the next try.

mod backoff;
#[cfg(unix)]
pub mod blocking;
mod check;
mod core;
mod perform;
mod shell;

pub use self::core::Core;
pub use backoff::Backoff;
pub use check::KeyError;
pub use shell::Client;

pub use lockproof_protocol::locker::{Dialect, Limits, Outcome, Verb};
