//! NetMem: shared pages, with a cache that clones of a client share.
//!
//! Replies are matched by order (NM-FRAME-04), since a frame carries nothing to match by. Leaves out
//! opening a second connection: [`Client::clone_with`] is given its stream.

#[cfg(unix)]
pub mod blocking;
mod cache;
mod core;
mod perform;
mod shell;

pub use self::core::{Answer, Core};
pub use cache::{Page, PageCache};
pub use shell::Client;

/// API major and minor that this client speaks (NM-CLI-01).
pub const API: (u8, u8) = (0, 2);
