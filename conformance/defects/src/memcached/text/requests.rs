//! What lines ask of the store, as requests of the binary protocol.

use super::defects::Switch;
use super::meta_defects::Switch as Meta;
use super::{On, Talk};
use crate::memcached::frame::{Header, Reply, Request, Status};
use crate::memcached::opcode::{Command, Verb};
use crate::memcached::store::Marks;

/// A CAS that no item ever has, for the 0 of lines that matches nothing: 0 asks for nothing in a request.
pub(super) const NO_ITEMS: u64 = u64::MAX;
/// The expiry of a counter that is not to be created.
pub(super) const DO_NOT_CREATE: u32 = u32::MAX;

/// A request without extras and value.
pub(super) fn bare(key: &[u8]) -> Request {
    request(key, Vec::new(), Vec::new(), 0)
}

/// A request of the binary protocol.
pub(super) fn request(key: &[u8], extras: Vec<u8>, value: Vec<u8>, cas: u64) -> Request {
    let header = Header {
        magic: 0x80,
        opcode: 0,
        key: key.len(),
        extras: extras.len(),
        data_type: 0,
        vbucket: 0,
        body: extras.len() + key.len() + value.len(),
        opaque: 0,
        cas,
    };
    Request { header, extras, key: key.to_vec(), value }
}

impl Talk<'_> {
    /// Asks the store.
    pub(super) async fn ask(&self, verb: Verb, request: &Request) -> Result<Reply, Status> {
        let command = Command { verb, quiet: false };
        let replies = self.server.execute(command, request).await;
        let reply = replies.into_iter().next().unwrap_or_default();
        reply.error.map_or(Ok(reply), Err)
    }

    /// What the meta commands know of an item, for the defects that keep it.
    pub(super) fn marks_of(&self, key: &[u8]) -> Option<Marks> {
        self.server.store.borrow().items.get(key).map(|item| item.marks)
    }

    /// Puts back what a command changed.
    pub(super) fn put_marks(&self, key: &[u8], marks: Option<Marks>) {
        let mut store = self.server.store.borrow_mut();
        if let Some((item, marks)) = store.items.get_mut(key).zip(marks) {
            item.marks = marks;
        }
    }

    /// The extras of a store: flags and expiry.
    pub(super) fn store_extras(&self, flags: u32, expiry: u32) -> Vec<u8> {
        let swaps = self.wrong(Switch::FlagsAreSwappedForBinary)
            || self.wrong(Meta::FlagsAreSwappedForBinary);
        let flags = if swaps { flags.swap_bytes() } else { flags };
        [flags.to_be_bytes(), expiry.to_be_bytes()].concat()
    }

    /// The flags of an item, as lines tell them.
    pub(super) fn told_flags(&self, flags: u32) -> u32 {
        match self.on() {
            On::Text(Switch::FlagsAreSwappedForBinary)
            | On::Meta(Meta::FlagsAreSwappedForBinary) => flags.swap_bytes(),
            _ => flags,
        }
    }

    /// The CAS of an item, as lines tell it.
    pub(super) fn told_cas(&self, cas: u64) -> u64 {
        match self.on() {
            On::Text(Switch::CasOfLinesIsAnother) | On::Meta(Meta::CasOfMetaIsAnother) => {
                cas + 1000
            }
            _ => cas,
        }
    }

    /// What a request asks for, by the CAS that a line has.
    pub(super) fn asked_cas(&self, cas: u64) -> u64 {
        match self.on() {
            On::Text(Switch::CasOfLinesIsAnother) | On::Meta(Meta::CasOfMetaIsAnother) => {
                cas.wrapping_sub(1000)
            }
            On::Text(Switch::CasOfZeroAsksNothing) => cas,
            _ if cas == 0 => NO_ITEMS,
            _ => cas,
        }
    }
}
