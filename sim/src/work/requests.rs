//! Requests as bytes, for victims that do not care for the replies.

use bytes::{Bytes, BytesMut};
use lockproof_protocol::memcached_binary::{Command, Direction, Opcode, Request, StoreMode, Value};
use lockproof_protocol::{
    locker::{self, Verb},
    netmem,
};

use super::expected::torn_page as unwritten_page;
use super::line_requests::{NO_LINE, Words};
use super::memcached::COUNTER_KEY;
use super::netmem::COMMON_PAGE;
use crate::config::{Config, Protocol};

/// A key, and a page, that only victims write.
const SCRATCH: &str = "scratch";
const SCRATCH_KEY: &[u8] = SCRATCH.as_bytes();
/// A key whose value is no number.
const TEXT: &str = "text";
const TEXT_KEY: &[u8] = TEXT.as_bytes();
const DATA: &[u8] = &[b's'; 64];
const LONG_DATA: &[u8] = &[b's'; 1024];
/// Whatever its version, a page is read, and written, all the same.
const ANY_VERSION: i32 = -1;
/// The version of a page that nobody has written.
const FIRST_VERSION: i32 = 1;
/// All of a header but its end.
const TORN_HEADER_BYTES: usize = 20;

/// A small read.
pub(super) fn read(config: &Config) -> BytesMut {
    match config.protocol {
        Protocol::Memcached => memcached(Opcode::GET, Command::Get { key: SCRATCH_KEY.into() }),
        Protocol::Text | Protocol::Meta => Words::of(config).read(),
        Protocol::NetMem => {
            // Its bytes are not asked for: they are as many as the big value's.
            encoded(&netmem::Request::Read { page: unwritten_page(config), version: FIRST_VERSION })
        }
        Protocol::Locker => locks(Verb::Query),
    }
}

/// A small write.
pub(super) fn write(config: &Config) -> BytesMut {
    match config.protocol {
        Protocol::Memcached => set(SCRATCH_KEY, DATA),
        Protocol::Text | Protocol::Meta => Words::of(config).set(SCRATCH, DATA),
        Protocol::NetMem => update(scratch_page(config), DATA),
        Protocol::Locker => locks(Verb::Get),
    }
}

/// The common page's lock, or a key; memcached has nothing to lock.
pub(super) fn lock(config: &Config) -> BytesMut {
    match config.protocol {
        Protocol::Memcached | Protocol::Text | Protocol::Meta | Protocol::Locker => write(config),
        Protocol::NetMem => {
            encoded(&netmem::Request::Lock { page: COMMON_PAGE, version: ANY_VERSION })
        }
    }
}

/// One more on the common counter, or what that begins with.
pub(super) fn count(config: &Config) -> BytesMut {
    match config.protocol {
        Protocol::Memcached => increment(COUNTER_KEY.as_bytes()),
        Protocol::Text | Protocol::Meta => Words::of(config).count(COUNTER_KEY),
        Protocol::NetMem | Protocol::Locker => lock(config),
    }
}

/// A number added to a text, a page that is not there, or a release of what nobody holds.
pub(super) fn absurd(config: &Config) -> BytesMut {
    match config.protocol {
        Protocol::Memcached => {
            let mut out = set(TEXT_KEY, b"text");
            out.extend_from_slice(&increment(TEXT_KEY));
            out
        }
        Protocol::Text | Protocol::Meta => {
            let mut out = Words::of(config).set(TEXT, b"text");
            out.extend_from_slice(&Words::of(config).count(TEXT));
            out
        }
        Protocol::NetMem => update(config.pages().0 + 1, DATA),
        Protocol::Locker => locks(Verb::Release),
    }
}

/// The first bytes of a request that would empty memcached, or lock something.
pub(super) fn torn_header(config: &Config) -> BytesMut {
    let mut out = match config.protocol {
        Protocol::Memcached => memcached(Opcode::FLUSH, Command::Flush { delay: 0 }),
        Protocol::Text | Protocol::Meta => return Words::torn_line(),
        Protocol::NetMem | Protocol::Locker => lock(config),
    };
    out.truncate(TORN_HEADER_BYTES.min(out.len() - 1));
    out
}

/// What a server ends a connection for: no magic, a type that is not there, a length that no body can have.
pub(super) fn nonsense(config: &Config) -> &'static [u8] {
    match config.protocol {
        Protocol::Memcached => b"\x00 nonsense, and no header",
        Protocol::Text | Protocol::Meta => NO_LINE,
        Protocol::NetMem => b"\xff nonsense, and no header",
        Protocol::Locker => b"\x7f\0\0\0\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
    }
}

/// NetMem: the lock of a page that only victims write.
pub(super) fn scratch_lock(config: &Config) -> BytesMut {
    encoded(&netmem::Request::Lock { page: scratch_page(config), version: FIRST_VERSION })
}

fn scratch_page(config: &Config) -> u32 {
    config.pages().0 - 2
}

/// NetMem: some of them fill any window.
pub(super) fn long_write(config: &Config) -> BytesMut {
    update(scratch_page(config), LONG_DATA)
}

fn update(page: u32, data: &'static [u8]) -> BytesMut {
    let data = Bytes::from_static(data);
    encoded(&netmem::Request::Update { page, version: ANY_VERSION, data })
}

fn locks(verb: Verb) -> BytesMut {
    let mut out = BytesMut::new();
    locker::Request { verb, batch: false, keys: vec![SCRATCH_KEY.into()] }
        .encode(locker::Dialect::default(), &mut out);
    out
}

fn set(key: &'static [u8], value: &'static [u8]) -> BytesMut {
    let (mode, value) = (StoreMode::Set, Value::Present(value.into()));
    memcached(Opcode::SET, Command::Store { mode, key: key.into(), flags: 0, expiry: 0, value })
}

fn increment(key: &'static [u8]) -> BytesMut {
    let (direction, key) = (Direction::Increment, key.into());
    let command = Command::Arithmetic { direction, key, delta: 1, initial: 1, expiry: 0 };
    memcached(Opcode::INCREMENT, command)
}

fn memcached(opcode: Opcode, command: Command) -> BytesMut {
    let mut out = BytesMut::new();
    Request { opcode, opaque: 0, cas: 0, command }.encode(&mut out);
    out
}

fn encoded(request: &netmem::Request) -> BytesMut {
    let mut out = BytesMut::new();
    request.encode(&mut out);
    out
}
