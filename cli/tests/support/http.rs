//! As much of HTTP as the tests of those who watch need.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::PATIENCE;
use super::served::Served;

/// Where the server's `--http` is, by its ready line.
pub(crate) fn http(served: &Served) -> SocketAddr {
    let ready: Value = serde_json::from_str(&served.ready).unwrap();
    ready["http"].as_str().expect("an address of http").parse().unwrap()
}

/// Status, head and body of an answer; none if nobody answers.
pub(crate) fn ask(address: SocketAddr, request: &str) -> Option<(u16, String, String)> {
    ask_with(address, request, "")
}

/// The same with more headers, each with its line end.
pub(crate) fn ask_with(
    address: SocketAddr,
    request: &str,
    headers: &str,
) -> Option<(u16, String, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n{headers}\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, head.to_owned(), body.to_owned()))
}

/// The page `/sessions`.
pub(crate) fn sessions(address: SocketAddr) -> Value {
    let (status, _, body) = ask(address, "GET /sessions").unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// The session whose peer is that end of a connection.
pub(crate) fn session_of(page: &Value, stream: &TcpStream) -> Value {
    let own = stream.local_addr().unwrap().to_string();
    let all = page["sessions"].as_array().unwrap();
    let found: Vec<&Value> = all.iter().filter(|it| it["peer"] == own.as_str()).collect();
    assert_eq!(found.len(), 1, "{own} in {page:#}");
    found[0].clone()
}
