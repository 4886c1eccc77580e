//! memcached's meta protocol: two letters, a key, and flags, each a letter with an argument.
//!
//! ```text
//!     mg k v t Oab                   ms k 3 T60 c
//!                                    abc
//!     VA 3 t58 Oab                   HD c17
//!     abc
//! ```
//!
//! Its lines stand among those of the text protocol, whose decoder finds them ([`memcached_text`](crate::memcached_text)). What
//! they say are the same [`Command`](crate::memcached::Command)s, with [`Extras`](crate::memcached::Extras), and a
//! [`Lookup`](crate::memcached::Lookup) for `mg`. Flags come back in the order in which they were asked (MCM-GEN-03), so
//! a reply is written along the request's own flags.
//!
//! A client writes requests with [`put_command`] and its like, and reads a reply's line as a [`Line`]; the lines come from
//! [`memcached_text::ReplyDecoder`](crate::memcached_text::ReplyDecoder).
//!
//! What it leaves out: what a command does, and whether a reply is withheld (see [`Request::is_quiet`]).

mod answer;
mod command;
mod encode;
mod flags;
mod key;
mod reply;

pub use answer::{Answer, Code, Line};
pub use command::{Action, Request};
pub use encode::{
    check_command, check_key, put_command, put_invalidate, put_lookup, put_nop, put_probe,
};
pub use reply::{Facts, Tokens, put_debug, put_miss, put_outcome, put_value_head};

/// The most flags of a request, the length of `ms` included (MCM-GEN-10).
pub const FLAGS_MAX: usize = 17;

/// The longest opaque, in bytes (MCM-OPQ-02).
pub const OPAQUE_MAX: usize = 32;
