//! Which names replies bind, which are the case's own keys and pages, and which are mistakes.

use std::collections::BTreeSet;

use super::{Action, Expect, Expected, ParseError, Pattern, Session, Side, Step};
use crate::wire::Protocol;

/// Names that exist without being bound.
const BUILT_IN: [&str; 7] =
    ["i", "pages", "length", "max_body", "max_keys", "max_key", "max_value"];

/// Fills in the session's own keys and pages; complains of names and connections that nothing introduces.
pub(super) fn resolve(session: &mut Session) -> Result<(), ParseError> {
    let protocol = session.header.protocol();
    let (bound, own) = if protocol.has_lines() {
        by_first_use(session)
    } else {
        let bound = bound_names(session);
        let own = match session.header.plays {
            Side::Client => own_names(session, protocol, &bound),
            // A client chooses its keys and pages itself.
            Side::Server => Vec::new(),
        };
        (bound, own)
    };
    if let Some(name) = used_names(session)
        .into_iter()
        .find(|name| !bound.contains(name) && !own.contains(name) && !BUILT_IN.contains(&&**name))
    {
        return Err(complaint(
            session,
            &format!("${name}"),
            format!(
                "${name} is bound by no reply and used as no key: where does its value come from?"
            ),
        ));
    }
    connections(session)?;
    if protocol == Protocol::NetMem {
        session.own_pages = own;
    } else {
        session.own_keys = own.into_iter().collect();
    }
    Ok(())
}

fn bound_names(session: &Session) -> BTreeSet<String> {
    let mut bound = BTreeSet::new();
    for step in session.steps() {
        if let Step::Expect(expect) = step
            && let Expected::Message(message) = &expect.what
        {
            let patterns = message.fields().iter().map(|(name, pattern)| (name.as_str(), pattern));
            for (field, pattern) in patterns.chain(message.args().iter().map(|arg| ("", arg))) {
                if session.header.plays == Side::Server || (field != "key" && field != "page") {
                    bound.extend(pattern.binds().map(str::to_owned));
                }
            }
        }
    }
    bound
}

/// In lines nothing marks a key. A name that is sent before a reply can have bound it is a key of the case's own; one that
/// first stands in a reply is bound there.
fn by_first_use(session: &Session) -> (BTreeSet<String>, Vec<String>) {
    let (mut bound, mut own) = (BTreeSet::new(), Vec::new());
    for step in session.steps() {
        match step {
            Step::Send(send) => send.message.values().for_each(|value| {
                value.each_var(&mut |name| {
                    let known = bound.contains(name) || BUILT_IN.contains(&name);
                    if !known && !own.iter().any(|other| other == name) {
                        own.push(name.to_owned());
                    }
                });
            }),
            Step::Expect(Expect { what: Expected::Message(message), .. }) => {
                let binds = message.values().filter_map(Pattern::binds);
                bound.extend(
                    binds.filter(|name| !own.iter().any(|other| other == name)).map(str::to_owned),
                );
            }
            _ => {}
        }
    }
    (bound, own)
}

fn own_names(session: &Session, protocol: Protocol, bound: &BTreeSet<String>) -> Vec<String> {
    let mut own: Vec<String> = Vec::new();
    for step in session.steps() {
        let Step::Send(send) = step else { continue };
        let mut add = |name: &str| {
            let known = bound.contains(name) || BUILT_IN.contains(&name);
            if !known && !own.iter().any(|other| other == name) {
                own.push(name.to_owned());
            }
        };
        match protocol {
            Protocol::Memcached => {
                if let Some(value) = send.message.field("key") {
                    value.each_var(&mut add);
                }
            }
            Protocol::NetMem => {
                if let Some(value) = send.message.field("page") {
                    value.each_var(&mut add);
                }
            }
            Protocol::Locker => {
                send.message.args().iter().for_each(|value| value.each_var(&mut add));
                if let Some(value) = send.message.field("body") {
                    value.each_var(&mut add);
                }
            }
            Protocol::Echo | Protocol::Text | Protocol::Meta => {}
        }
    }
    own
}

fn used_names(session: &Session) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let mut add = |name: &str| {
        used.insert(name.to_owned());
    };
    for step in session.steps() {
        match step {
            Step::Send(send) => send.message.values().for_each(|value| value.each_var(&mut add)),
            Step::Expect(expect) => {
                if let Expected::Message(message) = &expect.what {
                    message.values().for_each(|pattern| pattern.each_var(&mut add));
                }
            }
            _ => {}
        }
    }
    used
}

/// Every connection that a step names is in the `conn` line or opened by a step before.
fn connections(session: &Session) -> Result<(), ParseError> {
    let mut floods: BTreeSet<&str> = BTreeSet::new();
    let mut open: BTreeSet<&str> = session.header.conn.iter().map(String::as_str).collect();
    for step in session.steps() {
        let conn = match step {
            Step::Send(send) => &send.conn,
            Step::Expect(expect) => &expect.conn,
            Step::Control { action: Action::Open, conn } => {
                open.insert(conn);
                continue;
            }
            Step::Flood { conn, .. } => {
                floods.insert(conn);
                continue;
            }
            Step::Control { action: Action::Close | Action::Reset, conn }
                if floods.contains(conn.as_str()) =>
            {
                continue;
            }
            Step::Quiet { conn, .. } | Step::Control { conn, .. } => conn,
            Step::Advance(_) | Step::Any { .. } | Step::Repeat { .. } => continue,
        };
        if !open.contains(conn.as_str()) {
            let message = if floods.contains(conn.as_str()) {
                format!("{conn} is a flood, which can be closed or reset and nothing else")
            } else {
                format!("no connection {conn}: list it in the `conn` line, or `open {conn}` first")
            };
            return Err(complaint(session, conn, message));
        }
    }
    Ok(())
}

/// An error at the first line whose printed form holds `text`.
fn complaint(session: &Session, text: &str, message: String) -> ParseError {
    fn find(lines: &[super::Line], text: &str) -> Option<(usize, usize)> {
        lines.iter().find_map(|line| match &line.step {
            Some(Step::Any { blocks, .. }) => blocks.iter().find_map(|block| find(block, text)),
            Some(Step::Repeat { body, .. }) => find(body, text),
            Some(Step::Send(step)) => step.to_string().find(text).map(|at| (line.number, at + 1)),
            Some(Step::Expect(step)) => step.to_string().find(text).map(|at| (line.number, at + 1)),
            Some(Step::Control { conn, .. } | Step::Quiet { conn, .. }) if conn == text => {
                Some((line.number, 1))
            }
            _ => None,
        })
    }
    let (line, column) = find(&session.lines, text).unwrap_or((1, 1));
    ParseError { line, column, message }
}
