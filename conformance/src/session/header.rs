//! The lines before the first empty one. Leaves out finding them: [`super::parse`] does that.

use std::collections::BTreeMap;

use super::parse::Parsed;
use super::scan::Scan;
use super::{Call, Header, Level, Side, call};
use crate::wire::Protocol;

/// A `call` line may stand several times.
pub(super) const LINES: [&str; 9] =
    ["case", "title", "plays", "level", "spec", "needs", "after", "call", "conn"];

/// Reads the header out of its lines: each line's key, and what stands behind it.
pub(super) fn read(found: &[(&str, Scan<'_>)], end: usize) -> Parsed<Header> {
    let line = |key: &str| found.iter().find(|(other, _)| *other == key).map(|(_, scan)| scan);
    let need = |key: &str| {
        line(key).ok_or_else(|| Scan::new("", end).error(format!("the header has no `{key}` line")))
    };
    let words = |key: &str| -> Vec<String> {
        line(key).map_or_else(Vec::new, |scan| {
            scan.rest().split_whitespace().map(str::to_owned).collect()
        })
    };
    let case = need("case")?;
    let id = case.rest().trim_end();
    let protocol = Protocol::from_name(id.split('/').next().unwrap_or_default());
    if protocol.is_none() {
        return Err(
            case.error("a case id begins with its protocol: memcached/, text/, meta/, netmem/, locker/ or echo/")
        );
    }
    if id.split('/').count() != 3
        || !id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "/-_".contains(c))
    {
        return Err(case.error("a case id is PROTOCOL/GROUP/NAME in lower case, digits and dashes"));
    }
    let level = need("level")?;
    need("conn")?;
    let (conn, speaks) = connections(line("conn"))?;
    let plays = line("plays").map_or(Ok(Side::Client), plays)?;
    if let (Some(protocol), Side::Server) = (protocol, plays)
        && (protocol.has_lines() || !speaks.is_empty())
    {
        return Err(level.error("sessions of lines play the client only"));
    }
    let calls = calls(found, plays)?;
    Ok(Header {
        case: id.to_owned(),
        title: line("title").map(|scan| scan.rest().trim_end().to_owned()),
        plays,
        level: Level::from_name(level.rest().trim_end())
            .ok_or_else(|| level.error("a level is must, should, de-facto or info"))?,
        spec: words("spec"),
        needs: words("needs"),
        after: words("after").into_iter().next(),
        calls,
        conn,
        speaks,
    })
}

/// `A B:memcached`: names, and what is spoken there if it is not the case's own protocol.
fn connections(line: Option<&Scan<'_>>) -> Parsed<(Vec<String>, BTreeMap<String, Protocol>)> {
    let (mut names, mut speaks) = (Vec::new(), BTreeMap::new());
    let Some(scan) = line else { return Ok((names, speaks)) };
    for word in scan.rest().split_whitespace() {
        let (name, protocol) = word.split_once(':').unwrap_or((word, ""));
        names.push(name.to_owned());
        if name.len() < word.len() {
            let Some(protocol) = Protocol::from_name(protocol) else {
                return Err(scan.error(format!("`{protocol}` is no protocol")));
            };
            speaks.insert(name.to_owned(), protocol);
        }
    }
    Ok((names, speaks))
}

fn plays(scan: &Scan<'_>) -> Parsed<Side> {
    match scan.rest().trim_end() {
        "client" => Ok(Side::Client),
        "server" => Ok(Side::Server),
        _ => Err(scan.error("a session plays the client or the server")),
    }
}

fn calls(found: &[(&str, Scan<'_>)], plays: Side) -> Parsed<Vec<Call>> {
    let mut calls = Vec::new();
    for (_, scan) in found.iter().filter(|(key, _)| *key == "call") {
        if plays == Side::Client {
            return Err(scan.error("a `call` line is for sessions with `plays  server`"));
        }
        calls.push(call::parse(&mut scan.clone())?);
    }
    Ok(calls)
}
