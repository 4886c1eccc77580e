//! As much of memcached's binary protocol as a stalled reader and the clients beside it need.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::TcpStream;

use super::Shared;

/// Values by key, and the last CAS.
#[derive(Default)]
pub(crate) struct Items {
    values: BTreeMap<Vec<u8>, (Vec<u8>, u64)>,
    cas: u64,
}

const OK: u16 = 0;
const NOT_FOUND: u16 = 1;
const UNKNOWN_COMMAND: u16 = 0x81;

struct Request {
    opcode: u8,
    opaque: [u8; 4],
    extras: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
}

pub(crate) fn serve(items: &Shared<Items>, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let request = receive(&mut stream)?;
        match request.opcode {
            0x00 | 0x0c => items.read(&mut stream, |items| get(items, &request))?,
            _ => items.write(&mut stream, |items| execute(items, &request))?,
        }
    }
}

fn receive(stream: &mut TcpStream) -> io::Result<Request> {
    let mut header = [0; 24];
    stream.read_exact(&mut header)?;
    let (extras, key) =
        (usize::from(header[4]), usize::from(u16::from_be_bytes([header[2], header[3]])));
    let mut body =
        vec![0; u32::from_be_bytes([header[8], header[9], header[10], header[11]]) as usize];
    stream.read_exact(&mut body)?;
    let value = body.split_off(extras + key);
    let key = body.split_off(extras);
    let opaque = [header[12], header[13], header[14], header[15]];
    Ok(Request { opcode: header[1], opaque, extras: body, key, value })
}

fn reply(request: &Request, status: u16, parts: [&[u8]; 3], cas: u64) -> Vec<u8> {
    let [extras, key, value] = parts.map(<[u8]>::len);
    let mut bytes = vec![0x81, request.opcode];
    bytes.extend(u16::try_from(key).unwrap().to_be_bytes());
    bytes.extend([u8::try_from(extras).unwrap(), 0]);
    bytes.extend(status.to_be_bytes());
    bytes.extend(u32::try_from(extras + key + value).unwrap().to_be_bytes());
    bytes.extend(request.opaque);
    bytes.extend(cas.to_be_bytes());
    bytes.extend(parts.concat());
    bytes
}

fn get(items: &Items, request: &Request) -> Vec<u8> {
    let key = if request.opcode == 0x0c { request.key.as_slice() } else { &[] };
    match items.values.get(&request.key) {
        Some((value, cas)) => reply(request, OK, [&[0; 4], key, value], *cas),
        None => reply(
            request,
            NOT_FOUND,
            [&[], key, if key.is_empty() { b"Not found" } else { &[] }],
            0,
        ),
    }
}

fn execute(items: &mut Items, request: &Request) -> Vec<u8> {
    let none: [&[u8]; 3] = [&[], &[], &[]];
    match request.opcode {
        // SET
        0x01 => {
            let cas = items.store(&request.key, request.value.clone());
            reply(request, OK, none, cas)
        }
        // DELETE, DELETEQ
        0x04 | 0x14 => match items.values.remove(&request.key) {
            Some(_) if request.opcode == 0x14 => Vec::new(),
            Some(_) => reply(request, OK, none, 0),
            None => reply(request, NOT_FOUND, [&[], &[], b"Not found"], 0),
        },
        // INCREMENT of a counter that is not there
        0x05 => {
            let initial = request.extras[8..16].to_vec();
            let cas = items.store(&request.key, b"1".to_vec());
            reply(request, OK, [&[], &[], &initial], cas)
        }
        // NOOP
        0x0a => reply(request, OK, none, 0),
        // APPEND
        0x0e => {
            let mut value =
                items.values.get(&request.key).map_or_else(Vec::new, |(value, _)| value.clone());
            value.extend(&request.value);
            let cas = items.store(&request.key, value);
            reply(request, OK, none, cas)
        }
        // STAT
        0x10 => [reply(request, OK, [&[], b"pid", b"1"], 0), reply(request, OK, none, 0)].concat(),
        _ => reply(request, UNKNOWN_COMMAND, [&[], &[], b"Unknown command"], 0),
    }
}

impl Items {
    fn store(&mut self, key: &[u8], value: Vec<u8>) -> u64 {
        self.cas += 1;
        self.values.insert(key.to_vec(), (value, self.cas));
        self.cas
    }
}
