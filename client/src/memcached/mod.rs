//! memcached, by any of its three protocols: a [`Dialect`] each. What operations mean is the same in all of them.
//!
//! Every request of binary and meta has its own opaque, and every reply is matched by it; text goes by order and by keys.
//! Leaves out serialising values, and spreading keys over servers.
//!
//! ```
//! # async fn example(stream: tokio::io::DuplexStream) -> Result<(), lockproof_client::Error> {
//! use std::time::Duration;
//! use lockproof_client::memcached::{Client, Dialect, Lookup};
//!
//! let mut client = Client::new(stream, Duration::from_secs(1));
//! let spoken = client.detect().await?; // to be remembered for this server: the next one is Client::with_dialect
//! if spoken == Dialect::Meta {
//!     let found = client.lookup(b"report", Lookup { vivify: Some(30), ..Lookup::default() }).await?;
//!     if found.is_some_and(|found| found.is_won) { /* nobody else computes it for 30 seconds */ }
//! }
//! # Ok(())
//! # }
//! ```

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
