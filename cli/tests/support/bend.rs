//! A proxy in front of a memcached server that bends certain replies, always in the same way.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Changes one whole reply, header and body.
pub(crate) type Bend = fn(&mut [u8]);

const HEADER: usize = 24;
const OPCODE: usize = 1;
const GET: u8 = 0x00;
const SET: u8 = 0x01;
const GETQ: u8 = 0x09;

/// Hits of GETQ carry the opcode of GET (against MCB-GET-05).
pub(crate) fn getq_hits_as_get(reply: &mut [u8]) {
    if reply[OPCODE] == GETQ && is_success(reply) {
        reply[OPCODE] = GET;
    }
}

/// Replies to SET carry no CAS (against MCB-CAS-01).
pub(crate) fn set_without_cas(reply: &mut [u8]) {
    if reply[OPCODE] == SET && is_success(reply) {
        reply[16..HEADER].fill(0);
    }
}

fn is_success(reply: &[u8]) -> bool {
    reply[6..8] == [0, 0]
}

/// Listens on a port of its own until the test program ends.
pub(crate) fn start(upstream: SocketAddr, bend: Bend) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(upstream) else { return };
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || requests(from, to));
            thread::spawn(move || replies(server, client, bend));
        }
    });
    address
}

fn requests(mut client: TcpStream, mut server: TcpStream) {
    let _ = std::io::copy(&mut client, &mut server);
    let _ = server.shutdown(Shutdown::Write);
}

fn replies(mut server: TcpStream, mut client: TcpStream, bend: Bend) {
    let mut reply = vec![0; HEADER];
    while server.read_exact(&mut reply[..HEADER]).is_ok() {
        let body = u32::from_be_bytes(reply[8..12].try_into().unwrap());
        reply.resize(HEADER + body as usize, 0);
        if server.read_exact(&mut reply[HEADER..]).is_err() {
            break;
        }
        bend(&mut reply);
        if client.write_all(&reply).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}
