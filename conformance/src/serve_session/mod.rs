//! Judges a client: plays the server's side of a session to whoever connects.
//!
//! The same player as for servers runs the steps, with the roles turned round: what the session's `A>` lines say must
//! come, what its `A<` lines say is sent. `world` makes connections out of those that clients open. Leaves out what the
//! client makes of the replies: its driver knows that, and holds it against the session's `call` lines.

mod world;

pub use world::Listening;

use tokio::net::TcpListener;

use crate::replay::{Options, Played, play};
use crate::session::{Datum, Scope, Session, Side};
use crate::wire::{Codec, Protocol};

/// The pages of a NetMem server that is played: `$pages` and `$length`.
const PAGES: i128 = 4;
const PAGE_BYTES: usize = 16;

/// A session that asks cannot be played as one that answers.
#[derive(Debug, thiserror::Error)]
#[error("{0} plays the client: its header needs the line `plays  server`")]
pub struct PlaysTheClient(String);

/// Waits for a client, however long that takes, and plays `session` to it once.
///
/// Each connection that the session opens is the next one that a client makes.
///
/// # Errors
///
/// The session plays the client.
pub async fn serve_session(
    session: &Session,
    listener: &TcpListener,
    options: Options,
) -> Result<Played, PlaysTheClient> {
    if session.header.plays != Side::Server {
        return Err(PlaysTheClient(session.header.case.clone()));
    }
    let world = Listening::new(listener);
    world.somebody().await;
    let protocol = session.header.protocol();
    let codec = Codec { plays: Side::Server, ..Codec::new(protocol) };
    let mut played = play(session, &world, codec, scope(protocol), options).await;
    played.transcript.turned();
    Ok(played)
}

fn scope(protocol: Protocol) -> Scope {
    let mut scope = Scope { page_length: PAGE_BYTES, ..Scope::default() };
    if protocol == Protocol::NetMem {
        scope.vars.insert("pages".to_owned(), Datum::Number(PAGES));
        scope.vars.insert("length".to_owned(), Datum::Number(PAGE_BYTES as i128));
    }
    scope
}
