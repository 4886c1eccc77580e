//! Requests, and the decoder of what a server reads. It leaves out what a request does.

use bytes::{Bytes, BytesMut};

use super::frame::{HEADER_LEN, Header, Kind, take};
use crate::FrameError;
use crate::tail::Tail;

/// What a client asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "`page` is an index, `version` and `data` are the client's")]
pub enum Request {
    /// API and server version.
    GetVersion,
    /// Number of pages, and bytes per page.
    GetParams,
    /// A page's data, unless its version is `version`.
    Read { page: u32, version: i32 },
    /// As [`Request::Read`], once the page is the caller's.
    Lock { page: u32, version: i32 },
    /// Writes a page that the caller holds, and frees it.
    Unlock { page: u32, version: i32, data: Bytes },
    /// Writes a page.
    Update { page: u32, version: i32, data: Bytes },
}

impl Request {
    /// Appends the request to `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Unlock { data, .. } | Self::Update { data, .. } => {
                self.header().encode_with(data, out);
            }
            _ => self.header().encode(out),
        }
    }

    const fn header(&self) -> Header {
        match *self {
            Self::GetVersion => Header::bare(Kind::GET_VERSION, 0, 0),
            Self::GetParams => Header::bare(Kind::GET_PARAMS, 0, 0),
            Self::Read { page, version } => Header::bare(Kind::READ_PAGE, page, version),
            Self::Lock { page, version } => Header::bare(Kind::LOCK_PAGE, page, version),
            Self::Unlock { page, version, .. } => Header::bare(Kind::UNLOCK_PAGE, page, version),
            Self::Update { page, version, .. } => Header::bare(Kind::UPDATE_PAGE, page, version),
        }
    }

    /// `None` for an unknown type.
    fn new(header: Header, data: Bytes) -> Option<Self> {
        let Header { kind, offset: page, version, .. } = header;
        Some(match kind {
            Kind::GET_VERSION => Self::GetVersion,
            Kind::GET_PARAMS => Self::GetParams,
            Kind::READ_PAGE => Self::Read { page, version },
            Kind::LOCK_PAGE => Self::Lock { page, version },
            Kind::UNLOCK_PAGE => Self::Unlock { page, version, data },
            Kind::UPDATE_PAGE => Self::Update { page, version, data },
            _ => return None,
        })
    }
}

/// Incremental decoder for what a server reads.
///
/// With `Ok(None)` the input holds the beginning of one frame: at most a header and `payload_max`
/// bytes, or a page and one byte where [`RequestDecoder::with_page_len`] was used. An empty input is
/// always the border of two frames.
#[derive(Clone, Debug)]
pub struct RequestDecoder {
    payload_max: u32,
    /// Bytes of a payload that are kept; the rest is dropped as it arrives.
    keep_max: u32,
    tail: Tail,
}

impl RequestDecoder {
    /// A decoder at the start of a stream that consumes payloads of up to `payload_max` bytes.
    pub const fn new(payload_max: u32) -> Self {
        Self { payload_max, keep_max: payload_max, tail: Tail::new() }
    }

    /// Keeps no more than one byte over a page. A payload longer than the page is never stored, so
    /// that byte is enough to refuse it (NM-SIZE-03), and a connection's memory is bounded by the
    /// page instead of by `payload_max`.
    #[must_use]
    pub const fn with_page_len(mut self, page_len: u32) -> Self {
        self.keep_max = page_len.saturating_add(1);
        self
    }

    /// Takes the next request off `input`; `Ok(None)` asks for more bytes.
    ///
    /// # Errors
    ///
    /// An unknown type (NM-FRAME-07), or a payload over the limit (NM-SIZE-03): the connection ends.
    /// Decoding again gives the same error.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Request>, FrameError> {
        let Some(&code) = input.first() else { return Ok(None) };
        if code > Kind::UPDATE_PAGE.0 {
            return Err(Header::bare(Kind(code), 0, 0).bad_kind("not a request"));
        }
        let Some(header) = Header::peek(input) else { return Ok(None) };
        // Elsewhere the length is uninitialised memory of the original client (NM-FRAME-02).
        let has_payload = matches!(header.kind, Kind::UNLOCK_PAGE | Kind::UPDATE_PAGE);
        let length = if has_payload { header.length } else { 0 };
        if has_payload {
            header.check_length(self.payload_max)?;
        }
        let kept = length.min(self.keep_max);
        let data = if kept == length {
            take(input, kept)
        } else {
            let start = HEADER_LEN.saturating_add(kept as usize);
            let start = self.tail.skip(input, start, length - kept);
            start.and_then(|mut start| take(&mut start, kept))
        };
        Ok(data.and_then(|data| Request::new(header, data)))
    }
}
