//! How long a client waits for a reply over loopback, by protocol: `server/round_trip_protocol/size`.
//!
//! The server runs in this process, the client is a plain blocking socket. A processor that sleeps between two requests has to
//! wake; so the figures compare with each other, on one machine in one run, and with nothing else. `compare` measures
//! the server beside memcached.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use lockproof_protocol::memcached_binary as memcached;
use lockproof_protocol::{locker, netmem};
use lockproof_reference_server::{Embedded, EmbeddedConfig};

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// A connection, and what is sent and expected over and over.
struct Exchange {
    stream: TcpStream,
    request: BytesMut,
    reply: BytesMut,
    buffer: Vec<u8>,
}

impl Exchange {
    fn new(address: SocketAddr, request: BytesMut, reply: BytesMut) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket has the option");
        let buffer = vec![0; reply.len()];
        Self { stream, request, reply, buffer }
    }

    fn once(&mut self) {
        self.stream.write_all(&self.request).expect("the server reads");
        self.stream.read_exact(&mut self.buffer).expect("the server answers");
        assert_eq!(self.buffer, self.reply);
    }
}

fn measure(group: &mut Group<'_>, (operation, size): (&str, &str), mut exchange: Exchange) {
    exchange.once();
    group.bench_function(BenchmarkId::new(operation, size), |bencher| {
        bencher.iter(|| exchange.once());
    });
}

fn written(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
    let mut out = BytesMut::new();
    write(&mut out);
    out
}

fn memcached_get(server: &Embedded, value_len: usize, depth: u32) -> Exchange {
    use memcached::{Command, Opcode, Reply, Request, StoreMode, Value};
    let key = Bytes::from(format!("key-{value_len}-{depth}"));
    let value = Bytes::from(vec![b'v'; value_len]);
    let mut setting = TcpStream::connect(server.memcached()).expect("the server listens");
    let present = Value::Present(value.clone());
    let command = Command::Store {
        mode: StoreMode::Set,
        key: key.clone(),
        flags: 0,
        expiry: 0,
        value: present,
    };
    let set = Request { opcode: Opcode::SET, opaque: 0, cas: 0, command };
    setting.write_all(&written(|out| set.encode(out))).expect("the server reads");
    let mut stored = [0; 24];
    setting.read_exact(&mut stored).expect("the server answers");
    let cas = memcached::Header::parse(&stored).cas;
    let request = written(|out| {
        for opaque in 0..depth {
            let command = Command::Get { key: key.clone() };
            Request { opcode: Opcode::GET, opaque, cas: 0, command }.encode(out);
        }
    });
    let reply = written(|out| {
        for opaque in 0..depth {
            let found = Reply::Found { flags: 0, cas, value: value.clone() };
            found.encode(Opcode::GET, opaque, &key, out);
        }
    });
    Exchange::new(server.memcached(), request, reply)
}

fn netmem_read(server: &Embedded) -> Exchange {
    let request = written(|out| netmem::Request::Read { page: 3, version: -1 }.encode(out));
    let kind = netmem::PageReply::Read;
    let data = Some(Bytes::from_static(&[0; 64]));
    let reply = written(|out| netmem::Reply::Page { kind, page: 3, version: 1, data }.encode(out));
    Exchange::new(server.netmem(), request, reply)
}

fn locker_get_and_release(server: &Embedded) -> Exchange {
    let dialect = locker::Dialect::default();
    let keys = vec![Bytes::from_static(b"disk")];
    let request = written(|out| {
        for verb in [locker::Verb::Get, locker::Verb::Release] {
            locker::Request { verb, batch: false, keys: keys.clone() }.encode(dialect, out);
        }
    });
    Exchange::new(server.locker(), request, BytesMut::from(&[1, 0, 3, 0][..]))
}

fn echo(server: &Embedded) -> Exchange {
    let line = BytesMut::from(&[b'e'; 64][..]);
    Exchange::new(server.echo(), line.clone(), line)
}

fn server(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("the system gives a thread");
    let server = runtime.block_on(Embedded::start(EmbeddedConfig::default())).expect("free ports");
    let mut group = criterion.benchmark_group("server");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    measure(&mut group, ("round_trip_memcached_get", "100B"), memcached_get(&server, 100, 1));
    measure(&mut group, ("round_trip_memcached_get", "64KiB"), memcached_get(&server, 65_536, 1));
    measure(&mut group, ("round_trip_memcached_32_gets", "100B"), memcached_get(&server, 100, 32));
    measure(&mut group, ("round_trip_netmem_read", "64B"), netmem_read(&server));
    measure(
        &mut group,
        ("round_trip_locker_get_and_release", "1key"),
        locker_get_and_release(&server),
    );
    measure(&mut group, ("round_trip_echo", "64B"), echo(&server));
    group.finish();
}

criterion_group!(benches, server);
criterion_main!(benches);
