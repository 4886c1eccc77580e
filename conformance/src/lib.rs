//! Judges any server of the four protocols by its bytes alone.
//!
//! In reading order: [`session`] is the file format, [`wire`] the judge's own codecs, [`replay`] plays a session against
//! a server, [`target`] names that server, [`stage`] prepares it for a case, [`suite`] is all cases, [`probe`] finds out
//! what a server supports, [`expectations`] are its known deviations, [`venue`] is a server with all that is known of it,
//! [`runner`] runs cases side by side, [`report`] tells
//! what came of it, in the words of [`requirements`]. [`record`] makes sessions out of traffic.

mod exchange;
pub mod expectations;
mod page_pool;
pub mod probe;
pub mod record;
pub mod replay;
pub mod report;
pub mod requirements;
pub mod runner;
pub mod session;
pub mod stage;
pub mod suite;
pub mod target;
pub mod venue;
mod watch;
pub mod wire;
