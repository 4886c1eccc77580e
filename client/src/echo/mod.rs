//! Echo: what is sent comes back exactly.
//!
//! Leaves out doing anything with the bytes but comparing them.

#[cfg(unix)]
pub mod blocking;
mod core;
mod shell;

pub use self::core::Core;
pub use shell::Client;
