//! Clients for the four protocols.
//!
//! Each protocol has a *core* without any I/O (requests go in, bytes come out; bytes go in, answers
//! come out) and two *shells*: an async one that runs the core over any
//! [`AsyncRead`](tokio::io::AsyncRead) + [`AsyncWrite`](tokio::io::AsyncWrite) stream, and a
//! [blocking] one for sockets of the system, without a runtime.
//!
//! | protocol | core | async shell | blocking shell |
//! |---|---|---|---|
//! | memcached: binary, text, meta | [`memcached::Core`] | [`memcached::Client`] | [`memcached::blocking::Client`] |
//! | netmem | [`netmem::Core`] | [`netmem::Client`] | [`netmem::blocking::Client`] |
//! | locker | [`locker::Core`] | [`locker::Client`] | [`locker::blocking::Client`] |
//! | echo | [`echo::Core`] | [`echo::Client`] | [`echo::blocking::Client`] |
//!
//! Three promises hold for every shell:
//!
//! - Replies are always read, and matched by opaque or by order. Any doubt about framing ends the
//!   connection; it is never used again.
//! - An operation that times out, or whose future is dropped half-way, closes its connection.
//! - [`Error`] separates *transport*, *the server said no* and *the server broke the protocol*, and
//!   [`Error::maybe_applied`] says whether a change may have happened all the same.
//!
//! An [`Address`] is a TCP port or a Unix socket; with the feature `tls`, an [`Endpoint`] is reached by TLS. [`connect`] and
//! [`blocking::open`] open a stream to one.
//!
//! Left out: pooling and reconnecting. A client is given one open stream and lives as long as that stream does.
//!
//! ```
//! # async fn example(stream: tokio::io::DuplexStream) -> Result<(), lockproof_client::Error> {
//! use std::time::Duration;
//! use lockproof_client::memcached::{Client, Meta};
//!
//! let mut client = Client::new(stream, Duration::from_secs(1));
//! client.set(b"key", b"value", Meta::default()).await?;
//! assert_eq!(client.get(b"key").await?.as_deref(), Some(&b"value"[..]));
//! # Ok(())
//! # }
//! ```

mod address;
#[cfg(unix)]
pub mod blocking;
mod conversation;
pub mod echo;
mod error;
mod link;
pub mod locker;
pub mod memcached;
pub mod netmem;
mod run;
#[cfg(unix)]
mod stream;
#[cfg(feature = "tls")]
mod tls;

pub use address::{Address, AddressError, Endpoint};
pub use conversation::Conversation;
pub use error::{Cause, Error, Refusal, Violation};
#[cfg(unix)]
pub use stream::{Stream, connect};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError, TlsFiles};
