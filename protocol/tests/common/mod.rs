//! Feeds a decoder a stream in segments, and notes what it gave and how much it held.

use bytes::BytesMut;
use proptest::prelude::*;
use proptest::sample::Index;

/// What came out of one stream.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Fed<T, E> {
    pub(crate) frames: Vec<T>,
    pub(crate) error: Option<E>,
    /// Bytes behind the last frame, where there was no error.
    pub(crate) rest: Vec<u8>,
}

/// Decodes `stream`, cut at the given places; asserts that with "more bytes please" the input never
/// holds more than `held_max` bytes.
pub(crate) fn feed<T, E>(
    stream: &[u8],
    cuts: &[usize],
    held_max: usize,
    mut decode: impl FnMut(&mut BytesMut) -> Result<Option<T>, E>,
) -> Fed<T, E> {
    let mut fed = Fed { frames: Vec::new(), error: None, rest: Vec::new() };
    let mut input = BytesMut::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([stream.len()]) {
        input.extend_from_slice(&stream[from..to]);
        from = to;
        loop {
            match decode(&mut input) {
                Ok(Some(frame)) => fed.frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    fed.error = Some(error);
                    return fed;
                }
            }
        }
        assert!(input.len() <= held_max, "{} bytes are held, the bound is {held_max}", input.len());
    }
    fed.rest = input.to_vec();
    fed
}

/// Some places to cut a stream of `len` bytes, in order.
pub(crate) fn cuts(indices: &[Index], len: usize) -> Vec<usize> {
    let mut cuts: Vec<_> = indices.iter().map(|index| index.index(len + 1)).collect();
    cuts.sort_unstable();
    cuts
}

/// Every place in a stream of `len` bytes: byte by byte.
pub(crate) fn every_byte(len: usize) -> Vec<usize> {
    (1..len.max(1)).collect()
}

/// Where to cut; used with [`cuts`].
pub(crate) fn any_cuts() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 0..12)
}

/// Up to `max` arbitrary bytes.
pub(crate) fn any_bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=max)
}
