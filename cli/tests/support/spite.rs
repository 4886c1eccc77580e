//! What a hostile server does to a client: treatments for [`super::turncoat`].

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::turncoat;

/// Random bytes, without end.
pub(crate) fn random_bytes(mut client: TcpStream, _: SocketAddr, number: usize) {
    let mut state = number as u64 | 1;
    let mut chunk = [0; 1 << 14];
    loop {
        for byte in &mut chunk {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state.to_le_bytes()[0];
        }
        if client.write_all(&chunk).is_err() {
            return;
        }
    }
}

/// A header that announces a gigabyte, and the gigabyte: memcached's header and NetMem's in turn.
pub(crate) fn gigabyte(client: TcpStream, _: SocketAddr, number: usize) {
    announce(client, number, 1 << 30);
}

/// The same with as much as a reply may have, again and again.
pub(crate) fn long_replies(client: TcpStream, _: SocketAddr, number: usize) {
    announce(client, number, 2 << 20);
}

fn announce(mut client: TcpStream, number: usize, length: u32) {
    let mut header = [0; 24];
    let header: &[u8] = if number.is_multiple_of(2) {
        header[0] = 0x81;
        header[8..12].copy_from_slice(&length.to_be_bytes());
        &header
    } else {
        header[0] = 2;
        header[5..9].copy_from_slice(&length.to_be_bytes());
        &header[..13]
    };
    let body = vec![0; 1 << 20];
    loop {
        if client.write_all(header).is_err() {
            return;
        }
        for _ in 0..length >> 20 {
            if client.write_all(&body).is_err() {
                return;
            }
        }
    }
}

/// Every request is a STAT, and the list of statistics has no end.
pub(crate) fn endless_statistics(mut client: TcpStream, _: SocketAddr, _: usize) {
    let mut header = [0; 24];
    if client.read_exact(&mut header).is_err() {
        return;
    }
    let mut packet = [0x81, 0x10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2].to_vec();
    packet.extend(&header[12..16]);
    packet.extend([0; 8]);
    packet.extend(b"a1");
    let many = packet.repeat(1000);
    while client.write_all(&many).is_ok() {}
}

/// Right replies, a byte a tenth of a second.
pub(crate) fn drip(mut client: TcpStream, upstream: SocketAddr, _: usize) {
    let Ok(server) = TcpStream::connect(upstream) else { return };
    turncoat::requests(&client, &server);
    for byte in BufReader::new(server).bytes().flatten() {
        thread::sleep(Duration::from_millis(100));
        if client.write_all(&[byte]).is_err() {
            return;
        }
    }
}

/// Right replies up to some byte, another one on each connection; then a reset.
pub(crate) fn reset_at_each_byte(mut client: TcpStream, upstream: SocketAddr, number: usize) {
    let Ok(server) = TcpStream::connect(upstream) else { return };
    turncoat::requests(&client, &server);
    let _ = std::io::copy(&mut server.take((number % 64) as u64), &mut client);
    let _ = socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO));
}

/// Right replies, and then more of them, again and again.
pub(crate) fn repeats_itself(mut client: TcpStream, upstream: SocketAddr, _: usize) {
    let Ok(mut server) = TcpStream::connect(upstream) else { return };
    turncoat::requests(&client, &server);
    let mut reply = vec![0; 1 << 12];
    let length = server.read(&mut reply).unwrap_or(0);
    if length == 0 {
        return;
    }
    while client.write_all(&reply[..length]).is_ok() {}
}

/// The end, at once.
pub(crate) fn slam(_: TcpStream, _: SocketAddr, _: usize) {}

/// Takes everything, without a word.
pub(crate) fn mute(mut client: TcpStream, _: SocketAddr, _: usize) {
    let _ = std::io::copy(&mut client, &mut std::io::sink());
}

/// Takes nothing, without a word.
pub(crate) fn deaf(client: TcpStream, _: SocketAddr, _: usize) {
    thread::sleep(super::PATIENCE * 2);
    drop(client);
}
