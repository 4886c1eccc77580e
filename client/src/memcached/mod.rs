//! memcached, by any of its three protocols: a [`Dialect`] each. What operations mean is the same in all of them.
//!
//! Every request of binary and meta has its own opaque, and every reply is matched by it; text goes by order and by keys.
//! Leaves out serialising values, and spreading keys over servers.

pub mod batch;
#[cfg(unix)]
pub mod blocking;
mod core;
mod dialect;
mod frames;
pub mod lease;
mod lines;
pub mod operation;
mod outcome;
mod perform;
mod shell;

pub use self::core::{Answer, Core, Ticket};
pub use dialect::{Dialect, or_binary, probe};
pub use lease::Found;
pub use lockproof_protocol::memcached::{Lookup, Recache};
pub use lockproof_protocol::memcached_binary::{
    Command, Direction, Opcode, Side, Status, StoreMode, Value,
};
pub use operation::{CasOutcome, Meta, Operation, Seed, Submission, Submitted};
pub use outcome::{Item, Outcome};
pub use shell::Client;
