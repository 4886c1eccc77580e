//! Clients of the crowd: one process with many connections, all of one manner. This is the child's side.
//!
//! A client takes a lock first, where its protocol has locks, so that it has something that must be freed when it is gone.
//! It speaks with its parent by lines: `in` when all connections stand; `cut` and `mend` do that to the wire; the end of
//! standard input is the end of the process.

use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::{Bytes, BytesMut};
use lockproof_client::{blocking::go_on, echo, locker, memcached, netmem};
use lockproof_protocol::locker::{Dialect, Outcome, Request as LockerRequest, Verb};
use lockproof_protocol::memcached_binary::{
    Command, Opcode, Request as MemcachedRequest, StoreMode, Value,
};
use lockproof_protocol::netmem::Request as NetMemRequest;
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

use crate::faults::{PATIENCE, network};

/// The item that those who stop reading ask for.
pub(crate) const LARGE_KEY: &str = "crowd-large";
/// Its length, and what one of them asks for: more than the kernel takes for a connection.
pub(crate) const LARGE_BYTES: usize = 256 << 10;
const LARGE_REPLIES: u32 = 24;
/// A receive buffer that keeps what piles up on the server's side.
const SMALL_BUFFER: usize = 4096;
/// Bytes of a value that is announced and half sent.
const HALF_SENT: usize = 4096;

/// How a client is in the way.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Manner {
    /// Sends half a frame, and then nothing; its process may be killed like that.
    HalfFrame,
    /// Asks for much, and reads nothing.
    StopsReading,
    /// Its packets are lost.
    Vanishes,
    /// Sends a byte now and then.
    Drips,
}

/// What a process of clients is to do.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Plan {
    /// Their manner.
    pub manner: Manner,
    /// The number of the first: locks are named by numbers, and no two clients have the same.
    pub first: u32,
    /// How many they are.
    pub count: u32,
    /// How many connect in a second.
    pub per_second: u32,
    /// The server's four addresses.
    pub addresses: [SocketAddr; 4],
    /// The first page of the crowd's, and how many pages there are at all.
    pub pages: (u32, u32),
    /// Whether the process waits to be wired, in a namespace of its own.
    pub wired: bool,
    /// Milliseconds between two bytes of one who drips.
    pub drip: u64,
}

/// What a process of clients saw until its end.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Seen {
    /// Connections that the server closed.
    pub closed: u32,
    /// Bytes of replies.
    pub heard: u64,
}

/// The page of a client, if it has one.
pub(super) fn page(number: u32, (first, count): (u32, u32)) -> Option<u32> {
    (number % 4 == 1).then_some(first + number / 4).filter(|page| *page < count)
}

/// The lock of a client, if it has one.
pub(super) fn key(number: u32) -> Option<Vec<u8>> {
    (number % 4 == 2).then(|| format!("crowd-{number}").into_bytes())
}

/// The key that a client of memcached stores half an item under.
pub(super) fn half_key(number: u32) -> String {
    format!("half-{number}")
}

/// What a process of clients does that is started with its plan as JSON.
///
/// # Errors
/// A plan that is none, or as of [`run`].
pub fn of_plan(plan: &str) -> anyhow::Result<u8> {
    run(&serde_json::from_str(plan)?)?;
    Ok(0)
}

