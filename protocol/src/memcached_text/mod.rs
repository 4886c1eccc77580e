//! memcached's classic text protocol, and the door to meta: both share the lines of one connection.
//!
//! ```text
//!     get k1 k2                      set k 5 0 3 [noreply]
//!                                    abc
//!     VALUE k1 5 3                   STORED
//!     abc
//!     END
//! ```
//!
//! A request is a line, and behind a storage line a data block of the announced length that ends CR LF. Lines are read up to
//! LF (MCT-LIN-01, MCT-LIN-02), tokens are split at spaces (MCT-LIN-03). What a line says is a
//! [`Command`](crate::memcached::Command), the same as in the binary protocol; meta lines are read by
//! [`memcached_meta`](crate::memcached_meta).
//!
//! A client writes requests with [`put_command`], and reads replies with a [`ReplyDecoder`] and [`Answer`].
//!
//! What it leaves out: what a command does, UDP, and how long a multi-get may become before it is answered in parts.

mod answer;
mod block;
mod command;
mod decoder;
mod encode;
mod login;
mod refusal;
mod reply;
mod reply_decoder;
mod tokens;

pub use answer::Answer;
pub use command::{Ask, Control, Get, Keys, Request};
pub use decoder::{GET_LINE_MAX, LINE_MAX, LineTooLong, RequestDecoder};
pub use encode::{Unsayable, check_command, is_plain_key, put_command, put_get};
pub use login::Login;
pub use refusal::Refusal;
pub use reply::{put_line, put_reply, put_stats, put_value_line};
pub use reply_decoder::{REPLY_LINE_MAX, ReplyDecoder, ReplyFrame};

pub(crate) use answer::error;
pub(crate) use block::{Block, length};
pub(crate) use encode::{put_block, put_expiry, put_general, value_len};
pub(crate) use reply::refusal;
pub(crate) use tokens::{Tokens, is_key};

/// The longest key, in bytes (MCT-KEY-01).
pub(crate) const KEY_MAX: usize = 250;
