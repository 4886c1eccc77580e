//! Wire formats without I/O: bytes to frames to commands and replies, and back. Echo has none: bytes come back
//! as they arrive (EC-ECHO-03).
//!
//! One module a protocol, with the same file names in each where they apply: `frame` (layout),
//! `command` (what a client asks), `reply` (what a server answers). Decoding is incremental:
//! `Ok(None)` means "more bytes please", and any segmentation of a stream gives the same frames.
//!
//! What it leaves out: sockets, clocks, threads, and what a command means. A decoder never allocates
//! by a number that a peer sent; what it hands out is split off the caller's buffer, not copied.
//!
//! ```
//! use bytes::BytesMut;
//! use lockproof_protocol::memcached_binary::{Command, Limits, Request, RequestDecoder};
//!
//! let mut input = BytesMut::from(&b"\x80\x0a\0\0\0\0\0\0\0\0\0\0\xde\xad\xbe\xef"[..]);
//! let mut decoder = RequestDecoder::new(Limits::default());
//! assert!(decoder.decode(&mut input).unwrap().is_none()); // a header has 24 bytes
//! input.extend_from_slice(&[0; 8]);
//! let frame = decoder.decode(&mut input).unwrap().unwrap();
//! let request = Request::from_frame(frame).unwrap();
//! assert_eq!((request.command, request.opaque), (Command::Noop, 0xdead_beef));
//! ```
#![no_std]

extern crate alloc;

mod decimal;
pub mod error;
pub mod locker;
pub mod memcached;
pub mod memcached_binary;
pub mod memcached_meta;
pub mod memcached_text;
pub mod netmem;
mod tail;

pub use error::FrameError;
