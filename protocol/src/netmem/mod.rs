//! NetMem: network shared pages.
//!
//! A frame, in both directions, with all integers big-endian and no padding (NM-FRAME-01):
//!
//! ```text
//!   0      1              5              9              13
//!   +------+--------------+--------------+--------------+---------------------+
//!   | type | offset       | length       | version      | payload             |
//!   | u8   | u32          | u32          | i32          | `length` bytes, of  |
//!   |      | (page index) |              |              | UNLOCK, UPDATE and  |
//!   |      |              |              |              | replies with data   |
//!   +------+--------------+--------------+--------------+---------------------+
//! ```
//!
//! What it leaves out: pages, locks and versions as such, and the original's client-side errors,
//! which are never on the wire.

mod command;
mod frame;
mod reply;

pub use command::{Request, RequestDecoder};
pub use frame::{HEADER_LEN, Header, Kind, PAYLOAD_BYTES_MAX};
pub use reply::{PageReply, Reply, ReplyDecoder, WriteReply};
