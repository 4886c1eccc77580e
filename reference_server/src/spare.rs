//! Buffers that connections borrow while they are busy, so that an idle one owns none.
//!
//! Each thread keeps a few. They are as large as a busy connection needs, and so nothing is allocated, grown and copied
//! for each batch.

use core::cell::RefCell;

use bytes::BytesMut;

/// Room of a spare buffer, in bytes.
pub(crate) const SPARE_BYTES: usize = 64 * 1024;

/// A buffer that grew beyond this is not kept.
const KEPT_BYTES_MAX: usize = 512 * 1024;

/// Buffers kept by a thread: one connection is busy at a time, and needs one for each direction.
const KEPT_MAX: usize = 4;

thread_local! {
    static SPARE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with room for [`SPARE_BYTES`] or more.
pub(crate) fn take() -> BytesMut {
    let spare = SPARE.with_borrow_mut(Vec::pop);
    spare.unwrap_or_else(|| BytesMut::with_capacity(SPARE_BYTES))
}

/// Gives a buffer back, whatever is in it. One that others hold parts of, or that is too small or too large, is freed.
pub(crate) fn give(mut buffer: BytesMut) {
    buffer.clear();
    if !buffer.try_reclaim(SPARE_BYTES) || buffer.capacity() > KEPT_BYTES_MAX {
        return;
    }
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < KEPT_MAX {
            spare.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{BytesMut, KEPT_BYTES_MAX, SPARE_BYTES, give, take};
    use bytes::Buf;

    /// Where the memory of the next spare is.
    fn next() -> *const u8 {
        let buffer = take();
        assert!(buffer.is_empty() && buffer.capacity() >= SPARE_BYTES);
        let place = buffer.as_ptr();
        give(buffer);
        place
    }

    #[test]
    fn used_buffer_comes_back_whole() {
        let mut buffer = take();
        let place = buffer.as_ptr();
        buffer.extend_from_slice(b"request and more");
        buffer.advance(3);
        drop(buffer.split_to(7).freeze());
        give(buffer);
        assert_eq!(next(), place);
    }

    #[test]
    fn what_others_hold_is_not_lent_again() {
        let mut buffer = take();
        buffer.extend_from_slice(b"kept by somebody");
        let kept = buffer.split_to(4).freeze();
        give(buffer);
        let mut other = take();
        other.extend_from_slice(b"XXXX");
        assert_eq!(kept, "kept");
    }

    #[test]
    fn too_large_is_freed_and_so_is_too_small() {
        let place = next();
        give(BytesMut::with_capacity(KEPT_BYTES_MAX + 1));
        give(BytesMut::new());
        assert_eq!(next(), place);
    }
}
