//! Echo: bytes come back as they arrive (EC-ECHO-03), so a server needs no codec.
//!
//! ```text
//!   +---------------------------+------+
//!   | any bytes but NUL         | 0x00 |   one string of the original client; the server does not
//!   +---------------------------+------+   look at the borders
//! ```
//!
//! What it leaves out: buffering and close, which are the connection's.

mod frame;

pub use frame::{CHUNK_MAX, split_strings};
