//! Blocking shells: the same cores over a socket of the system, TCP or Unix, with TLS or without; for programs that have no
//! runtime.
//!
//! Each protocol has its client: [`memcached::blocking`](crate::memcached::blocking) and so on. They
//! keep the promises of the async ones, and three of their own:
//!
//! - A small operation is two system calls, a send and a receive.
//! - A signal is heard at once: [`OnInterrupt`] is asked whether to go on.
//! - A timeout is for the whole operation, not for each read of it (within a tenth).
//!
//! There is no thread behind them, so they survive a `fork` as far as a shared socket can: child and
//! parent must not both use it.
//!
//! ```no_run
//! use std::time::Duration;
//! use lockproof_client::Address;
//! use lockproof_client::blocking::{go_on, open};
//! use lockproof_client::memcached::{Meta, blocking::Client};
//!
//! let second = Duration::from_secs(1);
//! let address: Address = "127.0.0.1:11211".parse()?;
//! let mut client = Client::new(open(&address.into(), second, go_on)?, second);
//! client.set(b"key", b"value", Meta::default())?;
//! assert_eq!(client.get(b"key")?.as_deref(), Some(&b"value"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod connect;
mod link;
mod ready;
#[cfg(feature = "tls")]
mod session;
mod stream;

use std::io;

pub use connect::{connect, open};
pub(crate) use link::Link;
pub use stream::{Stream, Watch};

/// Asked when a signal interrupts a wait: `Ok` to go on, an error to give up. The error comes back as
/// [`Error::Transport`](crate::Error::Transport).
pub type OnInterrupt = fn() -> io::Result<()>;

/// Waits on, whatever the signal.
///
/// # Errors
///
/// Never.
pub fn go_on() -> io::Result<()> {
    Ok(())
}
