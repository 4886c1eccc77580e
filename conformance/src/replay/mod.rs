//! Plays a session against a server, over any stream and any clock.
//!
//! Start with [`play`]. `world` is what the player needs of its surroundings, `connection` keeps every connection's
//! bytes flowing while one of them is waited for, `player` runs the steps, `delivery` decides where segments end.

mod clock;
mod connection;
mod delivery;
mod monologue;
mod player;
mod read_ahead;
mod transcript;
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

pub use clock::{Clock, Ticking};
pub use delivery::Delivery;
pub use monologue::{Monologue, Skipping, Speech};
pub use transcript::{Direction, Event, Transcript};
pub(crate) use world::reset;
pub use world::{TcpWorld, World};

use crate::session::{Scope, Session};
use crate::wire::{Codec, Difference};

/// How a session is played.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where segments end.
    pub delivery: Delivery,
    /// The longest wait for one reply, one write or one connection.
    pub timeout: Duration,
    /// Opaques are derived from it.
    pub seed: u64,
}

/// What became of a session.
#[derive(Debug)]
pub struct Played {
    /// The first thing that was not as the session says.
    pub failure: Option<Failure>,
    /// Alternatives taken that were not the strict one.
    pub lenient: Vec<String>,
    /// Every byte, with its time.
    pub transcript: Transcript,
    /// Keys that were written, to be removed afterwards.
    pub keys: BTreeSet<Vec<u8>>,
}

/// A step that did not go as written.
#[derive(Clone, Debug)]
pub struct Failure {
    /// 1-based line of the session file; 0 for the check after the last step.
    pub line: usize,
    /// The step as written.
    pub step: String,
    /// What came instead, in a sentence.
    pub problem: String,
    /// Field by field, where a reply came.
    pub differences: Vec<Difference>,
}

/// Plays `session`; `scope` holds its own keys, its pages and the built-in names.
pub async fn play<W: World>(
    session: &Session,
    world: &W,
    codec: Codec,
    scope: Scope,
    options: Options,
) -> Played {
    player::Player::new(world, codec, scope, options).play(session).await
}
