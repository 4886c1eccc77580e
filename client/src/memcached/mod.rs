//! The memcached binary protocol.
//!
//! Every request has its own opaque, and every reply is matched by it. Leaves out the text protocol,
//! serialising values, and spreading keys over servers.

mod batch;
mod core;
mod outcome;
mod shell;

pub use self::core::{Answer, Core, Ticket};
pub use batch::Submission;
pub use lockproof_protocol::memcached_binary::{
    Command, Direction, Opcode, Side, Status, StoreMode, Value,
};
pub use outcome::{Item, Outcome};
pub use shell::{CasOutcome, Client, Meta, Seed};
