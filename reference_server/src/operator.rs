//! `POST /sessions/ID/end`: how an operator ends a session.
//!
//! Only for those who show the token. A page of a browser can't: it may send a form to another site, but no `Authorization`
//! header without asking first, and the question (OPTIONS) is answered with 405.

use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::{Method, StatusCode};

use crate::Token;
use crate::roster::{Roster, Told};
use crate::serve::about;

/// A status, and a line of text that says why.
pub(crate) type Answer = (StatusCode, String);

const FORBIDDEN: &str =
    "sessions can be ended when the server is started with --http-token-file FILE\n";
const UNAUTHORIZED: &str =
    "the token of --http-token-file is wanted: `Authorization: Bearer TOKEN`\n";

/// The session of `/sessions/ID/end`, as it is written there; nothing of any other path.
pub(crate) fn session_of(path: &str) -> Option<&str> {
    path.strip_prefix("/sessions/")?.strip_suffix("/end")
}

/// Ends a session, if the one who asks may.
pub(crate) fn end(
    session: &str,
    method: &Method,
    headers: &HeaderMap,
    token: Option<&Token>,
    roster: &Roster,
) -> Answer {
    if method != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, "only POST\n".to_owned());
    }
    let Some(token) = token else { return (StatusCode::FORBIDDEN, FORBIDDEN.to_owned()) };
    if !bearer(headers).is_some_and(|given| token.is(given)) {
        tracing::warn!(session, "refused to end a session: wrong token");
        return (StatusCode::UNAUTHORIZED, UNAUTHORIZED.to_owned());
    }
    let id = session.parse().ok();
    match id.map_or(Told::Unknown, |id| roster.end(id)) {
        Told::Ends(protocol, peer) => {
            about(protocol, peer, id).in_scope(|| tracing::info!("an operator ends this session"));
            (StatusCode::ACCEPTED, format!("session {session} ends\n"))
        }
        Told::Gone => (StatusCode::GONE, format!("session {session} has ended\n")),
        Told::Unknown => (StatusCode::NOT_FOUND, format!("there is no session {session:?}\n")),
    }
}

/// What stands behind `Bearer`, whose case does not matter.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}
