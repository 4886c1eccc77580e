//! What the recorder asks of the codecs beyond what a judge does.

use super::{Asked, Codec, Protocol, Reply, locker, memcached, netmem};
use crate::session::Datum;

impl Reply {
    /// A field's number; 0 where there is none.
    pub(crate) fn integer(&self, name: &str) -> i128 {
        self.number(name).unwrap_or_default()
    }

    /// A field's bytes; none where there is no such field.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        self.field(name).cloned().map(Datum::into_bytes).unwrap_or_default()
    }

    /// Whether the words and fields of a session cannot say all that this reply says.
    pub(crate) fn is_unspeakable(&self, protocol: Protocol, asked: Option<&Asked>) -> bool {
        match protocol {
            Protocol::Memcached => self.integer("datatype") != 0,
            // Only READ and LOCK have data to show (NM-FRAME-05).
            Protocol::NetMem => !matches!(self.code, 2 | 3) && !self.bytes("data").is_empty(),
            Protocol::Locker => {
                let cmd = asked.map_or(0, |asked| asked.code);
                self.code != if (122..=127).contains(&cmd) { 128 - cmd } else { 0 }
            }
            // What is recorded is told apart by the first word of a session's id, which is a server's kind.
            Protocol::Text | Protocol::Meta | Protocol::Echo => false,
        }
    }
}

impl Codec {
    /// How a session names a request with that opcode, type or cmd.
    pub(crate) fn request_name(self, code: u8) -> String {
        match self.protocol {
            Protocol::Memcached => memcached::opcode_name(code),
            Protocol::NetMem => netmem::request_name(code),
            Protocol::Locker => locker::command_name(code),
            Protocol::Text | Protocol::Meta | Protocol::Echo => String::new(),
        }
    }
}
