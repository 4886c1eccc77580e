//! Judges any server of memcached's three protocols, NetMem, Locker or echo by its bytes alone.
//!
//! In reading order: [`session`] is the file format, [`wire`] the judge's own codecs, [`replay`] plays a session against
//! a server, [`target`] names that server, [`stage`] prepares it for a case, [`suite`] is all cases and [`aliases`] the
//! names that they had before, [`probe`] finds out what a server supports, [`expectations`] are its known deviations,
//! [`venue`] is a server with all that is known of it, [`runner`] runs cases side by side, [`report`] tells what came of
//! it, and [`bless`] makes that the expectations. [`requirements`] is what the cases cite; [`coverage`] tells which of
//! those they test, and [`unseen`] which none can. [`record`] makes sessions out of traffic,
//! and [`serve_session`] judges clients: it plays the server's side of a session. [`history`] judges what clients saw that
//! worked side by side.

pub mod aliases;
pub mod bless;
pub mod coverage;
mod exchange;
pub mod expectations;
pub mod history;
mod page_pool;
pub mod probe;
pub mod record;
pub mod replay;
pub mod report;
pub mod requirements;
pub mod runner;
pub mod serve_session;
pub mod session;
pub mod stage;
pub mod suite;
pub mod target;
pub mod transport;
pub mod unseen;
pub mod venue;
mod watch;
pub mod wire;
