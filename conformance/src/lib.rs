//! Judges any server of the four protocols by its bytes alone.
//!
//! In reading order: [`session`] is the file format, [`wire`] the judge's own codecs, [`replay`] plays a session against
//! a server, [`target`] names that server, [`stage`] prepares it for a case.

pub mod replay;
pub mod session;
pub mod stage;
pub mod target;
pub mod wire;
