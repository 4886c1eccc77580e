//! The end of a frame that is too long to keep, dropped as it arrives. It leaves out what is too long.

use bytes::{Buf, BytesMut};

/// How much of the current frame's tail is gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail {
    dropped: u32,
}

impl Tail {
    pub(crate) const fn new() -> Self {
        Self { dropped: 0 }
    }

    /// Drops what is there of the `len` bytes behind the first `kept` of `input`, and gives those
    /// that are kept when the last byte of the tail is gone. Until then they stay in the input, so
    /// an empty input is always the border of two frames.
    pub(crate) fn skip(&mut self, input: &mut BytesMut, kept: usize, len: u32) -> Option<BytesMut> {
        let here = u32::try_from(input.len().checked_sub(kept)?).unwrap_or(u32::MAX);
        let left = len - self.dropped;
        if here < left {
            self.dropped += here;
            input.truncate(kept);
            return None;
        }
        self.dropped = 0;
        let frame = input.split_to(kept);
        input.advance(left as usize);
        Some(frame)
    }
}
