//! How fast bytes become requests and replies, and back: `protocol/operation/size`.
//!
//! Sizes are those of the part that varies: the key of a GET, the value of a SET and of a GET's
//! reply, the page, the number of keys. Bodies are never looked at by a codec, so a decode whose
//! time grows with its size is copying. Left out: sockets, locks, and what a command does.

use std::hint::black_box;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use lockproof_protocol::{locker, memcached_binary as memcached, netmem};

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Names of sizes, and the sizes in bytes.
const VALUES: [(&str, usize); 3] = [("32B", 32), ("1KiB", 1024), ("64KiB", 64 * 1024)];
const PAGES: [(&str, usize); 2] = [("64B", 64), ("4KiB", 4096)];
const KEYS: [(&str, usize); 3] = [("1key", 1), ("16keys", 16), ("1024keys", 1024)];

/// Requests in a pipeline: what one read of 64 KiB brings of small ones.
const PIPELINE: usize = 1000;

const OPAQUE: u32 = 0xdead_beef;

/// Measures `decode` on a fresh copy of `wire`; its result is held against `expected` once in full,
/// and by the cheap `probe` each time.
fn decode<T: PartialEq + std::fmt::Debug, P: PartialEq + std::fmt::Debug>(
    group: &mut Group<'_>,
    (operation, size): (&str, &str),
    wire: &BytesMut,
    expected: &T,
    decode: impl Fn(&mut BytesMut) -> T,
    probe: impl Fn(&T) -> P,
) {
    assert_eq!(decode(&mut wire.clone()), *expected);
    let probed = probe(expected);
    group.throughput(Throughput::Bytes(wire.len() as u64));
    group.bench_function(BenchmarkId::new(operation, size), |bencher| {
        let measured = |mut input: BytesMut| {
            let decoded = decode(black_box(&mut input));
            assert_eq!(probe(&decoded), probed);
            assert!(input.is_empty());
            // Handed out, so that freeing them is not measured.
            (input, decoded)
        };
        bencher.iter_batched(|| wire.clone(), measured, BatchSize::SmallInput);
    });
}

/// Measures `encode` into a buffer that has its size already, as a connection's has after a while.
fn encode(
    group: &mut Group<'_>,
    (operation, size): (&str, &str),
    expected: &BytesMut,
    encode: impl Fn(&mut BytesMut),
) {
    let mut out = BytesMut::with_capacity(expected.len());
    encode(&mut out);
    assert_eq!(out, *expected);
    group.throughput(Throughput::Bytes(expected.len() as u64));
    group.bench_function(BenchmarkId::new(operation, size), |bencher| {
        bencher.iter(|| {
            out.clear();
            encode(black_box(&mut out));
            assert_eq!(out.len(), expected.len());
        });
    });
}

/// A buffer with what `write` puts into it.
fn written(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
    let mut out = BytesMut::new();
    write(&mut out);
    out
}

fn memcached_get(key_bytes: usize) -> memcached::Request {
    let command = memcached::Command::Get { key: vec![b'k'; key_bytes].into() };
    memcached::Request { opcode: memcached::Opcode::GET, opaque: OPAQUE, cas: 0, command }
}

fn memcached_set(value_bytes: usize) -> memcached::Request {
    let command = memcached::Command::Store {
        mode: memcached::StoreMode::Set,
        key: Bytes::from_static(b"key-of-16-bytes."),
        flags: 0xcafe,
        expiry: 60,
        value: memcached::Value::Present(vec![b'v'; value_bytes].into()),
    };
    memcached::Request { opcode: memcached::Opcode::SET, opaque: OPAQUE, cas: 0, command }
}

fn decode_memcached(input: &mut BytesMut) -> memcached::Request {
    let mut decoder = memcached::RequestDecoder::new(memcached::Limits::default());
    let frame = decoder.decode(input).expect("good framing").expect("a whole frame");
    memcached::Request::from_frame(frame).expect("a good request")
}

fn memcached_requests(group: &mut Group<'_>) {
    let get = memcached_get(32);
    let wire = written(|out| get.encode(out));
    decode(group, ("decode_get", "32B"), &wire, &get, decode_memcached, |get| get.opaque);
    encode(group, ("encode_get", "32B"), &wire, |out| get.encode(out));
    for (size, bytes) in VALUES {
        let set = memcached_set(bytes);
        let wire = written(|out| set.encode(out));
        decode(group, ("decode_set", size), &wire, &set, decode_memcached, |set| set.opaque);
        encode(group, ("encode_set", size), &wire, |out| set.encode(out));
    }
    let pipeline = written(|out| (0..PIPELINE).for_each(|_| get.encode(out)));
    let count = |input: &mut BytesMut| {
        let mut decoder = memcached::RequestDecoder::new(memcached::Limits::default());
        let mut keys_bytes = 0;
        while let Some(frame) = decoder.decode(input).expect("good framing") {
            let get = memcached::Request::from_frame(frame).expect("a good request");
            keys_bytes += get.key().map_or(0, Bytes::len);
        }
        keys_bytes
    };
    let expected = 32 * PIPELINE;
    decode(group, ("decode_get_pipeline", "1000"), &pipeline, &expected, count, |sum| *sum);
}

