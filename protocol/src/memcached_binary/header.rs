//! The 24-byte header, and a whole frame. The drawing is at the top of the module.
//! It leaves out whether a header makes sense for its opcode: that is `shape`.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Opcode, Status};

/// Bytes of a header.
pub const HEADER_LEN: usize = 24;
/// The first byte of a request (MCB-HDR-03).
pub const MAGIC_REQUEST: u8 = 0x80;
/// The first byte of a reply (MCB-HDR-03).
pub const MAGIC_REPLY: u8 = 0x81;

/// Where the fields start that errors name.
pub(super) mod at {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const KEY_LEN: usize = 2;
    pub(crate) const EXTRAS_LEN: usize = 4;
    pub(crate) const BODY_LEN: usize = 8;
}

/// A header, as it is on the wire: nothing is checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// [`MAGIC_REQUEST`] or [`MAGIC_REPLY`] in a good frame.
    pub magic: u8,
    /// What is asked, or what was.
    pub opcode: Opcode,
    /// Bytes of key.
    pub key_len: u16,
    /// Bytes of extras.
    pub extras_len: u8,
    /// 0 in every reply (MCB-HDR-07), ignored in a request (MCB-HDR-08).
    pub data_type: u8,
    /// The status of a reply; in a request the vbucket, which is ignored (MCB-HDR-09).
    pub status_or_vbucket: u16,
    /// Bytes of extras, key and value together.
    pub body_len: u32,
    /// Whatever the client wants back (MCB-HDR-06).
    pub opaque: u32,
    /// CAS to match, or of the item; 0 for none.
    pub cas: u64,
}

impl Header {
    /// Takes the fields apart.
    #[rustfmt::skip]
    pub fn parse(b: &[u8; HEADER_LEN]) -> Self {
        let &[magic, opcode, k0, k1, extras_len, data_type, s0, s1, b0, b1, b2, b3, o0, o1, o2, o3,
            c0, c1, c2, c3, c4, c5, c6, c7] = b;
        Self {
            magic,
            opcode: Opcode(opcode),
            key_len: u16::from_be_bytes([k0, k1]),
            extras_len,
            data_type,
            status_or_vbucket: u16::from_be_bytes([s0, s1]),
            body_len: u32::from_be_bytes([b0, b1, b2, b3]),
            opaque: u32::from_be_bytes([o0, o1, o2, o3]),
            cas: u64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7]),
        }
    }

    /// Appends the 24 bytes to `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        let mut bytes = [0; HEADER_LEN];
        let mut rest = &mut bytes[..];
        rest.put_u8(self.magic);
        rest.put_u8(self.opcode.0);
        rest.put_u16(self.key_len);
        rest.put_u8(self.extras_len);
        rest.put_u8(self.data_type);
        rest.put_u16(self.status_or_vbucket);
        rest.put_u32(self.body_len);
        rest.put_u32(self.opaque);
        rest.put_u64(self.cas);
        out.extend_from_slice(&bytes);
    }

    /// The header's status, for a reply.
    pub const fn status(&self) -> Status {
        Status(self.status_or_vbucket)
    }

    /// Bytes of extras and key together.
    pub(super) fn prefix_len(&self) -> u32 {
        u32::from(self.extras_len) + u32::from(self.key_len)
    }
}

/// A whole frame, request or reply. Its parts share memory with the input buffer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame {
    /// The header as it came.
    pub header: Header,
    /// Fixed-width arguments of the opcode.
    pub extras: Bytes,
    /// The key, any bytes (MCB-HDR-13).
    pub key: Bytes,
    /// The value, any bytes (MCB-HDR-12).
    pub value: Bytes,
    /// Bytes of value that were announced, and skipped because they exceed the limit or there was no memory for them.
    pub skipped: u32,
    /// They were within the limit, and there was no memory for them.
    pub lacked_memory: bool,
}

impl Frame {
    /// The status, for a reply.
    pub const fn status(&self) -> Status {
        self.header.status()
    }
}

/// What follows a header: the one place that computes the three lengths.
#[derive(Default)]
pub(super) struct Parts<'a> {
    pub(super) extras: &'a [u8],
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    /// Bytes of value that the caller writes itself.
    pub(super) announced: u32,
}

impl Parts<'_> {
    /// Appends header and parts. A part that its length field cannot express is cut to what it can,
    /// so that framing stays whole.
    pub(super) fn encode(self, mut header: Header, out: &mut BytesMut) {
        let (extras, extras_len) = cut(self.extras, u8::MAX);
        let (key, key_len) = cut(self.key, u16::MAX);
        header.extras_len = extras_len;
        header.key_len = key_len;
        let room = u32::MAX - header.prefix_len();
        let (value, value_len) = cut(self.value, room);
        header.body_len = header.prefix_len() + value_len.saturating_add(self.announced).min(room);
        header.encode(out);
        for part in [extras, key, value] {
            out.extend_from_slice(part);
        }
    }
}

/// The start of `part` whose length fits `max`, and that length.
fn cut<N: TryFrom<usize> + TryInto<usize> + Copy + Ord>(part: &[u8], max: N) -> (&[u8], N) {
    let len = N::try_from(part.len()).unwrap_or(max).min(max);
    let part = len.try_into().ok().and_then(|len| part.get(..len)).unwrap_or(part);
    (part, len)
}
