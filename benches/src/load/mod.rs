//! The load generator: many connections to one server from one thread, every reply checked.

mod alarm;
mod driver;
mod link;
pub mod locker;
pub mod memcached;
pub mod memcached_lines;
pub mod netmem;
mod script;

pub use driver::{Driver, Outcome, Pace};
pub use script::{Heard, Script, Wrong};
