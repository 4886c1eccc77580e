//! Five paths through the server, each executed a given number of times, for a machine that counts instructions.
//!
//! `paths NAME COUNT`. A path is bytes to a session, and bytes back: no socket, no thread. `ci/instructions` runs each under
//! callgrind, with two counts, and holds the difference against what is committed.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use lockproof_protocol::{locker, memcached_binary as memcached, netmem};
use lockproof_reference_server::{
    Locker, LockerConfig, Memcached, MemcachedConfig, NetMem, NetMemConfig, Output, Protocol,
    Session, Step,
};

/// Requests in a batch of GETs or SETs.
const BATCH: u32 = 32;
const NAMES: [&str; 5] = ["get", "multi_get", "set", "lock_page", "lock_16_keys"];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, count] = &words[..] else { return usage() };
    let Ok(count) = count.parse::<u32>() else { return usage() };
    match name.as_str() {
        "get" => gets(count, memcached::Opcode::GET),
        "multi_get" => gets(count, memcached::Opcode::GETKQ),
        "set" => sets(count),
        "lock_page" => lock_page(count),
        "lock_16_keys" => lock_keys(count),
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: paths {} COUNT", NAMES.join("|"));
    ExitCode::from(2)
}

/// A session, and the buffers of its connection.
struct Path<S> {
    session: S,
    input: BytesMut,
    output: Output,
}

impl<S: Session> Path<S> {
    fn new<P: Protocol<Session = S>>(protocol: P) -> Self {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let session = Arc::new(protocol).open(peer.into());
        Self { session, input: BytesMut::new(), output: Output::new(1 << 20) }
    }

    /// Executes `requests`, whose replies are `bytes` long.
    fn run(&mut self, requests: &[u8], bytes: usize) {
        self.input.extend_from_slice(requests);
        let step = self.session.execute(&mut self.input, &mut self.output);
        assert_eq!((step, self.input.len()), (Step::Drained, 0));
        assert_eq!(self.output.buffer().len(), bytes);
        self.output.buffer().clear();
    }
}

fn cache() -> Path<lockproof_reference_server::protocols::MemcachedSession> {
    let mut config =
        MemcachedConfig { workers: 1, unix_start: Some(1), ..MemcachedConfig::default() };
    config.items.hash_seed = 1;
    let mut path = Path::new(Memcached::new(config));
    path.run(&stores(), BATCH as usize * memcached::HEADER_LEN);
    path
}

fn key(index: u32) -> Bytes {
    format!("{index:010}").into()
}

fn request(opcode: memcached::Opcode, command: memcached::Command, out: &mut BytesMut) {
    memcached::Request { opcode, opaque: 7, cas: 0, command }.encode(out);
}

fn stores() -> BytesMut {
    let mut out = BytesMut::new();
    for index in 0..BATCH {
        let value = memcached::Value::Present(Bytes::from_static(&[b'v'; 100]));
        let mode = memcached::StoreMode::Set;
        let key = key(index);
        let command = memcached::Command::Store { mode, key, flags: 0, expiry: 0, value };
        request(memcached::Opcode::SET, command, &mut out);
    }
    out
}

fn gets(count: u32, opcode: memcached::Opcode) {
    let mut path = cache();
    let mut requests = BytesMut::new();
    for index in 0..BATCH {
        request(opcode, memcached::Command::Get { key: key(index) }, &mut requests);
    }
    let key_len = if opcode.with_key() { 10 } else { 0 };
    let reply = memcached::HEADER_LEN + 4 + key_len + 100;
    let mut bytes = BATCH as usize * reply;
    if opcode.with_key() {
        request(memcached::Opcode::NOOP, memcached::Command::Noop, &mut requests);
        bytes += memcached::HEADER_LEN;
    }
    (0..count).for_each(|_| path.run(&requests, bytes));
}

fn sets(count: u32) {
    let mut path = cache();
    let requests = stores();
    (0..count).for_each(|_| path.run(&requests, BATCH as usize * memcached::HEADER_LEN));
}

fn lock_page(count: u32) {
    let config = NetMemConfig { pages: 16, page_len: 64, ..NetMemConfig::default() };
    let mut path = Path::new(NetMem::new(config));
    let mut requests = BytesMut::new();
    netmem::Request::Lock { page: 3, version: -1 }.encode(&mut requests);
    let data = Bytes::from_static(&[b'p'; 64]);
    netmem::Request::Unlock { page: 3, version: 0, data }.encode(&mut requests);
    (0..count).for_each(|_| path.run(&requests, 2 * netmem::HEADER_LEN + 64));
}

fn lock_keys(count: u32) {
    let mut path = Path::new(Locker::new(LockerConfig::default()));
    let keys: Vec<Bytes> = (0..16).map(|key| format!("lock-{key:011}").into()).collect();
    let mut requests = BytesMut::new();
    for verb in [locker::Verb::Get, locker::Verb::Release] {
        let request = locker::Request { verb, batch: true, keys: keys.clone() };
        request.encode(locker::Dialect::default(), &mut requests);
    }
    (0..count).for_each(|_| path.run(&requests, 4));
}
