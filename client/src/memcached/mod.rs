//! The memcached binary protocol.
//!
//! Every request has its own opaque, and every reply is matched by it. Leaves out the text protocol,
//! serialising values, and spreading keys over servers.

pub mod batch;
#[cfg(unix)]
pub mod blocking;
mod core;
pub mod operation;
mod outcome;
mod perform;
mod shell;

pub use self::core::{Answer, Core, Ticket};
pub use lockproof_protocol::memcached_binary::{
    Command, Direction, Opcode, Side, Status, StoreMode, Value,
};
pub use operation::{CasOutcome, Meta, Operation, Seed, Submission, Submitted};
pub use outcome::{Item, Outcome};
pub use shell::Client;
