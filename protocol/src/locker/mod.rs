//! Locker: a network lock server.
//!
//! A request, with little-endian integers; the default layout is a C struct's (16 bytes), the packed
//! one is a dialect of a listener (13 bytes):
//!
//! ```text
//!   natural   0     1         4             8                     16
//!             +-----+---------+-------------+---------------------+-------------------+
//!             | cmd | padding | number      | length              | body              |
//!             | u8  | ignored | i32         | u64                 | `length` bytes    |
//!             +-----+---------+-------------+---------------------+-------------------+
//!   packed    0     1             5                     13
//!             +-----+-------------+---------------------+-------------------+
//!             | cmd | number      | length              | body              |
//!             +-----+-------------+---------------------+-------------------+
//!   body      key, separator, key, separator, ... key
//!   reply     0     1        2
//!             +-----+--------+
//!             | cmd | result |   cmd = 128 - the request's cmd, or 0 for an unknown one
//!             +-----+--------+
//! ```
//!
//! What it leaves out: who holds what.

mod command;
mod dialect;
mod frame;
mod keys;
mod reply;

pub use command::{Request, Verb, parse};
pub use dialect::{Dialect, Layout, Results};
pub use frame::{Frame, Limits, RequestDecoder, TooLarge};
pub use keys::{SEPARATOR, split_keys};
pub use reply::{Outcome, Reply, ReplyDecoder};
