//! The memcached binary protocol: every opcode that memcached 1.6 knows, SASL frames included.
//!
//! A frame, in both directions, with all integers big-endian (MCB-HDR-02):
//!
//! ```text
//!   0       1       2               4       5       6               8
//!   +-------+-------+---------------+-------+-------+---------------+
//!   | magic | opcode| key length  K | extras| data  | vbucket, or   |
//!   |       |       |               | len. E| type  | status (reply)|
//!   +-------+-------+---------------+-------+-------+---------------+
//!   8                               12                              16
//!   +-------------------------------+-------------------------------+
//!   | body length  B = E + K + V    | opaque (echoed bit for bit)   |
//!   +-------------------------------+-------------------------------+
//!   16                                                              24
//!   +---------------------------------------------------------------+
//!   | CAS                                                           |
//!   +---------------------------------------------------------------+
//!   | extras (E bytes) | key (K bytes) | value (V bytes)            |
//!   +---------------------------------------------------------------+
//! ```
//!
//! What it leaves out: the text and meta protocols, which say the same commands in other bytes
//! ([`memcached_text`](crate::memcached_text)), UDP framing, and the opcodes of other products, which
//! decode as [`Command::Unknown`].

mod command;
mod decoder;
mod header;
mod opcode;
mod reply;
mod shape;
mod status;

pub use command::{CommandError, Request};
pub use decoder::{Limits, ReplyDecoder, RequestDecoder, RequestError};
pub use header::{Frame, HEADER_LEN, Header, MAGIC_REPLY, MAGIC_REQUEST};
pub use opcode::Opcode;
pub use reply::Reply;
pub use status::Status;

pub use crate::memcached::{Command, Direction, Side, StoreMode, Value};
