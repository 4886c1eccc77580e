//! Clients that end in all the ways that a client of one process can: they close, half-close or reset, after a reply, before
//! it, or in half a request.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::BytesMut;
use fastrand::Rng;
use lockproof_protocol::locker::{Dialect, Request as LockerRequest, Verb};
use lockproof_protocol::memcached_binary::{Command, Opcode, Request as MemcachedRequest};
use lockproof_protocol::netmem::Request as NetMemRequest;
use socket2::SockRef;

use super::Stage;
use crate::faults::PATIENCE;

/// Pauses between two of them.
const PAUSE: Duration = Duration::from_millis(5);

/// One after the other until the time is over.
pub(super) fn end_in_all_ways(stage: &Stage<'_>) -> anyhow::Result<String> {
    let mut random = Rng::with_seed(stage.options.seed ^ 0xdead);
    let mut count = 0_u32;
    while !stage.is_over() {
        let protocol = random.usize(..4);
        let address = stage.server.addresses()[protocol];
        live_and_die(address, protocol, count, &mut random)
            .with_context(|| format!("client {count} at {address}"))?;
        stage.died(1);
        count += 1;
        std::thread::sleep(PAUSE);
    }
    Ok(format!("{count} of them"))
}

fn live_and_die(
    address: SocketAddr,
    protocol: usize,
    number: u32,
    random: &mut Rng,
) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (request, reply) = exchange(protocol, number);
    stream.write_all(&request)?;
    if random.bool() {
        stream.read_exact(&mut vec![0; reply])?;
        if random.bool() {
            let part = random.usize(..request.len());
            stream.write_all(&request[..part])?;
        }
    }
    match random.u8(..3) {
        0 => {}
        1 => half_close(stream)?,
        // A linger time of nothing is a reset.
        _ => SockRef::from(&stream).set_linger(Some(Duration::ZERO))?,
    }
    Ok(())
}

/// Sends no more, and takes what still comes until the server ends the connection, too.
fn half_close(mut stream: TcpStream) -> anyhow::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).context("the server does not end a half-closed connection")?;
    ensure!(rest.len() < 1_024, "{} bytes that nobody asked for", rest.len());
    Ok(())
}

/// A request that takes something, where there is something to take, and the length of its reply.
fn exchange(protocol: usize, number: u32) -> (Vec<u8>, usize) {
    let mut out = BytesMut::new();
    let reply = match protocol {
        0 => {
            let (opcode, command) = (Opcode::NOOP, Command::Noop);
            MemcachedRequest { opcode, opaque: number, cas: 0, command }.encode(&mut out);
            24
        }
        1 => {
            NetMemRequest::GetParams.encode(&mut out);
            13
        }
        2 => {
            let keys = vec![format!("dying-{number}").into()];
            LockerRequest { verb: Verb::Get, batch: false, keys }
                .encode(Dialect::default(), &mut out);
            2
        }
        _ => {
            out.extend_from_slice(b"last words\0");
            11
        }
    };
    (out.to_vec(), reply)
}
