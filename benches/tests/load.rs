//! The load generator against servers that are not right: then there is no figure.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use lockproof_benches::load::memcached::{Ask, Data, Memcached};
use lockproof_benches::load::{Driver, Pace};
use lockproof_protocol::memcached_binary::{HEADER_LEN, Header, Opcode, Reply};

const VALUE: &[u8] = b"value";

/// A server of GETs where every key has the same value; `spoil` may change the reply with that number.
fn server(spoil: impl Fn(u32, &mut BytesMut) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, spoil) = (stream.unwrap(), spoil.clone());
            thread::spawn(move || {
                for number in 0.. {
                    let mut header = [0; HEADER_LEN];
                    if stream.read_exact(&mut header).is_err() {
                        return;
                    }
                    let header = Header::parse(&header);
                    let mut body = vec![0; header.body_len as usize];
                    stream.read_exact(&mut body).unwrap();
                    let mut out = BytesMut::new();
                    let found = Reply::Found { flags: 0, cas: 1, value: VALUE.into() };
                    found.encode(Opcode::GET, header.opaque, b"", &mut out);
                    spoil(number, &mut out);
                    if out.is_empty() || stream.write_all(&out).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn run(address: SocketAddr, pace: Pace) -> anyhow::Result<u64> {
    let data = Data::new(10, VALUE.len());
    let ask = Ask::Mix { depth: 4, sets: 0, of: 1 };
    let scripts = (0..3).map(|index| Memcached::new(data.clone(), ask, index));
    let mut marks = 0;
    let outcome = Driver::open(address, scripts)?.run(
        pace,
        Duration::from_millis(20),
        Duration::from_millis(200),
        || marks += 1,
    )?;
    assert_eq!(marks, 2);
    assert!(outcome.elapsed >= Duration::from_millis(200));
    assert_eq!(outcome.operations, outcome.times.len() * 4, "a time for each batch of 4");
    Ok(outcome.operations)
}

#[test]
fn right_replies_are_counted() {
    let address = server(|_, _| {});
    assert!(run(address, Pace::Closed).unwrap() > 0);
    assert!(run(address, Pace::Open(200.0)).unwrap() > 0);
}

#[test]
fn open_loop_sends_no_more_than_its_rate() {
    // 200 ms of 100 a second are 20 batches, and a few that were due before.
    let operations = run(server(|_, _| {}), Pace::Open(100.0)).unwrap();
    assert!(operations <= 4 * 30, "{operations}");
}

#[test]
fn one_wrong_reply_is_enough() {
    let spoiled: [fn(u32, &mut BytesMut); 3] = [
        |number, reply| reply[15] ^= u8::from(number == 7), // opaque
        |number, reply| reply[7] ^= u8::from(number == 7),  // status
        |number, reply| reply.resize(reply.len() + usize::from(number == 7), 0),
    ];
    for spoil in spoiled {
        let error = run(server(spoil), Pace::Closed).unwrap_err();
        assert!(error.to_string().contains("a wrong reply"), "{error:#}");
    }
}

#[test]
fn server_that_goes_away_is_told() {
    let address = server(|number, reply| {
        if number == 7 {
            reply.clear();
        }
    });
    let error = format!("{:#}", run(address, Pace::Closed).unwrap_err());
    assert!(error.contains("closed a connection") || error.contains("replies"), "{error}");
}
