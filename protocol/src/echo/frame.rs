//! Strings with their NUL, for clients that want them back one by one.

use bytes::{Bytes, BytesMut};

/// The longest string that the original client can read back, NUL included, in bytes
/// (EC-ECHO-01); also a good size for a server's read.
pub const CHUNK_MAX: usize = 1024;

/// Takes the next NUL-terminated string off `input`, its NUL included; `None` asks for more bytes.
pub fn split_strings(input: &mut BytesMut) -> Option<Bytes> {
    let nul = input.iter().position(|&byte| byte == 0)?;
    Some(input.split_to(nul + 1).freeze())
}
