//! The server's and the clients' decoders: whole, and cut in two where the first byte says, a stream gives the same frames.

#![no_main]

use std::fmt::Debug;

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use lockproof_protocol::{locker, memcached_binary, netmem};

const LENGTH_MAX: u32 = 256;

fuzz_target!(|input: &[u8]| {
    let Some((&cut, stream)) = input.split_first() else { return };
    let cut = usize::from(cut).min(stream.len());
    agree(stream, cut, || {
        let mut decoder = memcached_binary::RequestDecoder::new(memcached_binary::Limits::default());
        move |input| decoder.decode(input).map(|frame| frame.map(memcached_binary::Request::from_frame))
    });
    agree(stream, cut, || {
        let mut decoder = memcached_binary::ReplyDecoder::new(LENGTH_MAX);
        move |input| decoder.decode(input)
    });
    agree(stream, cut, || {
        let mut decoder = netmem::RequestDecoder::new(LENGTH_MAX).with_page_len(64);
        move |input| decoder.decode(input)
    });
    agree(stream, cut, || {
        let mut decoder = netmem::ReplyDecoder::new(LENGTH_MAX);
        move |input| decoder.decode(input)
    });
    for dialect in dialects() {
        let limits = locker::Limits::default();
        agree(stream, cut, || {
            let mut decoder = locker::RequestDecoder::new(dialect, limits);
            move |input| decoder.decode(input).map(|frame| frame.map(|frame| locker::parse(frame, &limits)))
        });
        agree(stream, cut, || {
            let mut decoder = locker::ReplyDecoder::new(dialect);
            move |input| decoder.decode(input)
        });
    }
});

fn dialects() -> [locker::Dialect; 2] {
    [
        locker::Dialect { layout: locker::Layout::Natural, results: locker::Results::Small },
        locker::Dialect { layout: locker::Layout::Packed, results: locker::Results::Errno },
    ]
}

/// Decodes the stream whole and in two pieces, each with a new decoder.
fn agree<T: Debug, E: Debug, D: FnMut(&mut BytesMut) -> Result<Option<T>, E>>(
    stream: &[u8],
    cut: usize,
    decoder: impl Fn() -> D,
) {
    let whole = fed(decoder(), &[stream]);
    let (first, second) = stream.split_at(cut);
    assert_eq!(whole, fed(decoder(), &[first, second]), "cut at {cut}");
}

/// What comes out, as text; an error is the end.
fn fed<T: Debug, E: Debug>(
    mut decode: impl FnMut(&mut BytesMut) -> Result<Option<T>, E>,
    pieces: &[&[u8]],
) -> Vec<String> {
    let mut input = BytesMut::new();
    let mut out = Vec::new();
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            let before = input.len();
            match decode(&mut input) {
                Ok(Some(frame)) => {
                    assert!(input.len() < before, "a frame of no bytes: {frame:?}");
                    out.push(format!("{frame:?}"));
                }
                Ok(None) => break,
                Err(error) => {
                    out.push(format!("{error:?}"));
                    return out;
                }
            }
        }
    }
    out
}
