//! Servers that are not what they are taken for: one thread a connection, one behaviour a server.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// What a server does with a connection.
pub(crate) type Behaviour = fn(TcpStream);

/// Listens on a port of its own until the test program ends.
pub(crate) fn start(behaviour: Behaviour) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || behaviour(stream));
        }
    });
    address
}

/// An address that nobody listens on.
pub(crate) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Answers anything as a web server answers nonsense.
pub(crate) fn http(mut stream: TcpStream) {
    let mut request = [0; 512];
    let _ = stream.read(&mut request);
    let _ = stream
        .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let _ = stream.read(&mut request);
}

/// Speaks first, as a mail server does.
pub(crate) fn banner(mut stream: TcpStream) {
    let _ = stream.write_all(b"220 mail.example.org ESMTP\r\n");
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Sends back what comes.
pub(crate) fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

/// Sends back what comes, until it was 10,000 bytes.
pub(crate) fn tired_echo(mut stream: TcpStream) {
    let reader = stream.try_clone().unwrap();
    let _ = std::io::copy(&mut reader.take(10_000), &mut stream);
}

/// Accepts and closes.
pub(crate) fn slam(_: TcpStream) {}

/// Accepts and takes everything, without a word.
pub(crate) fn mute(mut stream: TcpStream) {
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

/// Speaks memcached for NOOP alone; nothing else is answered.
pub(crate) fn noop_only(mut stream: TcpStream) {
    let mut header = [0; 24];
    while stream.read_exact(&mut header).is_ok() {
        if header[1] == 0x0a {
            header[0] = 0x81;
            let _ = stream.write_all(&header);
        }
    }
}