fn memcached_replies(group: &mut Group<'_>) {
    for (size, bytes) in VALUES {
        let value = vec![b'v'; bytes].into();
        let reply = memcached::Reply::Found { flags: 0xcafe, cas: 7, value };
        let write = |out: &mut BytesMut| reply.encode(memcached::Opcode::GET, OPAQUE, b"key", out);
        let wire = written(write);
        encode(group, ("encode_get_reply", size), &wire, write);
        let read = |input: &mut BytesMut| {
            let mut decoder = memcached::ReplyDecoder::new(1 << 20);
            decoder.decode(input).expect("good framing").expect("a whole frame")
        };
        let frame = read(&mut wire.clone());
        decode(group, ("decode_get_reply", size), &wire, &frame, read, |frame| {
            (frame.header.opaque, frame.value.len())
        });
    }
    let miss = memcached::Reply::Failed { status: memcached::Status::KEY_NOT_FOUND };
    let write = |out: &mut BytesMut| miss.encode(memcached::Opcode::GET, OPAQUE, b"key", out);
    encode(group, ("encode_get_miss", "0B"), &written(write), write);
}

fn netmem_frames(group: &mut Group<'_>) {
    for (size, bytes) in PAGES {
        let data: Bytes = vec![b'p'; bytes].into();
        let update = netmem::Request::Update { page: 3, version: -1, data: data.clone() };
        let wire = written(|out| update.encode(out));
        encode(group, ("netmem_encode_update", size), &wire, |out| update.encode(out));
        let read = |input: &mut BytesMut| {
            let mut decoder = netmem::RequestDecoder::new(1 << 24);
            decoder.decode(input).expect("good framing").expect("a whole frame")
        };
        decode(
            group,
            ("netmem_decode_update", size),
            &wire,
            &update,
            read,
            |update| match update {
                netmem::Request::Update { page, data, .. } => Some((*page, data.len())),
                _ => None,
            },
        );
        netmem_page(group, size, data);
    }
}

fn netmem_page(group: &mut Group<'_>, size: &str, data: Bytes) {
    let kind = netmem::PageReply::Read;
    let page = netmem::Reply::Page { kind, page: 3, version: 7, data: Some(data) };
    let wire = written(|out| page.encode(out));
    encode(group, ("netmem_encode_page", size), &wire, |out| page.encode(out));
    let read = |input: &mut BytesMut| {
        let mut decoder = netmem::ReplyDecoder::new(1 << 24);
        decoder.decode(input).expect("good framing").expect("a whole frame")
    };
    decode(group, ("netmem_decode_page", size), &wire, &page, read, |page| match page {
        netmem::Reply::Page { version, data, .. } => Some((*version, data.as_ref()?.len())),
        _ => None,
    });
}

fn locker_frames(group: &mut Group<'_>) {
    let (dialect, limits) = (locker::Dialect::default(), locker::Limits::default());
    for (size, count) in KEYS {
        let keys = (0..count).map(|key| format!("lock-{key:011}").into()).collect();
        let get = locker::Request { verb: locker::Verb::Get, batch: true, keys };
        let wire = written(|out| get.encode(dialect, out));
        encode(group, ("locker_encode_get", size), &wire, |out| get.encode(dialect, out));
        let read = |input: &mut BytesMut| {
            let mut decoder = locker::RequestDecoder::new(dialect, limits);
            let frame = decoder.decode(input).expect("good framing").expect("a whole frame");
            locker::parse(frame, &limits).expect("a good request")
        };
        decode(group, ("locker_decode_get", size), &wire, &get, read, |get| get.keys.len());
    }
    let reply = locker::Reply::to(127, locker::Outcome::Busy);
    let wire = written(|out| reply.encode(dialect, out));
    encode(group, ("locker_encode_reply", "2B"), &wire, |out| reply.encode(dialect, out));
    let read = |input: &mut BytesMut| {
        let mut decoder = locker::ReplyDecoder::new(dialect);
        decoder.decode(input).expect("good framing").expect("a whole reply")
    };
    decode(group, ("locker_decode_reply", "2B"), &wire, &reply, read, |reply| reply.outcome);
}

fn protocol(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("protocol");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    memcached_requests(&mut group);
    memcached_replies(&mut group);
    netmem_frames(&mut group);
    locker_frames(&mut group);
    group.finish();
}

criterion_group!(benches, protocol);
criterion_main!(benches);
