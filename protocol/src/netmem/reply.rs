//! Replies, and the decoder of what a client reads. It leaves out the client's page cache.

use bytes::{Bytes, BytesMut};

use super::frame::{Header, Kind, take};
use crate::FrameError;

/// What the server answers.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "the fields are the contents of the variant's own line")]
pub enum Reply {
    /// Four version bytes, most significant first (NM-VER-01).
    Version { api_major: u8, api_minor: u8, server_major: u8, server_minor: u8 },
    /// Number of pages, and bytes per page (NM-PAR-01).
    Params { pages: u32, page_len: u32 },
    /// A page's version, and its data unless the caller has that version (NM-READ-01, NM-READ-02).
    Page { kind: PageReply, page: u32, version: i32, data: Option<Bytes> },
    /// A write was done; `version` is the page's new one.
    Written { kind: WriteReply, page: u32, version: i32 },
    /// The index is not below the number of pages, or the payload is longer than a page.
    NoSuchPage { page: u32 },
    /// The caller does not hold the page (NM-UNLK-02).
    NotLocked { page: u32 },
}

/// What a [`Reply::Page`] answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PageReply {
    /// `READ_PAGE`.
    Read,
    /// `LOCK_PAGE`.
    Lock,
}

/// What a [`Reply::Written`] answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WriteReply {
    /// `UNLOCK_PAGE`.
    Unlock,
    /// `UPDATE_PAGE`.
    Update,
}

impl Reply {
    /// Appends the reply to `out`, with length 0 where there is no data (NM-FRAME-05).
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Page { data: Some(data), .. } => self.header().encode_with(data, out),
            _ => self.header().encode(out),
        }
    }

    const fn header(&self) -> Header {
        match *self {
            Self::Version { api_major, api_minor, server_major, server_minor } => {
                let bytes = [api_major, api_minor, server_major, server_minor];
                Header::bare(Kind::GET_VERSION, 0, i32::from_be_bytes(bytes))
            }
            Self::Params { pages, page_len } => {
                Header::bare(Kind::GET_PARAMS, pages, page_len.cast_signed())
            }
            Self::Page { kind: PageReply::Read, page, version, .. } => {
                Header::bare(Kind::READ_PAGE, page, version)
            }
            Self::Page { kind: PageReply::Lock, page, version, .. } => {
                Header::bare(Kind::LOCK_PAGE, page, version)
            }
            Self::Written { kind: WriteReply::Unlock, page, version } => {
                Header::bare(Kind::UNLOCK_PAGE, page, version)
            }
            Self::Written { kind: WriteReply::Update, page, version } => {
                Header::bare(Kind::UPDATE_PAGE, page, version)
            }
            Self::NoSuchPage { page } => Header::bare(Kind::NO_SUCH_PAGE, page, 0),
            Self::NotLocked { page } => Header::bare(Kind::PAGE_NOT_LOCKED, page, 0),
        }
    }

    fn new(header: Header, data: Bytes) -> Result<Self, FrameError> {
        let Header { kind, offset: page, version, .. } = header;
        let data = Some(data).filter(|data| !data.is_empty());
        Ok(match kind {
            Kind::GET_VERSION => {
                let [api_major, api_minor, server_major, server_minor] = version.to_be_bytes();
                Self::Version { api_major, api_minor, server_major, server_minor }
            }
            Kind::GET_PARAMS => Self::Params { pages: page, page_len: version.cast_unsigned() },
            Kind::READ_PAGE => Self::Page { kind: PageReply::Read, page, version, data },
            Kind::LOCK_PAGE => Self::Page { kind: PageReply::Lock, page, version, data },
            Kind::UNLOCK_PAGE => Self::Written { kind: WriteReply::Unlock, page, version },
            Kind::UPDATE_PAGE => Self::Written { kind: WriteReply::Update, page, version },
            Kind::NO_SUCH_PAGE => Self::NoSuchPage { page },
            Kind::PAGE_NOT_LOCKED => Self::NotLocked { page },
            _ => return Err(header.bad_kind("not a reply")),
        })
    }
}

/// Incremental decoder for what a client reads.
#[derive(Clone, Debug)]
pub struct ReplyDecoder {
    payload_max: u32,
}

impl ReplyDecoder {
    /// A decoder at the start of a stream that accepts pages of up to `payload_max` bytes.
    pub const fn new(payload_max: u32) -> Self {
        Self { payload_max }
    }

    /// Takes the next reply off `input`; `Ok(None)` asks for more bytes.
    ///
    /// # Errors
    ///
    /// An unknown type, data over the limit, or data in a reply that has none (NM-FRAME-05).
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Reply>, FrameError> {
        let Some(header) = Header::peek(input) else { return Ok(None) };
        match header.kind {
            Kind::READ_PAGE | Kind::LOCK_PAGE => header.check_length(self.payload_max)?,
            _ if header.length > 0 => {
                return Err(header.bad_length("a reply of this type has no data"));
            }
            _ => {}
        }
        let Some(data) = take(input, header.length) else { return Ok(None) };
        Reply::new(header, data).map(Some)
    }
}
