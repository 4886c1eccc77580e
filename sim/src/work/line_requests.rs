//! Requests of text and meta as bytes, for victims that do not care for the replies.

use bytes::BytesMut;

use crate::config::{Config, Protocol};

/// A line that has no end: a server gives up behind 2048 bytes (MCT-LIN-09).
pub(super) const NO_LINE: &[u8] = &[b'n'; 4096];

/// One protocol's words.
#[derive(Clone, Copy)]
pub(super) struct Words {
    is_meta: bool,
}

impl Words {
    pub(super) fn of(config: &Config) -> Self {
        Self { is_meta: config.protocol == Protocol::Meta }
    }

    fn or<'a>(self, text: &'a str, meta: &'a str) -> &'a str {
        if self.is_meta { meta } else { text }
    }

    /// A small read.
    pub(super) fn read(self) -> BytesMut {
        line(self.or("gets scratch nobodys", "mg scratch v"))
    }

    /// A small write.
    pub(super) fn set(self, key: &str, value: &[u8]) -> BytesMut {
        let length = value.len();
        let mut out = line(&if self.is_meta {
            format!("ms {key} {length}")
        } else {
            format!("set {key} 0 0 {length}")
        });
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
        out
    }

    /// One more on a counter.
    pub(super) fn count(self, key: &str) -> BytesMut {
        line(&format!("{} {key} {}", self.or("incr", "ma"), self.or("1", "N0 J1")))
    }

    /// What would empty the server, but for its end.
    pub(super) fn torn_line() -> BytesMut {
        b"flush_all"[..].into()
    }
}

/// A line.
fn line(text: &str) -> BytesMut {
    let mut out = BytesMut::from(text);
    out.extend_from_slice(b"\r\n");
    out
}
