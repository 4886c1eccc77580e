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

/// What a browser would run if somebody took it for more than words.
pub(crate) const MARKUP: &[u8] = b"</title></code></script><script>window.owned = 1</script><img src=x onerror=\"window.owned = 1\"><marquee>";

/// Speaks memcached: NOOP is answered well, and everything else with success and [`MARKUP`].
pub(crate) fn markup(mut stream: TcpStream) {
    let mut header = [0; 24];
    while stream.read_exact(&mut header).is_ok() {
        let body = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        let skipped = std::io::copy(&mut (&stream).take(body.into()), &mut std::io::sink());
        let said = if header[1] == 0x0a { &[][..] } else { MARKUP };
        header[0] = 0x81;
        header[2..8].fill(0);
        header[8..12].copy_from_slice(&u32::try_from(said.len()).unwrap().to_be_bytes());
        if skipped.is_err() || stream.write_all(&[&header, said].concat()).is_err() {
            return;
        }
    }
}
