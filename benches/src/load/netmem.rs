//! NetMem as a load: pairs of lock and unlock, and reads of pages that changed or did not.

use bytes::{Bytes, BytesMut};
use fastrand::Rng;
use lockproof_protocol::netmem::{HEADER_LEN, Header, Kind, Request};

use super::script::{Heard, Progress, Script, Wrong};

/// What is asked over and over; an operation is a pair, or a read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ask {
    /// Locks a page of the connection's own, and unlocks it with new contents.
    LockAndUnlock,
    /// Reads pages whose version the client has: the replies carry no contents.
    ReadUnchanged,
    /// Reads pages whose version the client does not have.
    ReadChanged,
}

/// The load of one connection.
#[derive(Debug)]
pub struct NetMem {
    ask: Ask,
    depth: u32,
    pages: u32,
    page_len: u32,
    own_page: u32,
    /// The version of the own page, as the last unlock told.
    own_version: i32,
    random: Rng,
    expected: Vec<Expected>,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Expected {
    kind: Kind,
    page: u32,
    length: u32,
}

/// A version that no page has: they begin at 1 and count up.
const UNKNOWN: i32 = -1;
/// The version of a page that nobody wrote.
const FIRST: i32 = 1;

impl NetMem {
    /// The load of connection number `index`; `depth` operations are sent at once.
    pub fn new(ask: Ask, depth: u32, (pages, page_len): (u32, u32), index: u32) -> Self {
        Self {
            ask,
            depth,
            pages,
            page_len,
            own_page: index % pages,
            own_version: UNKNOWN,
            random: Rng::with_seed(index.into()),
            expected: Vec::new(),
            progress: Progress::default(),
        }
    }

    fn pair(&mut self, out: &mut BytesMut) {
        let page = self.own_page;
        // The first lock of a batch can name the version; those behind it cannot know theirs.
        let is_known = self.expected.is_empty() && self.own_version != UNKNOWN;
        let version = if is_known { self.own_version } else { UNKNOWN };
        Request::Lock { page, version }.encode(out);
        let data = Bytes::from(vec![b'p'; self.page_len as usize]);
        Request::Unlock { page, version, data }.encode(out);
        let length = if is_known { 0 } else { self.page_len };
        self.expected.push(Expected { kind: Kind::LOCK_PAGE, page, length });
        self.expected.push(Expected { kind: Kind::UNLOCK_PAGE, page, length: 0 });
    }

    fn read(&mut self, out: &mut BytesMut, version: i32, length: u32) {
        let page = self.random.u32(..self.pages);
        Request::Read { page, version }.encode(out);
        self.expected.push(Expected { kind: Kind::READ_PAGE, page, length });
    }
}

impl Script for NetMem {
    fn ask(&mut self, out: &mut BytesMut) -> u32 {
        self.expected.clear();
        self.progress.begin();
        for _ in 0..self.depth {
            match self.ask {
                Ask::LockAndUnlock => self.pair(out),
                Ask::ReadUnchanged => self.read(out, FIRST, 0),
                Ask::ReadChanged => self.read(out, UNKNOWN, self.page_len),
            }
        }
        self.depth
    }

    fn hear(&mut self, input: &[u8]) -> Result<Heard, Wrong> {
        let Self { progress, expected, own_version, .. } = self;
        progress.hear::<HEADER_LEN>(input, expected.len(), |number, header| {
            let Header { kind, offset: page, length, version } = Header::parse(header);
            let came = Expected { kind, page, length };
            if expected[number] != came {
                return Err(Wrong(format!("expected {:?}, got {came:?}", expected[number])));
            }
            if kind == Kind::UNLOCK_PAGE {
                *own_version = version;
            }
            Ok(length)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Ask, NetMem};
    use crate::load::script::Script;
    use bytes::BytesMut;
    use lockproof_protocol::netmem::{PageReply, Reply, WriteReply};

    #[test]
    fn second_pair_names_the_version_of_the_first() {
        let mut script = NetMem::new(Ask::LockAndUnlock, 1, (4, 8), 6);
        for (version, data) in [(1, Some("contents".into())), (2, None)] {
            script.ask(&mut BytesMut::new());
            let mut replies = BytesMut::new();
            Reply::Page { kind: PageReply::Lock, page: 2, version, data }.encode(&mut replies);
            let kind = WriteReply::Unlock;
            Reply::Written { kind, page: 2, version: version + 1 }.encode(&mut replies);
            let heard = script.hear(&replies).unwrap();
            assert!(heard.is_all && heard.bytes == replies.len());
        }
    }

    #[test]
    fn contents_that_should_not_be_there_are_wrong() {
        let mut script = NetMem::new(Ask::ReadUnchanged, 1, (1, 8), 0);
        script.ask(&mut BytesMut::new());
        let mut reply = BytesMut::new();
        let data = Some("contents".into());
        Reply::Page { kind: PageReply::Read, page: 0, version: 2, data }.encode(&mut reply);
        assert!(script.hear(&reply).is_err());
    }
}