/// Does what the plan says until standard input ends.
///
/// # Errors
/// When the server does not serve, or the wire is not there.
pub fn run(plan: &Plan) -> anyhow::Result<()> {
    let (send, orders) = mpsc::channel();
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        lines.for_each(|line| drop(send.send(line)));
    });
    if plan.wired {
        println!("here");
        orders.recv_timeout(PATIENCE).context("nobody laid the wire")?;
        network::take_up_wire()?;
    }
    let begun = Instant::now();
    let mut clients = Vec::new();
    for index in 0..plan.count {
        let due = Duration::from_secs_f64(f64::from(index) / f64::from(plan.per_second.max(1)));
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        clients.push(Client::open(plan, plan.first + index)?);
    }
    println!("in");
    let mut seen = Seen::default();
    // One after the other: all at once would be a burst, which is not what those who drip do.
    let in_turn = if plan.manner == Manner::Drips { plan.count.max(1) } else { 1 };
    let turn = Duration::from_millis(plan.drip) / in_turn;
    let (mut due, mut next) = (Instant::now(), 0);
    loop {
        due += turn;
        match orders.recv_timeout(due.saturating_duration_since(Instant::now())).as_deref() {
            Ok("cut") => network::cut()?,
            Ok("mend") => network::mend()?,
            Err(RecvTimeoutError::Timeout) if plan.manner == Manner::Drips => {
                clients[next].drip(&mut seen);
                next = (next + 1) % clients.len();
            }
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    println!("{}", serde_json::to_string(&seen)?);
    Ok(())
}

/// One connection.
struct Client {
    stream: TcpStream,
    /// A frame that is sent over and over, and where.
    frame: Vec<u8>,
    at: usize,
    is_closed: bool,
}

impl Client {
    fn open(plan: &Plan, number: u32) -> anyhow::Result<Self> {
        let protocol = Self::protocol(plan.manner, number);
        let address = plan.addresses[protocol];
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        if plan.manner == Manner::StopsReading {
            socket.set_recv_buffer_size(SMALL_BUFFER)?;
        }
        let connected = socket.connect_timeout(&address.into(), PATIENCE);
        connected.with_context(|| format!("client {number}: no connection to {address}"))?;
        let stream: TcpStream = socket.into();
        stream.set_nodelay(true)?;
        let mut client = Self { stream, frame: Vec::new(), at: 0, is_closed: false };
        client.begin(plan, number, protocol).with_context(|| format!("client {number}"))?;
        Ok(client)
    }

    /// Locker gives a frame ten seconds, and its replies are two bytes: no place to drip, or not to read.
    fn protocol(manner: Manner, number: u32) -> usize {
        match (manner, number % 4) {
            (Manner::Drips | Manner::StopsReading, 2) => 0,
            (_, protocol) => protocol as usize,
        }
    }

    fn begin(&mut self, plan: &Plan, number: u32, protocol: usize) -> anyhow::Result<()> {
        match plan.manner {
            Manner::HalfFrame => {
                take(&self.stream, protocol, number, plan.pages)?;
                self.stream.write_all(&half_frame(protocol, number, plan.pages))?;
            }
            Manner::Vanishes => take(&self.stream, protocol, number, plan.pages)?,
            Manner::StopsReading => {
                self.stream.set_nonblocking(true)?;
                self.push(&too_much(protocol, plan.pages));
            }
            Manner::Drips => {
                self.stream.set_nonblocking(true)?;
                self.frame = whole_frame(protocol);
            }
        }
        Ok(())
    }

    /// Sends what the socket takes.
    fn push(&mut self, mut bytes: &[u8]) {
        while let Ok(count) = self.stream.write(bytes)
            && count > 0
        {
            bytes = &bytes[count..];
        }
    }

    fn drip(&mut self, seen: &mut Seen) {
        if self.is_closed {
            return;
        }
        let byte = self.frame[self.at];
        let sent = self.stream.write(&[byte]);
        self.at = (self.at + 1) % self.frame.len();
        let mut buffer = [0; 256];
        let heard = self.stream.read(&mut buffer);
        let would_block = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
        self.is_closed = sent.is_err_and(|error| !would_block(&error))
            || matches!(heard, Ok(0))
            || heard.as_ref().is_err_and(|error| !would_block(error));
        seen.closed += u32::from(self.is_closed);
        seen.heard += heard.unwrap_or(0) as u64;
    }
}

/// Sees that the connection is served, and takes the lock that this client is to hold.
fn take(stream: &TcpStream, protocol: usize, number: u32, pages: (u32, u32)) -> anyhow::Result<()> {
    // What a client closes is its own handle.
    let stream = stream.try_clone()?;
    match protocol {
        0 => memcached::blocking::Client::new(stream, PATIENCE).noop()?,
        1 => {
            let mut client = netmem::blocking::Client::connect(stream, PATIENCE, go_on)?;
            if let Some(page) = page(number, pages) {
                client.lock(page)?;
            }
        }
        2 => {
            let key = key(number).unwrap_or_default();
            let outcome = locker::blocking::Client::new(stream, PATIENCE).get(&key)?;
            ensure!(outcome == Outcome::Ok, "its lock is {outcome:?}");
        }
        _ => drop(echo::blocking::Client::new(stream, PATIENCE).send_bytes(b"here")?),
    }
    Ok(())
}

/// Half of a request that would change something.
fn half_frame(protocol: usize, number: u32, pages: (u32, u32)) -> Vec<u8> {
    let mut out = BytesMut::new();
    match protocol {
        0 => {
            let value = Value::Present(Bytes::from(vec![b'h'; HALF_SENT]));
            let (mode, key) = (StoreMode::Set, Bytes::from(half_key(number)));
            let command = Command::Store { mode, key, flags: 0, expiry: 0, value };
            MemcachedRequest { opcode: Opcode::SET, opaque: number, cas: 0, command }
                .encode(&mut out);
        }
        1 => {
            let page = page(number, pages).unwrap_or(0);
            let data = Bytes::from_static(&[b'h'; 64]);
            NetMemRequest::Unlock { page, version: 0, data }.encode(&mut out);
        }
        2 => {
            let keys = vec![Bytes::from(key(number).unwrap_or_default())];
            let request = LockerRequest { verb: Verb::Release, batch: false, keys };
            request.encode(Dialect::default(), &mut out);
        }
        _ => out.extend_from_slice(b"half a string, and "),
    }
    out[..out.len() / 2].to_vec()
}

/// A request that is answered and changes nothing.
fn whole_frame(protocol: usize) -> Vec<u8> {
    let mut out = BytesMut::new();
    match protocol {
        0 => {
            let (opcode, command) = (Opcode::NOOP, Command::Noop);
            MemcachedRequest { opcode, opaque: 0, cas: 0, command }.encode(&mut out);
        }
        1 => NetMemRequest::GetVersion.encode(&mut out),
        _ => out.extend_from_slice(b"drop by drop\0"),
    }
    out.to_vec()
}

/// Requests whose replies are more than the kernel takes.
fn too_much(protocol: usize, (_, pages): (u32, u32)) -> Vec<u8> {
    let mut out = BytesMut::new();
    match protocol {
        0 => {
            for opaque in 0..LARGE_REPLIES {
                let command = Command::Get { key: Bytes::from_static(LARGE_KEY.as_bytes()) };
                MemcachedRequest { opcode: Opcode::GET, opaque, cas: 0, command }.encode(&mut out);
            }
        }
        1 => {
            for number in 0..10_000 {
                let page = number % pages.max(1);
                NetMemRequest::Read { page, version: -1 }.encode(&mut out);
            }
        }
        _ => out.extend_from_slice(&vec![b'e'; LARGE_BYTES * LARGE_REPLIES as usize]),
    }
    out.to_vec()
}
