//! As much of memcached's binary protocol as the tests of `serve` need, by hand: they must not share the code they test.

use std::io::{Read, Write};
use std::net::TcpStream;

/// A reply's status and value.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

pub(crate) fn set(stream: &mut TcpStream, key: &str, value: &[u8]) -> Reply {
    send(stream, 0x01, &[0; 8], key, value);
    receive(stream)
}

pub(crate) fn get(stream: &mut TcpStream, key: &str) -> Reply {
    send(stream, 0x00, &[], key, &[]);
    receive(stream)
}

/// The value of one general statistic.
pub(crate) fn statistic(stream: &mut TcpStream, name: &str) -> Option<String> {
    send(stream, 0x10, &[], "", &[]);
    let mut found = None;
    loop {
        let reply = receive(stream);
        if reply.key.is_empty() {
            return found;
        }
        if reply.key == name.as_bytes() {
            found = Some(String::from_utf8_lossy(&reply.value).into_owned());
        }
    }
}

/// Whether a NOOP is answered.
pub(crate) fn is_alive(stream: &mut TcpStream) -> bool {
    let mut reply = [0; 24];
    stream.write_all(&header(0x0a, 0, 0, 0)).and_then(|()| stream.read_exact(&mut reply)).is_ok()
}

fn send(stream: &mut TcpStream, opcode: u8, extras: &[u8], key: &str, value: &[u8]) {
    let mut frame = header(opcode, extras.len(), key.len(), value.len()).to_vec();
    frame.extend(extras);
    frame.extend(key.as_bytes());
    frame.extend(value);
    stream.write_all(&frame).unwrap();
}

/// A request's header; the opaque and the CAS stay 0.
pub(crate) fn header(opcode: u8, extras: usize, key: usize, value: usize) -> [u8; 24] {
    let mut header = [0; 24];
    header[0] = 0x80;
    header[1] = opcode;
    header[2..4].copy_from_slice(&u16::try_from(key).unwrap().to_be_bytes());
    header[4] = u8::try_from(extras).unwrap();
    header[8..12].copy_from_slice(&u32::try_from(extras + key + value).unwrap().to_be_bytes());
    header
}

fn receive(stream: &mut TcpStream) -> Reply {
    let mut header = [0; 24];
    stream.read_exact(&mut header).unwrap();
    assert_eq!(header[0], 0x81, "a reply begins with 0x81");
    let (key, extras) =
        (usize::from(u16::from_be_bytes([header[2], header[3]])), usize::from(header[4]));
    let mut body = vec![0; u32::from_be_bytes(header[8..12].try_into().unwrap()) as usize];
    stream.read_exact(&mut body).unwrap();
    Reply {
        status: u16::from_be_bytes([header[6], header[7]]),
        key: body[extras..extras + key].to_vec(),
        value: body[extras + key..].to_vec(),
    }
}
