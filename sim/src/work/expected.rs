//! The big value, and whether a stream of replies holds it, whole and in order.

use bytes::{Bytes, BytesMut};
use lockproof_protocol::memcached_binary::{self as memcached, Opcode};
use lockproof_protocol::{locker, netmem};

use super::expected_lines as lines;
use super::line_requests::Words;
use crate::config::{Config, Protocol};

/// Key of the big value.
pub(super) const BIG_KEY: &[u8] = b"big";
/// The page that holds the big value.
pub(super) const BIG_PAGE: u32 = 0;
/// A version that no page has, so that its bytes always come.
const NO_VERSION: i32 = -1;
/// Bytes of a write that is torn off half way.
const TORN_BYTES: usize = 200;
/// More than any body here.
const BODY_MAX: u32 = 1 << 24;

/// The big value.
pub(super) fn big_value(config: &Config) -> Bytes {
    (0..=250_u8).cycle().take(config.value_bytes).collect()
}

/// The key that only requests without an end would write.
pub(super) const TORN_KEY: &[u8] = TORN.as_bytes();
const TORN: &str = "torn";

/// The page that only requests without an end would write: the last one.
pub(super) fn torn_page(config: &Config) -> u32 {
    config.pages().0 - 1
}

/// A request that would change something, without its second half.
pub(super) fn half_a_request(config: &Config) -> BytesMut {
    let mut out = forbidden(config);
    out.truncate(out.len() - TORN_BYTES / 2);
    out
}

/// A request that nobody may see the effect of.
pub(super) fn forbidden(config: &Config) -> BytesMut {
    let mut out = BytesMut::new();
    let data = Bytes::from_static(&[b'x'; TORN_BYTES]);
    match config.protocol {
        Protocol::Memcached => {
            let key = Bytes::from_static(TORN_KEY);
            let (mode, value) = (memcached::StoreMode::Set, memcached::Value::Present(data));
            let command = memcached::Command::Store { mode, key, flags: 0, expiry: 0, value };
            memcached::Request { opcode: Opcode::SET, opaque: 0, cas: 0, command }.encode(&mut out);
        }
        Protocol::Text | Protocol::Meta => return Words::of(config).set(TORN, &data),
        Protocol::NetMem => {
            netmem::Request::Update { page: torn_page(config), version: NO_VERSION, data }
                .encode(&mut out);
        }
        Protocol::Locker => {
            let keys = vec![[TORN_KEY, &data].concat().into()];
            locker::Request { verb: locker::Verb::Get, batch: false, keys }
                .encode(locker::Dialect::default(), &mut out);
        }
    }
    out
}

/// The reply of that number is to another request.
fn out_of_order(number: u32, request: u32) -> String {
    if request < number {
        format!(
            "request {request} is answered again, where the reply to request {number} should stand"
        )
    } else {
        format!("request {request} is answered, and request {number} before it is not")
    }
}

/// One victim's requests for the big value, and the check of what comes. A lock server has no values; its victims
/// are their own.
#[derive(Debug)]
pub(super) struct Conversation {
    protocol: Protocol,
    big: Bytes,
    asked: u32,
    answered: u32,
}

impl Conversation {
    pub(super) fn new(config: &Config) -> Self {
        Self { protocol: config.protocol, big: big_value(config), asked: 0, answered: 0 }
    }

    /// One more request.
    pub(super) fn ask(&mut self, out: &mut BytesMut) {
        match self.protocol {
            Protocol::Memcached => {
                let command = memcached::Command::Get { key: Bytes::from_static(BIG_KEY) };
                let (opcode, opaque) = (Opcode::GET, self.asked);
                memcached::Request { opcode, opaque, cas: 0, command }.encode(out);
            }
            Protocol::NetMem => {
                netmem::Request::Read { page: BIG_PAGE, version: NO_VERSION }.encode(out);
            }
            Protocol::Text | Protocol::Meta => lines::ask(self.protocol, self.asked, out),
            Protocol::Locker => {}
        }
        self.asked += 1;
    }

    /// Takes whole replies off the input, and says how many they were.
    pub(super) fn take(&mut self, input: &mut BytesMut) -> Result<usize, String> {
        let mut taken = 0;
        while self.take_one(input)? {
            self.answered += 1;
            taken += 1;
        }
        Ok(taken)
    }

    fn take_one(&self, input: &mut BytesMut) -> Result<bool, String> {
        let (number, broken) = (self.answered, |error| format!("reply {}: {error}", self.answered));
        let value = match self.protocol {
            Protocol::Locker => return Err("a lock server has no values".to_owned()),
            Protocol::Text | Protocol::Meta => {
                return lines::take(self.protocol, number, &self.big, input);
            }
            Protocol::Memcached => {
                let reply = memcached::ReplyDecoder::new(BODY_MAX).decode(input).map_err(broken)?;
                let Some(reply) = reply else { return Ok(false) };
                if reply.header.opaque != number {
                    return Err(out_of_order(number, reply.header.opaque));
                }
                reply.value
            }
            Protocol::NetMem => {
                match netmem::ReplyDecoder::new(BODY_MAX).decode(input).map_err(broken)? {
                    None => return Ok(false),
                    Some(netmem::Reply::Page { page: BIG_PAGE, data: Some(data), .. }) => data,
                    Some(other) => return Err(format!("reply {number} is {other:?}")),
                }
            }
        };
        if value == self.big {
            return Ok(true);
        }
        Err(format!("reply {number} has other bytes than were stored"))
    }
}
